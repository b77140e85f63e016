"""What a better classifier of parts is worth in a year, with its interval, and whether to go on."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistakes, bad, number
from ..evaluate.statistics.crossed import Crossed, Part, crossed

__all__ = ["Decision", "Decisions", "Prices", "Verdict", "break_even", "curve", "decide", "saving"]

Verdict = Literal["go", "no-go", "not-yet"]
Bools = NDArray[np.bool_]
_MOST_COST = 1e4
"""Largest cost of a miss that is looked at, as a multiple of the cost that was given."""
_STEPS = 60
"""Bisections of a cost: its last digits do not matter."""


@dataclass(frozen=True)
class Prices:
    """What mistakes and the work cost, all in one currency.

    Args:
        miss: Cost of one defect that is not found.
        false_alarm: Cost of one good part that raises an alarm.
        volume: Parts inspected in a year.
        share: Share of the parts that have the defect, above 0 and below 1.
        pilot: Cost of the introduction, paid once.
        running: Cost of running it for a year.
        years: Years over which it has to pay.
        currency: Its sign or name, for texts.

    Raises:
        ValueError: Lists every value that is no such number.
    """

    miss: float
    false_alarm: float
    volume: float
    share: float
    pilot: float = 0.0
    running: float = 0.0
    years: float = 1.0
    currency: str = "EUR"

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        for field in fields(self):
            mistakes.of(partial(_check, field.name, getattr(self, field.name)))
        mistakes.settle()


def _check(name: str, value: object) -> None:
    """Raises `ValueError` if one of the prices is wrong."""
    if name == "currency":
        if not (isinstance(value, str) and value.strip() and value.isprintable()):
            raise bad("price currency", repr(value), "a sign or a name such as EUR")
        return
    given = number(f"price {name}", value)
    if name == "share":
        fits, expected = 0 < given < 1, "a number above 0 and below 1, such as 0.01 for one part of a hundred"
    elif name in ("volume", "years"):
        fits, expected = 0 < given < math.inf, "a number above 0"
    else:
        fits, expected = 0 <= given < math.inf, "a number of 0 or more"
    if not fits:
        raise bad(f"price {name}", f"{given:g}", expected)


@dataclass(frozen=True, eq=False)
class Decisions:
    """The alarms that a classifier of each of R runs raises on the same test parts.

    Args:
        defects: Whether each of the m parts with the defect raises an alarm, [R, m].
        good: Whether each of the n good parts does, [R, n].
    """

    defects: Bools
    good: Bools


def saving(new: Decisions, old: Decisions, prices: Prices) -> Crossed:
    r"""What the new classifier saves in a year against the old one, with a 95 % interval from the same test parts,

    $$\text{volume} \cdot \bigl(q\,\Delta_\text{recall} \cdot \text{miss}
    - (1 - q)\,\Delta_\text{alarms} \cdot \text{false alarm}\bigr) - \text{running},$$

    where q is the share of defects, $\Delta_\text{recall}$ the recall of the new less that of the old, and
    $\Delta_\text{alarms}$ the difference of their shares of false alarms. The price of the pilot is not in it.

    The interval is about other runs and other test parts (`crossed`): both classifiers judge the same parts, so that
    only parts on which they differ count.

    Args:
        new: The alarms of the new classifier.
        old: Those of the old classifier, on the same parts in as many runs.
        prices: What mistakes cost.

    Raises:
        ValueError: If the two have other numbers of parts or runs, or fewer than two runs.

    >>> import numpy as np
    >>> old = Decisions(np.array([[True, False]] * 3), np.array([[False] * 4] * 3))
    >>> new = Decisions(np.array([[True, True]] * 3), np.array([[False] * 4] * 3))
    >>> saving(new, old, Prices(miss=100, false_alarm=1, volume=1000, share=0.1, running=500)).value
    4500.0
    """
    shapes = [(each.defects.shape, each.good.shape) for each in (new, old)]
    if shapes[0] != shapes[1]:
        raise bad("decisions", shapes[0], f"{shapes[1]}, as many as of the other classifier")
    gain = prices.volume * prices.share * prices.miss
    loss = -prices.volume * (1 - prices.share) * prices.false_alarm
    pairs = ((gain, new.defects, old.defects), (loss, new.good, old.good))
    parts = [Part(each.astype(float) - other, coefficient, reach=1.0) for coefficient, each, other in pairs]
    found = crossed(parts)
    moved = (end - prices.running for end in (found.value, found.low, found.high))
    value, low, high = moved
    return replace(found, value=value, low=low, high=high)


@dataclass(frozen=True)
class Decision:
    """Whether it pays.

    Args:
        verdict: "go" if the whole interval of `net` is above 0, "no-go" if it is below, else "not-yet".
        yearly: The saving in a year.
        net: What is left after `years`, the price of the pilot paid, in the currency.
        break_even: Cost of a miss from which on `net` is at least 0; inf if there is none, 0 if any will do.
        sure: Cost of a miss from which on the whole interval of `net` is at least 0; likewise.
        more: Further labelled parts with the defect that would tell, if `net` stays as measured, for "not-yet"; inf
            if no number would. Else 0.
    """

    verdict: Verdict
    yearly: Crossed
    net: Crossed
    break_even: float
    sure: float
    more: float


def decide(new: Decisions, old: Decisions, prices: Prices) -> Decision:
    """Whether the new classifier pays after `Prices.years`. Arguments and errors are those of `saving`.

    The interval becomes shorter as the root of the number of test parts with the defect, if good parts and runs, which
    cost less, become as many times more.
    """
    yearly = saving(new, old, prices)
    net = _net(yearly, prices)
    verdict: Verdict = "go" if net.low > 0 else "no-go" if net.high < 0 else "not-yet"
    half, count = (net.high - net.low) / 2, new.defects.shape[1]
    more = 0.0
    if verdict == "not-yet":
        more = math.inf if net.value == 0 else math.ceil(count * ((half / net.value) ** 2 - 1)) or 1
    middle, sure = (break_even(new, old, prices, sure=sure) for sure in (False, True))
    return Decision(verdict, yearly, net, middle, sure, more)


def _net(yearly: Crossed, prices: Prices) -> Crossed:
    ends = (prices.years * end - prices.pilot for end in (yearly.value, yearly.low, yearly.high))
    value, low, high = ends
    return replace(yearly, value=value, low=low, high=high)


def break_even(new: Decisions, old: Decisions, prices: Prices, *, sure: bool = False) -> float:
    """The cost of a miss from which on nothing is lost after `Prices.years`: 0 if any will do, inf if there is none.

    Args:
        new: As of `saving`.
        old: As of `saving`.
        prices: Their `miss` is only the scale: costs up to 10,000 times it are looked at.
        sure: Whether the lower end of the interval has to be at least 0, rather than the figure itself.
    """

    def left(miss: float) -> float:
        net = _net(saving(new, old, replace(prices, miss=miss)), prices)
        return float(net.low if sure else net.value)

    most = _MOST_COST * max(prices.miss, prices.false_alarm, 1.0)
    costs: list[float] = [0.0, *np.geomspace(most * 1e-9, most, 100).tolist()]
    last = max((place for place, cost in enumerate(costs) if left(cost) < 0), default=-1)
    if last in (-1, len(costs) - 1):
        return 0.0 if last == -1 else math.inf
    low, high = costs[last], costs[last + 1]
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if left(middle) >= 0 else (middle, high)
    return high


def curve(new: Decisions, old: Decisions, prices: Prices, misses: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is left after `Prices.years` for each cost of a miss [K], with the ends of its interval, [K, 3]."""
    nets = [_net(saving(new, old, replace(prices, miss=float(miss))), prices) for miss in misses]
    return np.array([(net.value, net.low, net.high) for net in nets])
