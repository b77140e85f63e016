"""Numbers in the report of a pilot on a rare class: shares, differences in points, amounts of money, intervals."""

from __future__ import annotations

from collections.abc import Callable

from ....evaluate.statistics.crossed import Crossed
from ...money import Prices

__all__ = [
    "Say",
    "Show",
    "ends",
    "in_points",
    "interval",
    "money_of",
    "percent",
    "points",
    "points_interval",
    "span",
    "three",
    "three_signed",
]

Say = Callable[..., str]
Show = Callable[[float], str]


def percent(share: float) -> str:
    """A share as in "98.3 %"."""
    return f"{100 * share:.1f} %"


def three(value: float) -> str:
    """A number with three digits behind the point."""
    return f"{value:.3f}"


def three_signed(value: float) -> str:
    """A difference with three digits behind the point and its sign."""
    return f"{round(value, 3) + 0.0:+.3f}"  # adding 0 makes -0 positive


def points(difference: float, say: Say) -> str:
    """A difference of shares in percentage points, as in "+0.6 points"."""
    return say("points", value=in_points(difference))


def points_interval(figure: Crossed, say: Say) -> str:
    """The interval of a difference of shares, in percentage points."""
    return say("interval_points", low=in_points(figure.low), high=in_points(figure.high))


def interval(figure: Crossed, show: Show, say: Say) -> str:
    """The interval of any other figure."""
    return say("interval", low=show(figure.low), high=show(figure.high))


def ends(figure: Crossed, show: Show, say: Say) -> str:
    """The ends of an interval whose level stands elsewhere."""
    return say("ends", low=show(figure.low), high=show(figure.high))


def money_of(prices: Prices) -> Show:
    """What writes amounts in the currency of the prices."""

    def show(amount: float) -> str:
        digits = 0 if abs(amount) >= 100 or amount == round(amount) else 2
        return f"{amount:,.{digits}f} {prices.currency}"

    return show


def span(prices: Prices, say: Say) -> str:
    """The years over which it has to pay, as in "3 years"."""
    return say("one_year") if prices.years == 1 else say("years", years=f"{prices.years:g}")


def in_points(difference: float) -> str:
    """A difference of shares in percentage points, without the unit."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}"  # adding 0 makes -0 positive
