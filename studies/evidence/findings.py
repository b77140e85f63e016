"""What the stored results say of each finding, a row for each data set."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dguide.evaluate.evaluation import DISTANCES
from dguide.evaluate.statistics.variance import t_quantile

from .grid_verdicts import joined
from .tested import REFUTED, UNDECIDED, together, verdict

__all__ = [
    "ALIKE",
    "CONSTANT",
    "EARLY",
    "FINDINGS",
    "GUIDED",
    "LATE",
    "MEAN",
    "SEQUENCES",
    "STEPS",
    "Results",
    "Row",
    "rows",
]

Results: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What the files of results hold, by the name of the study."""

GUIDED, LATE, EARLY, CONSTANT, ALIKE = "guided", "late", "early", "constant", "alike"
FINDINGS = (GUIDED, LATE, EARLY, CONSTANT, ALIKE)
SEQUENCES = ("splice", "peptides", "plays")
MEAN, STEPS = 3.0, 16
"""The test of a grid that stands for the others, where it is there."""


@dataclass(frozen=True)
class Row:
    """A finding on a data set.

    Attributes:
        finding: one of `FINDINGS`.
        model: the checkpoint.
        setting: mean weight and steps of the difference.
        figure: what was measured.
        gain: how much better the one setting is than the other one, with its interval of `level`.
        other: the figure of the other setting.
        samples: number of samples of each setting, all seeds together.
        seeds: their number.
        verdict: confirmed, bounded, refuted or undecided.
        tests: how many tests the verdict is of.
        beforehand: whether the finding was stated before the samples were drawn.
        command: what makes the number.
    """

    finding: str
    model: str
    setting: str
    figure: str
    gain: tuple[float, float, float]
    level: float
    other: float
    samples: int
    seeds: int
    verdict: str
    beforehand: bool
    command: str
    tests: int = 1


def rows(results: Results) -> list[Row]:
    """All findings. A grid stands in place of the earlier studies of its model."""
    grids = {str(found["model"]): found for name, found in results.items() if name.startswith("grid-")}
    earlier = [*_of_sceptic(results), *_of_pairs(results), *_of_sequences(results)]
    found = [row for grid in grids.values() for row in _of_grid(grid)]
    done = {(row.finding, row.model) for row in found}
    found += [row for row in earlier if (row.finding, row.model) not in done]
    return sorted(found, key=lambda row: FINDINGS.index(row.finding))


def _of_grid(grid: Mapping[str, Any]) -> Iterator[Row]:
    """The tests of a grid by finding: the counts of all, and the difference of one."""
    by_finding: dict[str, list[Mapping[str, Any]]] = {}
    for test in grid["hypotheses"]:
        by_finding.setdefault(_finding(test), []).append(test)
    for finding in FINDINGS:
        tests = by_finding.get(finding, [])
        shown = [test for test in tests if len(test["cells"]) == 2] or tests
        if shown:
            yield _tested(grid, finding, tests, min(shown, key=lambda test: _distance(test["cells"][0])))


def _distance(cell: list[Any]) -> tuple[float, float]:
    """How far a cell is from the one that stands for the others."""
    return abs(cell[3] - STEPS), abs(cell[2] - MEAN)


def _finding(test: Mapping[str, Any]) -> str:
    """Which finding a test is of, by its cells; "" for others."""
    for start, finding in (("alike", ALIKE), ("guidance-helps", GUIDED)):
        if str(test["name"]).startswith(start):
            return finding
    if len(test["cells"]) != 2:
        return ""
    (mechanism, schedule, *_), (other, against, *_) = test["cells"]
    if (schedule, against) == ("constant", "constant"):
        return CONSTANT if (mechanism, other) == ("Normalized", "Unlocking") else ""
    if (mechanism, other) != ("Normalized", "Normalized"):
        return ""
    return {("ramp-up", "constant"): LATE, ("constant", "inverse"): EARLY}.get((schedule, against), "")


def _tested(grid: Mapping[str, Any], finding: str, tests: list[Mapping[str, Any]], shown: Mapping[str, Any]) -> Row:
    of = {(c["mechanism"], c["schedule"], c["mean"], c["steps"]): c for c in grid["cells"]}
    figures = [each for cell in shown["cells"] for each in of[tuple(cell)]["figures"] if each["name"] == grid["figure"]]
    better, other = figures[-2:]  # of a test of equivalence the last two have the ramp-up
    _, _, mean, steps = shown["cells"][0]
    gain = (shown["difference"], shown["low"], shown["high"])
    if finding == ALIKE:  # the sum of the test has the margin in it, and is no gain
        gain = _apart(better, other)
    if other["better"] == "lower" and finding != ALIKE:
        gain = (-gain[0], -gain[2], -gain[1])
    said = [str(test["verdict"]) for test in joined(tests)]
    return Row(
        finding,
        grid["model"],
        f"w = {mean:g}, T = {steps}",
        grid["figure"],
        gain,
        0.95 if finding == ALIKE else shown["level"],
        other["value"],
        shown["samples"],
        shown["samples"] // grid["count"],
        together(said),
        True,
        grid["made by"],
        len(said),
    )


def _of_sceptic(results: Results) -> Iterator[Row]:
    found = results.get("sceptic")
    if found is None:
        return
    for each in found["findings"]:
        if each["figure"] == found["figure"]:
            yield Row(
                each["finding"],
                found["model"],
                f"w = 3, T = {found['steps']}",
                found["figure"],
                (each["difference"], each["low"], each["high"]),
                each["level"],
                found["settings"][each["other"]][found["figure"]],
                found["count"] * len(found["seeds"]),
                len(found["seeds"]),
                each["verdict"],
                True,
                found["made by"],
            )


def _of_pairs(results: Results) -> Iterator[Row]:
    """The ramp-up against the constant weight on the digits at mean 1, from pairs of seeds."""
    found = results.get("pairs")
    if found is None:
        return
    name = DISTANCES[0]
    constant, ramp = (np.array(found["values"][setting][name]) for setting in ("w = 1", "ramp-up"))
    apart, seeds = constant - ramp, len(constant)
    reach = t_quantile(seeds - 1) * float(apart.std(ddof=1)) / math.sqrt(seeds)
    value = float(apart.mean())
    gain = (value, value - reach, value + reach)
    yield Row(
        LATE,
        "digits-masked",
        f"w = 1, T = {found['steps']}",
        name,
        gain,
        0.95,
        float(constant.mean()),
        found["samples"] * seeds,
        seeds,
        verdict(*gain[1:]),
        False,
        found["made by"],
    )


def _of_sequences(results: Results) -> Iterator[Row]:
    """Settings of mean weight 2 on strings. The intervals of both settings count as independent."""
    pairs = {
        CONSTANT: ("`Normalized`, constant, 2", "`Unlocking`, constant, 2"),
        LATE: ("`Normalized`, ramp-up, 2", "`Normalized`, constant, 2"),
        ALIKE: ("`Normalized`, ramp-up, 2", "`Unlocking`, ramp-up, 2"),
    }
    for name in SEQUENCES:
        if name not in results:
            continue
        found = results[name]
        of = {run["setting"]: {each["name"]: each for each in run["figures"]} for run in found["runs"]}
        figure = next(each for each in DISTANCES if each in of["none"])
        for finding, (one, two) in pairs.items():
            better, other = of[one][figure], of[two][figure]
            gain = _apart(better, other)
            said = verdict(*gain[1:])
            if finding == ALIKE:  # no interval of a difference shows that there is none
                said = UNDECIDED if said == UNDECIDED else REFUTED
            yield Row(
                finding,
                found["checkpoint"],
                "w = 2, T = 32",
                figure,
                gain,
                0.95,
                other["value"],
                found["samples"],
                1,
                said,
                False,
                found["made by"],
            )


def _apart(better: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[float, float, float]:
    """How much better a figure is, with the interval of Zou and Donner (2008) for independent samples."""
    if other["better"] == "higher":
        better, other = other, better
    value = other["value"] - better["value"]
    low = math.hypot(other["value"] - other["low"], better["high"] - better["value"])
    high = math.hypot(other["high"] - other["value"], better["value"] - better["low"])
    return value, value - low, value + high
