"""What is saved, against the cost of one missed defect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import bad, number
from .reader import WIDTH, check_intervals, equal_columns, framed, keyed, named
from .style import blank
from .tips import tell

__all__ = ["SavingWords", "saving_chart"]

_LOGARITHMIC = 30
"""Ratio of the largest to the smallest cost from which the axis of costs is logarithmic."""


@dataclass(frozen=True)
class SavingWords:
    """The words of a saving chart, in the language of the reader.

    Args:
        cost: The horizontal axis, with its unit.
        saving: The vertical axis, with its unit.
        band: The interval, with its level.
        here: The cost of a miss that is reckoned with.
        break_even: The cost from which the saving is positive.
    """

    cost: str
    saving: str
    band: str
    here: str
    break_even: str


def saving_chart(
    costs: ArrayLike,
    savings: ArrayLike,
    lows: ArrayLike,
    highs: ArrayLike,
    *,
    words: SavingWords,
    here: float | None = None,
    break_even: float | None = None,
) -> Any:
    """Draws the saving against the cost of a miss, with the band of its interval.

    Args:
        costs: Costs of one missed defect [n], increasing, n >= 2.
        savings: Saving at each cost [n].
        lows: Lower ends of the intervals [n].
        highs: Upper ends of the intervals [n].
        words: The words in the figure.
        here: The cost that is reckoned with, for a dashed line.
        break_even: The cost at which the saving is 0, for a mark there; None if there is none.

    Returns:
        A figure of Matplotlib.

    Raises:
        InputError: If costs do not increase, if the lengths differ, if a value is not finite or outside its interval,
            or if `here` or `break_even` is outside the costs.

    Example:
        >>> words = SavingWords("cost of a miss (EUR)", "saving a year (EUR)", "95 % interval", "yours", "break-even")
        >>> figure = saving_chart([10, 20], [-5, 5], [-9, 1], [-1, 9], words=words, here=18, break_even=15)
    """
    columns = {"costs": costs, "savings": savings, "lows": lows, "highs": highs}
    cost, saving, low, high = rows = equal_columns(columns, len(costs))  # type: ignore[arg-type]
    check_intervals(saving, low, high)
    if len(cost) < 2 or (cost[1:] <= cost[:-1]).any():
        raise bad("costs", str(cost.tolist()), "at least two, increasing")
    for name, value in (("here", here), ("break_even", break_even)):
        if value is not None and not cost[0] <= number(name, value) <= cost[-1]:
            raise bad(name, str(value), f"one of the costs drawn, {cost[0]:g} to {cost[-1]:g}")
    figure = blank((WIDTH, 3.2))
    axes = figure.add_subplot()
    axes.axhline(0, color="black", linewidth=1)
    axes.fill_between(cost, low, high, color="#0072B2", alpha=0.2, linewidth=0, label=words.band)
    (line,) = axes.plot(cost, saving, "o-", color="#0072B2", linewidth=2, markersize=4)
    tell(line, [f"{c}: {s} [{a}, {b}]" for c, s, a, b in zip(*map(_amounts, rows), strict=True)])
    if here is not None:
        axes.axvline(here, color="#D55E00", linestyle="--", linewidth=1.8, label=f"{words.here}: {_amount(here)}")
    if break_even is not None:
        look = {"color": "black", "markersize": 9, "markerfacecolor": "#FFFFFF", "markeredgewidth": 2, "zorder": 4}
        axes.plot([break_even], [0], "D", **look, label=f"{words.break_even}: {_amount(break_even)}")
    if cost[0] > 0 and cost[-1] / cost[0] >= _LOGARITHMIC:
        axes.set_xscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: _amount(value, 10))
    named(figure, words.cost, words.saving)
    framed(axes)
    keyed(figure, 2)
    return figure


def _amount(value: float, digits: int = 4) -> str:
    """An amount of money with some significant digits, without a power of ten."""
    return f"{float(f'{value:.{digits}g}'):,.15g}".replace("-", "\u2212")


def _amounts(values: NDArray[np.float64]) -> list[str]:
    return [_amount(float(value)) for value in values]
