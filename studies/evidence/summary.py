"""The first page of docs/results.md: five sentences that the verdicts choose, a figure, the causes, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dguide.plots import style
from studies.common import inside, table
from studies.evidence import causes
from studies.evidence.findings import (
    ALIKE,
    CONSTANT,
    EARLY,
    FINDINGS,
    GUIDED,
    LATE,
    Results,
    Row,
    rows,
)
from studies.evidence.tested import BOUNDED, CONFIRMED, REFUTED, UNDECIDED, together

__all__ = ["ORDER", "PICTURE", "WORDS", "by_model", "figure", "picture", "sections", "sentence"]

PICTURE = "results.svg"
LOOKS = {
    1: {"color": "#0072B2", "marker": "o"},
    -1: {"color": "#D55E00", "marker": "s"},
    0: {"color": "#606060", "marker": "D", "markerfacecolor": "#FFFFFF"},
}
"""Looks of a gain above 0, below 0, and whose interval contains 0, different also without colours."""


@dataclass(frozen=True)
class Words:
    """What is said of a finding.

    Attributes:
        label: its name in the figure.
        claim: what is counted.
        holds: the advice where it holds on most data sets, and the opposite on none.
        mixed: where the opposite holds somewhere.
        begin: where it was shown on some of them, on no more than half, and the opposite on none.
        still_open: where neither was shown.
    """

    label: str
    claim: str
    holds: str
    mixed: str
    begin: str
    still_open: str


WORDS = {
    GUIDED: Words(
        "Best guided setting over no guidance",
        "Guided samples were shown to be nearer to the data than samples without guidance",
        "Guide: it brings samples nearer to the data",
        "Compare with no guidance first: guidance can take samples away from the data",
        "Guide, and compare with no guidance",
        "Compare with no guidance: whether guidance brings samples nearer to the data is open",
    ),
    LATE: Words(
        "Normalized: ramp-up over constant",
        "With `Normalized` the ramp-up was shown to be better than the constant weight",
        "Guide late",
        "Compare a late schedule with a constant weight: which one is better depends on data and model",
        "Begin with a late schedule",
        "Compare a late schedule with a constant weight: which one is better is open",
    ),
    EARLY: Words(
        "Normalized: constant over inverse",
        "With `Normalized` the inverse schedule was shown to be worse than the constant weight",
        "Do not guide strongly near noise",
        "Compare before you guide strongly near noise: whether it harms depends on data and model",
        "Avoid strong guidance near noise",
        "Compare before you guide strongly near noise: whether it harms is open",
    ),
    CONSTANT: Words(
        "Constant weight: Normalized over Unlocking",
        "`Normalized` was shown to be better than `Unlocking`",
        "With a constant weight take `Normalized`",
        "With a constant weight compare the mechanisms: which one is better depends on data and model",
        "With a constant weight begin with `Normalized`",
        "With a constant weight compare the mechanisms: which one is better is open",
    ),
    ALIKE: Words(
        "Ramp-up: Normalized over Unlocking (0: alike)",
        "The mechanisms were shown to be alike",
        "With the ramp-up take any mechanism",
        "With the ramp-up compare the mechanisms: they can differ",
        "With the ramp-up begin with any mechanism",
        "With the ramp-up compare the mechanisms: whether they differ is open",
    ),
}
ORDER = (CONFIRMED, BOUNDED, REFUTED, UNDECIDED)


def sections(results: Results) -> dict[str, str]:
    """The text between the marks of the page."""
    found = rows(results)
    said = [sentence(name, [row for row in found if row.finding == name], opposed(results, name)) for name in FINDINGS]
    made = {
        "summary": "\n".join(f"{number}. {each}" for number, each in enumerate(said, 1)),
        "causes": causes.section(results),
    }
    return made | {f"finding {name}": by_data([row for row in found if row.finding == name]) for name in FINDINGS}


def by_model(found: Sequence[Row]) -> dict[str, str]:
    """The verdict of each model over all its rows."""
    models: dict[str, list[str]] = {}
    for row in found:
        models.setdefault(row.model, []).append(row.verdict)
    return {name: together(each) for name, each in models.items()}


def opposed(results: Results, finding: str) -> list[str]:
    """The further models of the page for the sceptic with which the opposite of a finding was found."""
    further = results.get("sceptic", {}).get("models", [])
    return [
        str(model["name"])
        for model in further
        if any((each["finding"], each["verdict"]) == (finding, REFUTED) for each in model["findings"])
    ]


def sentence(finding: str, found: Sequence[Row], others: Sequence[str] = ()) -> str:
    """The finding as the verdicts have it, with the counts, and further models that say the opposite."""
    said, verdicts = WORDS[finding], by_model(found)
    some = {word: [name for name, each in verdicts.items() if each == word] for word in ORDER}
    held = len(some[CONFIRMED]) + len(some[BOUNDED])
    few = said.begin if held else said.still_open
    advice = said.mixed if some[REFUTED] or others else said.holds if 2 * held > len(verdicts) else few
    counts = "; ".join(f"{word}: {', '.join(f'`{name}`' for name in names)}" for word, names in some.items() if names)
    data = f"{len(verdicts)} model{'' if len(verdicts) == 1 else 's'}"
    opposite = f", and the opposite on {len(some[REFUTED]) or 'none'}" if verdicts else ""
    models = (
        f" The opposite was found with another model of the digits ([{', '.join(others)}](sceptic.md))."
        if others
        else ""
    )
    return f"**{advice}.** {said.claim} on {held} of {data}{opposite} ({counts or 'not measured yet'}).{models}"


def by_data(found: Sequence[Row]) -> str:
    """A row for each data set, with the difference, and where it comes from."""
    if not found:
        return "Not measured yet."
    lines = []
    for row in found:
        tests = "" if row.tests == 1 else f" ({row.tests} tests)"
        lines.append(
            [
                f"`{row.model}`, {row.setting}",
                row.figure,
                f"{row.other:.3g}",
                f"{inside(*row.gain, '.2g')}, {100 * row.level:.4g} %",
                f"{row.samples:,}, {row.seeds}",
                f"{row.verdict}{tests}",
                "yes" if row.beforehand else "no",
                f"`{row.command.split()[-1].removeprefix('studies.')}`",
            ]
        )
    heads = "model, setting | figure | :of the other | :gain (interval), level | :samples, seeds | verdict"
    return table(f"{heads} | stated beforehand | study", lines)


def picture(results: Results, path: Path) -> None:
    """Writes the figure of the first page."""
    style.save(figure(rows(results)), path)


def figure(found: Sequence[Row]) -> Any:
    """Each gain as a share of the figure of the other setting, a panel for each finding that was measured.

    A gain over a figure of 0 has no share, and stands in the tables alone.
    """
    panels = {name: some for name in FINDINGS if (some := [row for row in found if row.finding == name and row.other])}
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
        "gain: how much better, in % of the figure of the other setting, with its interval\n"
        "circle: above 0; square: below 0; open diamond: the interval contains 0"
    )
    return drawn
