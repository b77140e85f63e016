"""Intervals of shares, of numbers of different items, of quantiles and of means of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .estimate import Estimate, Rows, Statistic
from .halves import halves, of_members
from .proportion import at_most, proportion, wilson
from .variance import t_quantile

__all__ = ["Hits", "dependent_share", "distinct_share", "jackknife", "quantile", "share"]


_LEAST_EFFECT = 0.1
"""The smallest design effect. A figure that does not vary between halves may vary between sets."""


@dataclass(frozen=True, eq=False)
class Hits:
    """A share as a figure of samples.

    Args:
        hits: Which samples count, [N].
        members: Their rows among all samples, [N].
    """

    hits: NDArray[np.bool_]
    members: Rows

    def __call__(self, rows: Rows) -> float:
        """The share for the samples at `rows`; nan if there are none."""
        some = self.hits[np.isin(self.members, rows)]
        return float(some.mean()) if len(some) else math.nan


def share(
    name: str,
    hits: NDArray[np.bool_],
    *,
    best: float = math.nan,
    better: str = "",
    note: str = "",
    members: Rows | None = None,
) -> Estimate:
    """Share of true values in `hits` [N], with the interval of `proportion`; nan if there are no samples.

    `members` are the rows of these samples among all samples; by default they are all.
    """
    if len(hits) == 0:
        return Estimate(name, math.nan, math.nan, math.nan, 0, best, better, note)
    fraction = proportion(int(hits.sum()), len(hits))
    low, high, kept = fraction.low, fraction.high, Hits(hits, np.arange(len(hits)) if members is None else members)
    return Estimate(name, fraction.value, low, high, fraction.count, best, better, note, statistic=kept)


def dependent_share(
    name: str,
    statistic: Statistic,
    things: float,
    count: int,
    *,
    fixed: bool = False,
    better: str = "",
    note: str = "",
    members: Rows | None = None,
    strata: Rows | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> Estimate:
    r"""A share of things that depend on each other, such as the share of different items, or of real points in a ball.

    Let $\hat p$ and $\hat p_{1/2}$ be the share for all samples and its mean over halves, and n, $n_{1/2}$ the numbers
    of things. The design effect is the variance between `halves` over that of independent things,

    $$\delta = V_{1/2} \Big/ \frac{\hat p_{1/2} (1 - \hat p_{1/2})}{n_{1/2}},$$

    and the interval is Wilson's interval of $\hat p$ for $n / \delta$ things. So it has a width at 0 and 1 too. Such
    shares change with the number of samples, but their design effect hardly does.

    Source: Kish, "Survey sampling", 1965; Korn and Graubard, "Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data", Survey Methodology 24, 1998, for the effective number.

    Args:
        name: As in `Estimate`.
        statistic: The share for the samples at `rows`.
        things: The number of things for all samples.
        count: Number of samples.
        fixed: Whether a half of the samples has as many things, as for real points; otherwise it has half of them.
        better: As in `Estimate`.
        note: As in `Estimate`.
        members: The rows of these samples among all samples; by default they are all.
        strata: As in `halves`.
        repetitions: As in `halves`.
        seed: As in `halves`.
    """
    value, kept = statistic(np.arange(count)) if count else math.nan, of_members(statistic, members)
    found = Estimate(name, value, math.nan, math.nan, count, math.nan, better, note, statistic=kept)
    if repetitions < 2 or not math.isfinite(value):
        return found
    spread = halves(statistic, count, strata=strata, repetitions=repetitions, seed=seed)
    if math.isnan(spread.variance):
        return found.noted("no interval: too few samples for halves")
    plain = spread.mean * (1 - spread.mean) / (things if fixed else things * spread.size / count)
    effect = max(spread.variance / plain, _LEAST_EFFECT) if plain > 1e-12 else 1.0
    low, high = wilson(value, things / effect, t_quantile(spread.freedom))
    return replace(found, low=low, high=high)


def distinct_share(
    name: str,
    things: Sequence[Any] | NDArray[Any],
    *,
    better: str = "",
    note: str = "",
    members: Rows | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> Estimate:
    """Number of different items among N, divided by N, with the interval of `dependent_share`; nan without items."""
    numbers = np.unique(np.asarray(things), return_inverse=True)[1] if len(things) else np.empty(0, dtype=np.int64)

    def statistic(rows: Rows) -> float:
        return len(np.unique(numbers[rows])) / len(rows) if len(rows) else math.nan

    count = len(numbers)
    return dependent_share(
        name,
        statistic,
        count,
        count,
        better=better,
        note=note,
        members=members,
        repetitions=repetitions,
        seed=seed,
    )


def quantile(
    name: str,
    values: NDArray[np.float64],
    percent: float,
    *,
    better: str = "",
    note: str = "",
    members: Rows | None = None,
) -> Estimate:
    r"""A quantile of N values, with the interval between two of the values in order, $x_{(l)}$ to $x_{(u)}$.

    The number of values below the quantile q has a binomial law. l is the largest rank with $P(X < l) \le 2.5\,\%$, and
    u the smallest with $P(X \ge u) \le 2.5\,\%$. It needs no density. There is no interval for fewer values than
    have such ranks (36 for 10 %), or if both values are equal.

    Source: Conover, "Practical nonparametric statistics", 1999, section 3.2. Own code: SciPy has it as
    `scipy.stats.quantile_test`, with ends at infinity.
    """
    count = len(values)
    if count == 0:
        return Estimate(name, math.nan, math.nan, math.nan, 0, math.nan, better, note)

    def statistic(rows: Rows) -> float:
        return float(np.percentile(values[rows], percent)) if len(rows) else math.nan

    found = Estimate(
        name,
        statistic(np.arange(count)),
        math.nan,
        math.nan,
        count,
        math.nan,
        better,
        note,
        statistic=of_members(statistic, members),
    )
    below = at_most(np.arange(count + 1), count, percent / 100)
    low, high = int((below <= 0.025).sum()), int((below < 0.975).sum()) + 1
    if low < 1 or high > count:
        return found.noted("no interval: too few values")
    ordered = np.sort(values)
    ends = float(ordered[low - 1]), float(ordered[high - 1])
    return replace(found, low=ends[0], high=ends[1]) if ends[0] < ends[1] else found.noted("no interval: equal values")


def jackknife(
    name: str,
    value: float,
    left_out: NDArray[np.float64],
    *,
    best: float = math.nan,
    better: str = "",
    note: str = "",
    bounds: tuple[float, float] = (-math.inf, math.inf),
    statistic: Statistic | None = None,
) -> Estimate:
    r"""A figure $\theta$ with its jackknife interval, from the figures $\theta_{-i}$ without sample i of N,

    $$\sigma^2 = \frac{N - 1}{N} \sum_i (\theta_{-i} - \bar\theta)^2, \qquad \theta \pm t_{N - 1}\, \sigma.$$

    where $\bar\theta$ is the mean of the $\theta_{-i}$, and t the quantile of Student's distribution. It is for figures
    of pairs, for which repeated samples would be wrong.

    Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981.

    Args:
        name: Name of the figure.
        value: The figure of all samples.
        left_out: The figure without sample i, [N]. Values of nan are ignored. If some are nan and all others are equal,
            there is no interval, because a single sample determines the figure. Nor is there one if all are equal.
        best: As in `Estimate`.
        better: As in `Estimate`.
        note: As in `Estimate`.
        bounds: The smallest and largest possible value of the figure, and limits of the interval.
        statistic: As in `Estimate`.
    """
    count, finite = len(left_out), left_out[np.isfinite(left_out)]
    spread = float(np.var(finite)) if len(finite) > 1 else math.nan
    if len(finite) < count and spread == 0:
        spread = math.nan
    reach = t_quantile(count - 1) * math.sqrt((count - 1) * spread) if count > 1 else math.nan
    low, high = np.clip((value - reach, value + reach), *bounds)
    found = Estimate(name, value, float(low), float(high), count, best, better, note, statistic=statistic)
    if not math.isfinite(value) or low < high:
        return found
    return replace(found, low=math.nan, high=math.nan).noted("no interval: the same without any sample")
