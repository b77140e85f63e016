"""When it matters: how far guidance ends from the target on random problems, by how much it asks for."""

from __future__ import annotations

from typing import Any

from ...plots.style import COLOURS, LINES, MARKS
from ..strength import LOG_Z_BINS, STEPS, Strength, compute
from .base import TheoryFigure, frame, panels

__all__ = ["draw", "figure", "table"]

_SCHEDULES = {"inverse": "inverse\n(early)", "constant": "constant", "ramp-up": "ramp-up\n(late)"}
_SHOWN = ("Normalized", "Unlocking")
_TABLED = (2, 4, 16, 64)


def draw(data: Strength) -> Any:
    """Above: continuous time, a panel for each bin. Below: finite steps in the last bin, a panel for each schedule."""
    fig, axes = panels(3, 6.6, rows=2, sharey="row")
    rows = data.rows()
    for panel, interval in zip(axes[0], LOG_Z_BINS, strict=True):
        found = {row.schedule: row for row in rows if row.group == interval and row.steps is None}
        for k, name in enumerate(_SHOWN):
            spread = [found[schedule].distance[name] for schedule in _SCHEDULES]
            middle = [q.median for q in spread]
            bars = [[q.median - q.low for q in spread], [q.high - q.median for q in spread]]
            panel.errorbar(
                [x + 0.22 * (k - 0.5) for x in range(len(spread))], middle, bars, fmt=MARKS[name], color=COLOURS[name],
                markerfacecolor="white", markersize=7, capsize=4, linewidth=1.8, label=name,
            )  # fmt: skip
        panel.set_xticks(range(len(_SCHEDULES)), list(_SCHEDULES.values()))
        panel.set_xlim(-0.5, len(_SCHEDULES) - 0.5)
        count = next(iter(found.values())).count
        frame(panel, f"log $Z_w$ {interval}: {count} problems")
    last = list(LOG_Z_BINS)[-1]
    for panel, schedule in zip(axes[1], _SCHEDULES, strict=True):
        found_at = {row.steps: row for row in rows if (row.group, row.schedule) == (last, schedule)}
        for name in found_at[STEPS[0]].distance:
            panel.plot(
                STEPS, [found_at[t].distance[name].median for t in STEPS], LINES[name], marker=MARKS[name], label=name,
                color=COLOURS[name], markerfacecolor="white", linewidth=1.7,
            )  # fmt: skip
        panel.set_xscale("log", base=2)
        panel.set_xticks(STEPS, [str(t) for t in STEPS])
        frame(panel, f"log $Z_w$ {last}, {schedule}: {found_at[STEPS[0]].count} problems", "steps $T$")
    for row in axes:
        row[0].set_ylim(0, None)
    axes[0][0].legend(fontsize=9, frameon=False, loc="upper left")
    axes[1][2].legend(fontsize=9, frameon=False, loc="upper right")
    axes[0][0].set_ylabel("total variation to the target,\nmedian and quartiles", fontsize=10)
    axes[1][0].set_ylabel("total variation to the target,\nmedian", fontsize=10)
    return fig


def table(data: Strength) -> list[tuple[str, ...]]:
    """Lines of the page, medians and quartiles: by interval and steps, and by structure in continuous time."""
    names = list(dict.fromkeys(name for row in data.rows() for name in row.distance))
    head = ("problems", "count", "steps", "schedule", *names, "apart", "masked at m = 1/2")
    by_band = [(f"log Z_w {row.group}", row) for row in data.rows() if row.steps in (None, *_TABLED)]
    by_family = [(row.group, row) for row in data.rows(lambda case: case.family) if row.steps is None]
    body = [
        (
            group, str(row.count), "limit" if row.steps is None else str(row.steps), row.schedule,
            *(str(row.distance.get(name, "")) for name in names), str(row.apart),
            str(row.masked["Unlocking"]) if row.masked else "",
        )
        for group, row in by_band + by_family
    ]  # fmt: skip
    return [head, *body]


def figure() -> TheoryFigure:
    """The figure of the bands."""
    data = compute()
    rows = {(row.group, row.schedule): row for row in data.rows() if row.steps is None}
    families = sorted({case.family for case in data.cases})
    count = len({(c.family, c.n, c.d, c.log_z) for c in data.cases if c.steps is None})
    least, *_, most = LOG_Z_BINS

    def medians(interval: str, name: str) -> str:
        found = (f"{schedule} {rows[interval, schedule].distance[name].median:.3f}" for schedule in _SCHEDULES)
        return ", ".join(found)

    caption = f"""
**Problem.** {count} random problems of {len(families)} families ({", ".join(families)}), mean weight $w =
{data.weight:g}$, exact predictions. **Formula.** They are sorted by $log Z_w = w D_(1+w)(p_c || p_u)$ of the joint
laws, which says how much guidance asks for. Above: TV to the tilted target in continuous time (Simple has the limit of
Unlocking). Below: with $T$ ancestral steps, those problems of the strongest interval that have at most 27 states.

Where little is asked for, nothing matters much: medians with log Z below 1 are {medians(least, "Normalized")} for
Normalized, {medians(least, "Unlocking")} for Unlocking, and the two laws are {rows[least, "constant"].apart.median:.3f}
apart under a constant weight. With log Z of 3 or more they are {medians(most, "Normalized")} and
{medians(most, "Unlocking")}; the mechanisms are then {rows[most, "constant"].apart.median:.3f} apart under a constant
weight and {rows[most, "inverse"].apart.median:.3f} under early-heavy ones. Numbers are medians over problems, bars and
brackets quartiles; "apart" is the TV between Normalized and Unlocking, "masked" the share that Unlocking has left.
Finite steps are of fewer problems than the limit: compare them with each other, not with the limit."""
    alt = """Six panels. Above, distance to the target by schedule for weak, medium and strong guidance, Normalized and
    Unlocking side by side. Below, distance against the number of steps for each schedule."""
    return TheoryFigure("bands", "When it matters: random problems", draw(data), caption, alt, data, table(data))
