"""Means of values of independent samples, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .estimate import Estimate
from .halves import Rows, members_of
from .variance import t_quantile

__all__ = ["Values", "mean", "mean_interval"]


@dataclass(frozen=True, eq=False)
class Values:
    """A mean as a figure of samples.

    Args:
        values: A value for each of N things, [N].
        members: Their rows among all samples, [N].
    """

    values: NDArray[np.float64]
    members: Rows

    def __call__(self, rows: Rows) -> float:
        """The mean for the samples at `rows`; nan if there are none."""
        some = self.values[np.isin(self.members, rows)]
        return float(some.mean()) if len(some) else math.nan


def mean(
    name: str,
    values: NDArray[np.float64],
    *,
    better: str = "",
    note: str = "",
    bounds: tuple[float, float] = (-math.inf, math.inf),
    members: Rows | None = None,
    strata: NDArray[np.int64] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Mean of `values` [N] with `mean_interval`, cut at `bounds`, the possible values; nan if there are none.

    There is no interval, and the note says why, for fewer than two values, or if all are equal. `members` are the rows
    of these values among all samples; by default they are all. `strata` and `level` are as in `mean_interval`.
    """
    count, kept = len(values), Values(values, np.arange(len(values)) if members is None else members)
    value = float(values.mean()) if count else math.nan
    found = Estimate(name, value, math.nan, math.nan, count, math.nan, better, note, level=level, statistic=kept)
    if not math.isfinite(value):
        return found
    low, high = mean_interval(values, strata, level)
    if math.isnan(low):
        return found.noted("no interval: too few values")
    if high - low <= 2e-9 * abs(value):
        return found.noted("no interval: equal values")
    low, high = (float(end) for end in np.clip((low, high), *bounds))
    return replace(found, low=low, high=high)


def mean_interval(
    values: NDArray[np.float64], strata: NDArray[np.int64] | None = None, level: float = 0.95
) -> tuple[float, float]:
    r"""Interval of the mean of independent values, skewed ones too; nan for fewer than two.

    Let $\bar x$ be the mean, s its standard error, and a the third cumulant of $\bar x$ over $s^3$ (for N values
    without groups their skewness over $\sqrt N$). Student's interval is $\bar x \pm t s$. Hall's takes out the skewness
    of Student's ratio,

    $$\bar x - s\, g^{-1}(\pm t), \qquad g^{-1}(y) = \frac{3}{a} \left( \sqrt[3]{1 + a (y - a / 6)} - 1 \right).$$

    The interval goes from the smaller lower end of the two to the larger upper end. In simulations Student's alone
    contains the mean of 20 values of an exponential law in 92 %, and Hall's alone that of a law with heavy tails
    (Student's with three degrees of freedom) in 92 %; this one in 96 % of both. For 20 normal values it is 4 % longer
    than Student's, for 200 less than 1 %. A lognormal law is too skewed: 93 % with 20 values, 95 % with 50.

    Sources: Hall, "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54, 1992;
    Johnson, "Modified t tests and confidence intervals for asymmetrical populations", JASA 73, 1978, for values of a
    skewed law. SciPy has neither.

    Args:
        values: The values, [N].
        strata: Group of each value, [N], if the sizes of the groups are fixed. The variance is then that within the
            groups; groups of one value are joined to one.
        level: Confidence level of the interval.
    """
    groups = [values[rows] for rows in members_of(len(values), strata)]
    alone = [group for group in groups if len(group) == 1]
    groups = [group for group in groups if len(group) > 1] + ([np.concatenate(alone)] if len(alone) > 1 else [])
    count = sum(map(len, groups))
    if count < 2:
        return math.nan, math.nan
    centre, variance, third = float(values.mean()), 0.0, 0.0
    for group in groups:
        n, off = len(group), group - group.mean()
        variance += n * float(np.square(off).sum()) / (n - 1)
        third += n * float((off**3).sum()) * n / ((n - 1) * (n - 2)) if n > 2 else 0.0
    error, quantile = math.sqrt(variance) / count, t_quantile(count - len(groups), level)
    skewness = third / variance**1.5 if variance > 0 else 0.0

    def straight(y: float) -> float:
        root = 1 + skewness * (y - skewness / 6)
        return 3 / skewness * float(np.cbrt(root) - 1) if abs(skewness) > 1e-6 else y

    return (
        centre - error * max(quantile, straight(quantile)),
        centre - error * min(-quantile, straight(-quantile)),
    )
