"""A figure with its interval, its sample size and the value for real data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from .halves import Rows, Statistic, halves, members_of, of_members

__all__ = ["Estimate", "Rows", "Statistic", "bootstrap", "estimate"]


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
    statistic: Statistic | None = field(default=None, repr=False, compare=False)

    @property
    def difference(self) -> tuple[float, float]:
        r"""95 % interval of `value` - `best`, both random: of the sampling, and of the choice of held-out data.

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
) -> Estimate:
    """The statistic of all `count` samples with its 95 % interval from `halves`, cut at `bounds`, the possible values.

    There is no interval, and the note says why, if the figure is the same for all halves, or most of them lack it.
    `members` are the rows of these samples among all samples, by default all. The other arguments are as in `Estimate`
    and `halves`.
    """
    value, kept = statistic(np.arange(count)), of_members(statistic, members)
    found = Estimate(name, value, math.nan, math.nan, count, best, better, note, statistic=kept)
    if repetitions < 2 or not math.isfinite(value):
        return found
    spread = halves(statistic, count, strata=strata, repetitions=repetitions, seed=seed)
    if math.isnan(spread.variance):
        return found.noted("no interval: too few samples for halves")
    reach = spread.quantile * spread.deviation
    if reach <= 1e-9 * abs(value):
        return found.noted("no interval: the same for all halves")
    low, high = (float(end) for end in np.clip((value - reach, value + reach), *bounds))
    return replace(found, low=low, high=high)


def bootstrap(
    statistic: Statistic,
    count: int,
    value: float,
    *,
    strata: NDArray[np.int64] | None = None,
    repetitions: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    r"""Interval of a statistic from its standard deviation over random half-samples that are counted twice.

    Let s be the standard deviation of the statistic over these draws. The interval is `value` $\pm z s$, where z is the
    quantile of the normal distribution, 1.96 for 95 %. From a group of n samples, n / 2 are drawn without replacement
    and counted twice. If n is odd, (n - 1) / 2 are counted twice and another one once; or, with probability 1/4,
    (n - 3) / 2 twice and another one three times. The groups keep their sizes, and the variance of a mean is exactly
    its usual estimate, even for small groups. Groups of one sample are joined to one group.

    Distances depend on the number of different samples, which is always half of all samples here. So their intervals
    are narrower than with draws with replacement, but still too wide (for a distance of zero up to a factor of two;
    recall and coverage too).

    Source: Antal and Tille, "A new resampling method for sampling designs without replacement: the doubled half
    bootstrap", Computational Statistics 29, 2014.

    Args:
        statistic: Gives the figure for the samples at `rows`; nan if it does not exist.
        count: Number of samples.
        value: The figure of all samples.
        strata: Group of each sample, [count], if the sizes of the groups are fixed, as for requested classes. Samples
            are then drawn within each group.
        repetitions: Number of half-samples; 0 for no interval.
        confidence: Confidence level of the interval.
        seed: Seed of the draws.

    Returns:
        Lower and upper end; both nan if fewer than two figures are finite, or every group has only one sample.

    Raises:
        ValueError: If there are no samples, or not one group for each sample.
    """
    members = members_of(count, strata)
    if not math.isfinite(value) or max(len(group) for group in members) < 2:
        return math.nan, math.nan
    alone = [group for group in members if len(group) == 1]
    members = [group for group in members if len(group) > 1] + ([np.concatenate(alone)] if alone else [])
    generator = np.random.default_rng(seed)
    figures = np.array([statistic(_half(members, generator)) for _ in range(repetitions)])
    figures = figures[np.isfinite(figures)]
    if len(figures) < 2:
        return math.nan, math.nan
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * float(figures.std(ddof=1))
    return value - reach, value + reach


def _half(members: list[Rows], generator: np.random.Generator) -> Rows:
    """A draw from each group, of the same size, with half of the samples twice."""
    rows = []
    for group in members:
        order, odd = generator.permutation(group), len(group) % 2
        thrice = odd and len(group) > 1 and generator.random() < 0.25
        twice = len(group) // 2 - (1 if thrice else 0)
        rows += [order[:twice], order[:twice], order[twice : twice + 1].repeat(3 if thrice else odd)]
    return np.concatenate(rows)
