"""The page of the grid: what each data set says, as tables and a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studies.common import inside, table

from .grid_cells import NAMES, SCHEDULES
from .grid_picture import picture
from .grid_verdicts import COUNTED, summary
from .tested import CONFIRMED

__all__ = ["effect", "missing_words", "numbers", "pictures", "sections"]


READ = """The table shows the mean weight that was measured first, with 95 % intervals. Calls are conditional and
reference network calls of a batch."""


def sections(found: Mapping[str, Any]) -> dict[str, str]:
    """The part of a data set on the page of the grid."""
    name = f"grid-{found['model']}"
    return {
        f"{name} about": about(found),
        f"{name} verdicts": verdicts(found),
        f"{name} where": where(found),
        f"{name} figures": "\n\n".join([_picture(found), figures(found)]),
        f"{name} strengths": strengths(found),
    }


def pictures(found: Mapping[str, Any], folder: Path) -> None:
    picture(found, folder / f"grid-{found['model']}.png")


def _picture(found: Mapping[str, Any]) -> str:
    what = f"{found['figure']} against the mean weight, a panel a schedule, a line a mechanism"
    return f"![{what}](images/grid-{found['model']}.png)"


def about(found: Mapping[str, Any]) -> str:
    """How it was made, what was found out beforehand about the power, and what is missing."""
    seeds, made = ", ".join(map(str, found["seeds"])), " (a program generated the data)" if found["synthetic"] else ""
    lines = [
        f"Model `{found['model']}` (SHA-256 of the weights {found['sha256'][:12]}), data `{found['data']}`{made}.",
        f"Figure that decides: {found['figure']}. {found['count']} samples a seed, seeds {seeds}, sampler `Ancestral`.",
        f"{found['family']} tests, each with an interval of level 1 - 0.05 / {found['family']}.",
    ]
    if found["power"] is not None:
        power = found["power"]
        lines.append(
            f"Power, from {power['count']} samples of seed {power['seed']} at 16 steps, before the grid: 80 % find"
            f" a difference of {power['mechanisms']:.2g} between `Normalized` and `Unlocking` (constant, mean 3),"
            f" and one of {power['guidance']:.2g} between `Normalized` and no guidance."
        )
    planned = len(found["cells"]) + len(found["missing"])
    missing = missing_words(found)
    done = "all cells" if not missing else f"{len(found['cells'])} of {planned} cells; missing: {missing}"
    lines.append(f"Measured: {done}. `python -m studies.run grid-{found['model']}` makes them all.")
    return "\n".join(lines)


def missing_words(found: Mapping[str, Any]) -> str:
    """The missing cells, as mean weights by steps."""
    means: dict[int, set[float]] = {}
    for _, _, mean, steps in found["missing"]:
        means.setdefault(steps, set()).add(mean)
    words = (
        f"{steps} steps at mean {', '.join(f'{mean:g}' for mean in sorted(some))}" for steps, some in means.items()
    )
    return "; ".join(words)


def verdicts(found: Mapping[str, Any]) -> str:
    """A row for each hypothesis."""
    rows = []
    for row in summary(found):
        counts = row["counts"]
        measured = sum(counts.values())
        rows.append(
            [
                f"[{row['name']}](#{row['name']})",
                row["verdict"],
                f"{numbers(counts)} of {measured}"
                + ("" if measured == row["planned"] else f" ({row['planned']} planned)"),
                span(row["holds at log Z"]),
                span(row["not at log Z"]),
                effect(row["largest"]),
            ]
        )
    return table("hypothesis | verdict | holds, wrong, open | holds at log Z_w | not at log Z_w | largest effect", rows)


def where(found: Mapping[str, Any]) -> str:
    """Of the hypotheses that hold in part: the share of tests that hold, by mean weight and by steps."""
    tests = [each | {"mean": _most(each, 2), "steps": _most(each, 3)} for each in found["hypotheses"]]
    columns = [(key, value) for key in ("mean", "steps") for value in sorted({each[key] for each in tests})]
    rows = []
    for row in summary(found):
        if row["verdict"].startswith("bounded"):
            mine = [each for each in tests if each["name"] == row["name"]]
            some = ([each["verdict"] for each in mine if each[key] == value] for key, value in columns)
            rows.append([row["name"], *(f"{each.count(CONFIRMED)} of {len(each)}" if each else "" for each in some)])
    heads = (f":mean {value:g}" if key == "mean" else f":{value:g} steps" for key, value in columns)
    return table(f"holds in | {' | '.join(heads)}", rows) if rows else "No hypothesis holds in part only."


def _most(test: Mapping[str, Any], place: int) -> float:
    """The largest mean weight or number of steps of a test."""
    return max(float(cell[place]) for cell in test["cells"])


def numbers(counts: Mapping[str, int]) -> str:
    """How many tests hold, are wrong and are open."""
    return ", ".join(str(counts[word]) for word in COUNTED)


def span(ends: list[float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.2g} to {ends[1]:.2g}"


def effect(test: Mapping[str, Any] | None) -> str:
    """A difference with its interval and its cells."""
    if test is None:
        return ""
    mechanism, schedule, mean, steps = test["cells"][0]
    at = f"{mechanism}, {schedule}, mean {mean:g}, {steps} steps"
    return f"{inside(test['difference'], test['low'], test['high'], '.3g')}: {test['label']} ({at})"


def figures(found: Mapping[str, Any]) -> str:
    """The figure that decides and those beside it, at the steps and the mean weight that were measured first."""
    names = [found["figure"], *found["also"]]
    plain, *guided = found["cells"]
    steps, mean = plain["steps"], guided[0]["mean"] if guided else 0
    shown = [each for each in guided if (each["steps"], each["mean"]) == (steps, mean)]
    rows = []
    for cell in [plain, *sorted(shown, key=_order)]:
        of = {each["name"]: each for each in cell["figures"]}
        first = "no guidance" if cell["mean"] == 0 else f"{cell['mean']:g}, {cell['schedule']}, `{cell['mechanism']}`"
        calls = "{} + {}".format(*cell["calls"])
        rows.append([first, calls, *(_value(of[name]) for name in names)])
    of = {each["name"]: each for each in plain["figures"]}
    rows.append(["real data", "", *(f"{of[name]['best']:.3g}" for name in names)])
    heads = f"mean w, schedule, mechanism ({steps} steps) | calls | {' | '.join(f':{name}' for name in names)}"
    return f"{READ}\n\n{table(heads, rows)}"


def _order(cell: Mapping[str, Any]) -> tuple[float, int, int]:
    place = list(SCHEDULES).index(cell["schedule"]) if cell["schedule"] in SCHEDULES else -1
    return cell["mean"], place, NAMES.index(cell["mechanism"])


def _value(each: Mapping[str, Any]) -> str:
    return "" if math.isnan(each["value"]) else inside(each["value"], each["low"], each["high"], ".3g")


def strengths(found: Mapping[str, Any]) -> str:
    """log Z_w near noise, in the middle and near data."""
    rows = []
    seen = {(each["mean"], each["schedule"], each["mechanism"]): each for each in found["cells"] if each["log_z"]}
    for cell in sorted(seen.values(), key=_order):
        levels = cell["log_z"]
        parts = (levels[-2:], levels[4:6], levels[:2], levels)
        rows.append([f"{cell['mean']:g}", cell["schedule"], f"`{cell['mechanism']}`", *map(_mean, parts)])
    heads = ":mean w | schedule | mechanism | :m from 0.8 to 1 | :m from 0.4 to 0.6 | :m from 0 to 0.2 | :mean"
    return f"log Z_w of a position, by noise level m:\n\n{table(heads, rows)}"


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{round(sum(known) / len(known), 6) + 0:.2g}" if known else ""
