"""A figure with its interval, its sample size and the value for real data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .halves import Rows, Statistic, halves, of_members
from .variance import t_quantile

__all__ = ["Estimate", "Rows", "Statistic", "estimate"]


@dataclass(frozen=True)
class Estimate:
    """A figure about a set of samples.

    Args:
        name: Name of the figure.
        value: Its value for all samples.
        low: Lower end of the interval; nan if there is none.
        high: Upper end of the interval.
        count: Number of samples.
        best: The value for equally many real held-out data; nan if unknown.
        better: "higher", "lower", or "" if neither is better.
        note: Other information, such as the features, or why there is no interval.
        best_low: Lower end of the interval of `best`; nan if there is none.
        best_high: Upper end of that interval.
        rebuilt: The value for the held-out data after a tokenizer encoded and decoded them; nan if there is none.
        level: Confidence level of the intervals.
        statistic: The figure of some of the samples, by their rows among all samples; None if it is not kept.
    """

    name: str
    value: float
    low: float
    high: float
    count: int
    best: float = math.nan
    better: str = ""
    note: str = ""
    best_low: float = math.nan
    best_high: float = math.nan
    rebuilt: float = math.nan
    level: float = 0.95
    statistic: Statistic | None = field(default=None, repr=False, compare=False)

    @property
    def difference(self) -> tuple[float, float]:
        r"""Interval of `value` - `best`, both random: of the sampling, and of the choice of held-out data.

        It is the square root of the sum of the squared distances to the ends that count, which needs no symmetry:

        $$d - \sqrt{(v - l)^2 + (u' - b)^2}, \qquad d + \sqrt{(u - v)^2 + (b - l')^2}.$$

        Source: Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27,
        2008. For shares this is Newcombe's interval. Both sets must be independent.
        """
        apart = self.value - self.best
        return (
            apart - math.hypot(self.value - self.low, self.best_high - self.best),
            apart + math.hypot(self.high - self.value, self.best - self.best_low),
        )

    def beside(self, real: Estimate) -> Estimate:
        """This figure with that of held-out data as `best`."""
        return replace(self, best=real.value, best_low=real.low, best_high=real.high)

    def noted(self, *notes: str) -> Estimate:
        """This figure with further notes; empty ones are left out."""
        return replace(self, note="; ".join(filter(None, (self.note, *notes))))


def estimate(
    name: str,
    statistic: Statistic,
    count: int,
    *,
    best: float = math.nan,
    better: str = "",
    note: str = "",
    bounds: tuple[float, float] = (-math.inf, math.inf),
    members: Rows | None = None,
    strata: NDArray[np.int64] | None = None,
    repetitions: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """The statistic of all `count` samples with its interval from `halves`, cut at `bounds`, the possible values.

    There is no interval, and the note says why, if the figure is the same for all halves, or most of them lack it.
    `members` are the rows of these samples among all samples, by default all. The other arguments are as in `Estimate`
    and `halves`. Raises `dguide.errors.MissingExtra` if SciPy is not installed.
    """
    value, kept = statistic(np.arange(count)), of_members(statistic, members)
    found = Estimate(name, value, math.nan, math.nan, count, best, better, note, level=level, statistic=kept)
    if repetitions < 2 or not math.isfinite(value):
        return found
    spread = halves(statistic, count, strata=strata, repetitions=repetitions, seed=seed)
    if math.isnan(spread.variance):
        return found.noted("no interval: too few samples for halves")
    reach = t_quantile(spread.freedom, level) * spread.deviation
    if reach <= 1e-9 * abs(value):
        return found.noted("no interval: the same for all halves")
    low, high = (float(end) for end in np.clip((value - reach, value + reach), *bounds))
    return replace(found, low=low, high=high)
