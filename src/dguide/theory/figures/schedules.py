"""Schedules of equal mean weight, compared on random problems."""

from __future__ import annotations

from typing import Any

from ...plots.style import COLOURS, MARKS
from ..schedules import Schedules, compute
from .base import TheoryFigure, frame, panels

__all__ = ["draw", "figure", "table"]

_HALF = "held-out"
_MECHANISMS = ("Normalized", "Unlocking")


def draw(data: Schedules) -> Any:
    """Draws the distance to the target, and the gain over the ramp-up, on the held-out half."""
    fig, axes = panels(2, 4.4, sharey=True)
    rows = {(row.mechanism, row.schedule): row for row in data.rows() if row.half == _HALF}
    names = list(dict.fromkeys(schedule for _, schedule in rows))
    for k, mechanism in enumerate(_MECHANISMS):
        heights = [-y + 0.14 - 0.28 * k for y in range(len(names))]
        for panel, what in zip(axes[0], ("distance", "gain"), strict=True):
            spread = [getattr(rows[mechanism, name], what) for name in names]
            bars = [[q.median - q.low for q in spread], [q.high - q.median for q in spread]]
            panel.errorbar(
                [q.median for q in spread], heights, xerr=bars, fmt=MARKS[mechanism], color=COLOURS[mechanism],
                markerfacecolor="white", markersize=6.5, capsize=3, linewidth=1.6, label=mechanism,
            )  # fmt: skip
    distance, gain = axes[0]
    distance.set_yticks([-y for y in range(len(names))], names)
    distance.set_xlim(0, None)
    gain.axvline(0, color="0.4", linewidth=1)
    count = rows[_MECHANISMS[0], names[0]].distance.count
    frame(distance, f"(a) distance to the target, {count} problems", "total variation, median and quartiles")
    frame(gain, "(b) nearer than with the ramp-up by", "gain in total variation, median and quartiles")
    distance.legend(fontsize=9, frameon=False, loc="lower right")
    return fig


def table(data: Schedules) -> list[tuple[str, ...]]:
    """Lines of the page, for both halves."""
    head = ("half", "mechanism", "schedule", "problems", "total variation", "KL divergence", "better than the ramp-up")
    body = []
    for row in data.rows():
        better = row.better
        share = f"{better.value:.0%} ({better.low:.0%} to {better.high:.0%})" if better else "the ramp-up itself"
        counts = str(row.distance.count)
        body.append((row.half, row.mechanism, row.schedule, counts, str(row.distance), str(row.divergence), share))
    return [head, *body]


def figure() -> TheoryFigure:
    """The figure of schedules on random problems."""
    data = compute()
    rows = {(row.mechanism, row.schedule): row for row in data.rows() if row.half == _HALF}

    def medians(mechanism: str) -> str:
        return ", ".join(f"{s} {row.distance.median:.3f}" for (m, s), row in rows.items() if m == mechanism)

    def better(schedule: str) -> str:
        shares = ((m, rows[m, schedule].better) for m in _MECHANISMS)
        return " and ".join(f"{p.value:.0%} ({p.low:.0%} to {p.high:.0%}, {m})" for m, p in shares if p)

    count = next(iter(rows.values())).distance.count
    caption = f"""
**Problem.** {count} held-out random problems, which were not used to choose a schedule; the table also has the other
half. Mean weight $w = {data.weight:g}$, exact predictions, continuous time. **Formula.** TV to the tilted target $T ~
p_c^(1+w) p_u^(-w)$ at the mean weight, by schedule.

(a) Medians for Normalized: {medians("Normalized")}; for Unlocking: {medians("Unlocking")}. (b) The same problems, each
compared with the ramp-up: right of zero is nearer to the target. A constant weight is nearer on {better("constant")}
of the problems, an inverse ramp on {better("inverse")}, with 95 % intervals."""
    alt = "Left: distance to the target by schedule for both mechanisms, with quartiles. Right: gain over the ramp-up."
    return TheoryFigure("schedules", "Schedules on random problems", draw(data), caption, alt, data, table(data))
