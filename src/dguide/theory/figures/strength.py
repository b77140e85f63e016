"""Distance of guided samples to the target on random problems, by strength of guidance."""

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
    """Draws continuous time above (a panel for each bin), and steps of the last bin below (a panel a schedule)."""
    fig, axes = panels(3, 6.6, rows=2, sharey="row")
    rows = data.rows()
    for panel, group in zip(axes[0], LOG_Z_BINS, strict=True):
        by_schedule = {row.schedule: row for row in rows if row.group == group and row.steps is None}
        for k, name in enumerate(_SHOWN):
            spread = [by_schedule[schedule].distance[name] for schedule in _SCHEDULES]
            middle = [q.median for q in spread]
            bars = [[q.median - q.low for q in spread], [q.high - q.median for q in spread]]
            panel.errorbar(
                [x + 0.22 * (k - 0.5) for x in range(len(spread))], middle, bars, fmt=MARKS[name], color=COLOURS[name],
                markerfacecolor="white", markersize=7, capsize=4, linewidth=1.8, label=name,
            )  # fmt: skip
        panel.set_xticks(range(len(_SCHEDULES)), list(_SCHEDULES.values()))
        panel.set_xlim(-0.5, len(_SCHEDULES) - 0.5)
        count = next(iter(by_schedule.values())).count
        frame(panel, f"log $Z_w$ {group}: {count} problems")
    last = list(LOG_Z_BINS)[-1]
    for panel, schedule in zip(axes[1], _SCHEDULES, strict=True):
        by_steps = {row.steps: row for row in rows if (row.group, row.schedule) == (last, schedule)}
        for name in by_steps[STEPS[0]].distance:
            panel.plot(
                STEPS, [by_steps[t].distance[name].median for t in STEPS], LINES[name], marker=MARKS[name], label=name,
                color=COLOURS[name], markerfacecolor="white", linewidth=1.7,
            )  # fmt: skip
        panel.set_xscale("log", base=2)
        panel.set_xticks(STEPS, [str(t) for t in STEPS])
        frame(panel, f"log $Z_w$ {last}, {schedule}: {by_steps[STEPS[0]].count} problems", "steps $T$")
    for row in axes:
        row[0].set_ylim(0, None)
    axes[0][0].legend(fontsize=9, frameon=False, loc="upper left")
    axes[1][2].legend(fontsize=9, frameon=False, loc="upper right")
    axes[0][0].set_ylabel("total variation to the target,\nmedian and quartiles", fontsize=10)
    axes[1][0].set_ylabel("total variation to the target,\nmedian", fontsize=10)
    return fig


def table(data: Strength) -> list[tuple[str, ...]]:
    """Lines of the page, medians and quartiles: by bin and steps, and by kind of problem in continuous time."""
    names = list(dict.fromkeys(name for row in data.rows() for name in row.distance))
    head = ("problems", "count", "steps", "schedule", *names, "apart", "masked at $m = 1/2$")
    by_band = [(f"$log Z_w$ {row.group}", row) for row in data.rows() if row.steps in (None, *_TABLED)]
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
    """The figure of the strength of guidance."""
    data = compute()
    rows = {(row.group, row.schedule): row for row in data.rows() if row.steps is None}
    families = sorted({case.family for case in data.cases})
    count = len({(c.family, c.n, c.d, c.log_z) for c in data.cases if c.steps is None})
    least, *_, most = LOG_Z_BINS

    def medians(group: str, name: str) -> str:
        return ", ".join(f"{schedule} {rows[group, schedule].distance[name].median:.3f}" for schedule in _SCHEDULES)

    caption = f"""
**Problem.** {count} random problems of {len(families)} kinds ({", ".join(families)}), mean weight $w =
{data.weight:g}$, exact predictions. **Formula.** The strength of guidance is $log Z_w = w D_(1+w)(p_c || p_u)$ of the
joint distributions, in three bins. Above: TV to the tilted target in continuous time (Simple has the limit of
Unlocking). Below: $T$ ancestral steps, for the problems of the last bin with at most 27 states.

If guidance is weak, the mechanism has little effect. With log Z below 1 the medians are {medians(least, "Normalized")}
for Normalized and {medians(least, "Unlocking")} for Unlocking, and the TV between the two distributions is
{rows[least, "constant"].apart.median:.3f} with a constant weight. With log Z of 3 or more the medians are
{medians(most, "Normalized")} and {medians(most, "Unlocking")}, and the TV between the two is
{rows[most, "constant"].apart.median:.3f} with a constant weight and {rows[most, "inverse"].apart.median:.3f} with an
early one. Numbers are medians over problems, bars and brackets quartiles. In the table "apart" is the TV between
Normalized and Unlocking, and "masked" is the masked fraction of Unlocking. Finite steps have fewer problems than the
limit: compare them with each other, not with the limit."""
    alt = """Six panels. Above: distance to the target by schedule for weak, medium and strong guidance, Normalized and
    Unlocking side by side. Below: distance against the number of steps for each schedule."""
    return TheoryFigure("bands", "Strength of guidance on random problems", draw(data), caption, alt, data, table(data))
