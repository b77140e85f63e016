"""Intervals without random draws: of shares, and of the number of different items."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .estimate import Estimate
from .proportion import proportion

__all__ = ["distinct_share", "jackknife", "share"]


def share(name: str, hits: NDArray[np.bool_], *, best: float = math.nan, better: str = "", note: str = "") -> Estimate:
    """Share of true values in `hits` [N], with Wilson's interval (`proportion`); nan if there are no samples."""
    if len(hits) == 0:
        return Estimate(name, math.nan, math.nan, math.nan, 0, best, better, note)
    fraction = proportion(int(hits.sum()), len(hits))
    return Estimate(name, fraction.value, fraction.low, fraction.high, fraction.count, best, better, note)


def distinct_share(
    name: str, things: Sequence[Any] | NDArray[Any], *, best: float = math.nan, better: str = "", note: str = ""
) -> Estimate:
    r"""Number of different items among N, divided by N.

    Draws with replacement would create repetitions, so the bootstrap does not apply. Without one item the share changes
    by $1 / (N - 1)$ if the item occurs once. So the jackknife variance is $p (1 - p) / (N - 1)$, where p is the share
    of items that occur once. This is the variance of a proportion. The interval is Wilson's interval of p, shifted to
    the value and cut at 1.

    Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981 (it is no smaller than
    the variance).
    """
    if len(things) == 0:
        return Estimate(name, math.nan, math.nan, math.nan, 0, best, better, note)
    _, counts = np.unique(np.asarray(things), return_counts=True)
    value, once = len(counts) / len(things), proportion(int((counts == 1).sum()), len(things))
    low, high = value + once.low - once.value, min(1.0, value + once.high - once.value)
    return Estimate(name, value, low, high, len(things), best, better, note)


def jackknife(
    name: str,
    value: float,
    left_out: NDArray[np.float64],
    *,
    best: float = math.nan,
    better: str = "",
    note: str = "",
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    r"""A figure $\theta$ with its jackknife interval, from the figures $\theta_{-i}$ without sample i of N,

    $$\sigma^2 = \frac{N - 1}{N} \sum_i (\theta_{-i} - \bar\theta)^2, \qquad \theta \pm 1.96\, \sigma.$$

    where $\bar\theta$ is the mean of the $\theta_{-i}$. It is for figures of pairs or of different items, for which
    repeated samples would be wrong.

    Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981.

    Args:
        name: Name of the figure.
        value: The figure of all samples.
        left_out: The figure without sample i, [N]. Values of nan are ignored. If some are nan and all others are equal,
            there is no interval, because a single sample determines the figure.
        best: As in `Estimate`.
        better: As in `Estimate`.
        note: As in `Estimate`.
        bounds: The smallest and largest possible value of the figure, and limits of the interval.
    """
    count, finite = len(left_out), left_out[np.isfinite(left_out)]
    spread = float(np.var(finite)) if len(finite) > 1 else math.nan
    if len(finite) < count and spread == 0:
        spread = math.nan
    reach = 1.96 * math.sqrt((count - 1) * spread)
    low, high = np.clip((value - reach, value + reach), *bounds)
    return Estimate(name, value, float(low), float(high), count, best, better, note)
