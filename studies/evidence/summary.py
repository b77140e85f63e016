"""The first page of docs/results.md: five sentences that the verdicts choose, a figure, and a table a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dguide.evaluate import Proportion
from dguide.plots import style
from studies.common import inside, table
from studies.evidence.findings import ALIKE, CONSTANT, EARLY, FINDINGS, LATE, Results, Row, rows
from studies.evidence.tested import BOUNDED, CONFIRMED, REFUTED, UNDECIDED, together
from studies.mechanisms import NAMES as MECHANISMS
from studies.mechanisms import unpacked

__all__ = ["ORDER", "PICTURE", "WORDS", "by_model", "exact", "figure", "picture", "sections", "sentence"]

PICTURE = "results.svg"
LOOKS = {
    1: {"color": "#0072B2", "marker": "o"},
    -1: {"color": "#D55E00", "marker": "s"},
    0: {"color": "#606060", "marker": "D", "markerfacecolor": "#FFFFFF"},
}
"""Looks of a gain above 0, below 0, and not decided, different also without colours."""


@dataclass(frozen=True)
class Words:
    """What is said of a finding.

    Attributes:
        label: its name in the figure.
        claim: what is counted.
        holds: the advice where it holds on most data sets, and the opposite on none.
        mixed: where the opposite holds somewhere.
        still_open: where it was shown on no more than half of them.
    """

    label: str
    claim: str
    holds: str
    mixed: str
    still_open: str


WORDS = {
    CONSTANT: Words(
        "Constant weight: Normalized over Unlocking",
        "With a constant weight `Normalized` was shown to be better than `Unlocking`",
        "With a constant weight take `Normalized`",
        "With a constant weight try more than one mechanism: which one is better depends on the data",
        "Which mechanism to take with a constant weight is open on most of the data",
    ),
    LATE: Words(
        "Normalized: ramp-up over constant",
        "With `Normalized` the ramp-up was shown to be better than the constant weight",
        "Guide late",
        "Try a late schedule: whether it helps depends on the data",
        "Whether a late schedule helps is open on most of the data",
    ),
    EARLY: Words(
        "Normalized: constant over inverse",
        "With `Normalized` the inverse schedule was shown to be worse than the constant weight",
        "Do not guide strongly near noise",
        "Strong guidance near noise can harm: whether it does depends on the data",
        "Whether strong guidance near noise harms is open on most of the data",
    ),
    ALIKE: Words(
        "Ramp-up: Normalized over Unlocking",
        "With the ramp-up the mechanisms were shown to be alike",
        "With a late schedule take any mechanism",
        "With a late schedule the mechanism can still matter",
        "Whether the mechanism matters with a late schedule is open on most of the data",
    ),
}
ORDER = (CONFIRMED, BOUNDED, REFUTED, UNDECIDED)


def sections(results: Results) -> dict[str, str]:
    """The text between the marks of the page."""
    found = rows(results)
    said = [sentence(name, [row for row in found if row.finding == name]) for name in FINDINGS]
    made = {"summary": "\n".join(f"{number}. {each}" for number, each in enumerate((*said, exact(results)), 1))}
    return made | {f"finding {name}": by_data([row for row in found if row.finding == name]) for name in FINDINGS}


def by_model(found: Sequence[Row]) -> dict[str, str]:
    """The verdict of each model over all its rows."""
    models: dict[str, list[str]] = {}
    for row in found:
        models.setdefault(row.model, []).append(row.verdict)
    return {name: together(each) for name, each in models.items()}


def sentence(finding: str, found: Sequence[Row]) -> str:
    """The finding as the verdicts have it, with the counts."""
    said, verdicts = WORDS[finding], by_model(found)
    some = {word: [name for name, each in verdicts.items() if each == word] for word in ORDER}
    held = len(some[CONFIRMED]) + len(some[BOUNDED])
    advice = said.mixed if some[REFUTED] else said.holds if 2 * held > len(verdicts) else said.still_open
    counts = "; ".join(f"{word}: {', '.join(f'`{name}`' for name in names)}" for word, names in some.items() if names)
    return f"**{advice}.** {said.claim} on {held} of {len(verdicts)} data sets ({counts or 'not measured yet'})."


def exact(results: Results) -> str:
    """Why: the pace and the order of `Unlocking` exchanged one at a time on problems that are solved exactly."""
    orders = unpacked(dict(results["mechanisms"]))[1]
    of = {(row.errors, row.pace, row.order): row for row in orders.rows() if row.steps == orders.steps}
    plain, other = MECHANISMS[0].lower(), MECHANISMS[1].lower()
    cases = (("none", other, plain), ("none", plain, other), ("independent", plain, other))
    pace, order, erring = (of[case].worse for case in cases)
    count = of[cases[0]].distance.count
    words = "The pace is one cause" if pace.low > 0.5 else "The cause is open"
    return (
        f"**{words}.** On {count} small problems that are solved exactly (constant w = {orders.weight:g}, "
        f"T = {orders.steps}), the pace of `Unlocking` alone {_harms(pace)}. Its order alone {_harms(order)} if the "
        f"predictions are exact, and {_harms(erring)} if they err independently."
    )


def _harms(worse: Proportion) -> str:
    """What a share of problems with a larger distance to the target says, beside a half."""
    said = "harms" if worse.low > 0.5 else "helps" if worse.high < 0.5 else "makes no clear difference"
    return f"{said} (worse on a share of {worse.value:.2f}, interval {worse.low:.2f} to {worse.high:.2f})"


def by_data(found: Sequence[Row]) -> str:
    """A row for each data set, with the difference, and where it comes from."""
    if not found:
        return "Not measured yet."
    lines = []
    for row in found:
        tests = "" if row.tests == 1 else f" ({row.tests} tests)"
        lines.append(
            [
                f"`{row.model}`",
                row.setting,
                row.figure,
                f"{row.other:.3g}",
                inside(*row.gain, ".2g"),
                f"{100 * row.level:.4g} %",
                f"{row.samples:,}, {row.seeds}",
                f"{row.verdict}{tests}",
                "yes" if row.beforehand else "no",
                f"`{row.command}`",
            ]
        )
    heads = "model | setting | figure | :of the other | :gain (interval) | :level | :samples, seeds"
    return table(f"{heads} | verdict | stated beforehand | command", lines)


def picture(results: Results, path: Path) -> None:
    """Writes the figure of the first page."""
    style.save(figure(rows(results)), path)


def figure(found: Sequence[Row]) -> Any:
    """Each gain as a share of the figure of the other setting, a panel for each finding that was measured."""
    panels = {name: some for name in FINDINGS if (some := [row for row in found if row.finding == name])}
    heights = [len(some) + 1 for some in panels.values()]
    drawn = style.blank((8.0, 0.9 + 0.27 * sum(heights)))
    axes = drawn.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for each, (name, some) in zip(axes, panels.items(), strict=True):
        each.set_title(f"{WORDS[name].label}", loc="left", fontsize=11)
        each.axvline(0, color="black", linewidth=1, zorder=1)
        for place, row in enumerate(some):
            value, low, high = (100 * end / abs(row.other) for end in row.gain)
            look = LOOKS[(row.gain[1] > 0) - (row.gain[2] < 0)]
            each.hlines(place, low, high, color=look["color"], linewidth=2, zorder=2)
            each.plot(value, place, linestyle="", markersize=7, markeredgewidth=1.6, zorder=3, **look)
        each.set_yticks(range(len(some)), [f"{row.model}, {row.setting}" for row in some])
        each.set_ylim(len(some) - 0.5, -0.5)
        each.grid(axis="x", color="0.9")
        each.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel(
        "gain in % of the figure of the other setting, with its interval\n"
        "circle: above 0; square: below 0; open diamond: not decided"
    )
    return drawn
