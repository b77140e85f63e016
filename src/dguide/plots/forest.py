"""Differences with their intervals, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import choose
from .reader import WIDTH, check_intervals, equal_columns, framed, keyed, named, room
from .style import blank, put, shortened
from .tips import tell

__all__ = ["forest_plot"]

_LOOKS = (
    {"color": "#0072B2", "marker": "o"},
    {"color": "#D55E00", "marker": "s"},
    {"color": "#606060", "marker": "D", "markerfacecolor": "#FFFFFF"},
)
"""Looks of a difference that is better, worse, or not decided, different also without colours."""
_BESIDE = 2.2
"""Inches of a name beside its row."""


def forest_plot(
    names: Sequence[str],
    values: ArrayLike,
    lows: ArrayLike,
    highs: ArrayLike,
    *,
    label: str,
    legend: tuple[str, str, str],
    better: Literal["higher", "lower"] = "higher",
    digits: int = 3,
) -> Any:
    """Draws one row for each difference: a mark at its value, a line for its interval, and a line at no difference.

    An interval above or below 0 has a filled mark. One that contains 0 has an open mark.

    Args:
        names: What is compared, one text for each row, from top to bottom.
        values: Differences [n].
        lows: Lower ends of the intervals [n].
        highs: Upper ends of the intervals [n].
        label: The axis: what differs, with its unit and the level of the intervals.
        legend: Words for better, worse, and not decided.
        better: Whether "higher" or "lower" values are better.
        digits: Significant digits of the values under the pointer.

    Returns:
        A figure of Matplotlib.

    Raises:
        InputError: If there is no row, if the lengths differ, or if a value is not finite or outside its interval.

    Example:
        >>> words = ("better", "worse", "not decided")
        >>> figure = forest_plot(["ramp-up 2"], [-0.3], [-0.5], [-0.1], label="difference of Fréchet distance",
        ...                      legend=words, better="lower")
    """
    choose("better", better, ("higher", "lower"))
    rows = equal_columns({"values": values, "lows": lows, "highs": highs}, len(names))
    value, low, high = rows
    check_intervals(value, low, high)
    figure = blank((WIDTH, 0.85 + 0.26 * len(names)))
    axes = figure.add_subplot()
    axes.axvline(0, color="black", linewidth=1, zorder=1)
    sides = (np.sign(low) + np.sign(high)) / 2 * (1 if better == "higher" else -1)
    for side, look, word in zip((1, -1, 0), _LOOKS, legend, strict=True):
        at = np.flatnonzero(sides == side if side else np.abs(sides) < 1)
        if len(at):
            axes.hlines(at, low[at], high[at], color=look["color"], linewidth=2, zorder=2)
            (marks,) = axes.plot(value[at], at, linestyle="", markersize=7, markeredgewidth=1.6, **look, label=word)
            tell(marks, [f"{names[k]}: {_interval(rows[:, k].tolist(), digits)}" for k in at.tolist()])
    axes.set_yticks(range(len(names)), list(map(_beside, names)))
    for text in axes.get_yticklabels():
        put(text, text.get_text(), replaced=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    named(figure, label)
    framed(axes)
    keyed(figure, 3)
    return figure


def _interval(row: list[float], digits: int) -> str:
    value, low, high = row
    return f"{value:.{digits}g} [{low:.{digits}g}, {high:.{digits}g}]"


def _beside(name: str) -> str:
    """A name with room for the axes beside it."""
    return name if room(name) <= _BESIDE else shortened(name, int(_BESIDE / room(name) * len(name)))
