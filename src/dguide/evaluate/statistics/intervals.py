"""Intervals that need no draws: of shares, and of figures that count how many different things there are."""

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
    """Share of samples that hit, [N] bool, with Wilson's interval (`proportion`); nan if there are no samples."""
    if len(hits) == 0:
        return Estimate(name, math.nan, math.nan, math.nan, 0, best, better, note)
    fraction = proportion(int(hits.sum()), len(hits))
    return Estimate(name, fraction.value, fraction.low, fraction.high, fraction.count, best, better, note)


def distinct_share(
    name: str, things: Sequence[Any] | NDArray[Any], *, best: float = math.nan, better: str = "", note: str = ""
) -> Estimate:
    r"""Number of different things among N, divided by N.

    Drawing samples with replacement makes repetitions of its own, so the bootstrap does not apply. Leaving out one
    thing changes the share by $1 / (N - 1)$ if it occurs once; the jackknife variance is therefore
    $p (1 - p) / (N - 1)$ with p the share of things that occur once, that of a proportion. The interval is Wilson's of
    p, moved to the value and cut at 1.

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
    r"""A figure with the interval of two standard errors either side that leaving out one sample at a time tells of,

    $$\sigma^2 = \frac{N - 1}{N} \sum_i (\theta_{-i} - \bar\theta)^2, \qquad \theta \pm 1.96\, \sigma.$$

    For figures of pairs and of different things, in which a sample drawn twice would count as it should not.

    Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981.

    Args:
        name: What it is.
        value: The figure of all samples.
        left_out: The figure without sample i, [N]; nan where there is none, which is left aside. There is no interval
            if all others are equal then: a single sample makes the figure.
        best: As in `Estimate`, and so are the others.
        better: As there.
        note: As there.
        bounds: The least and the greatest value that the figure can have, which the interval keeps to.
    """
    count, finite = len(left_out), left_out[np.isfinite(left_out)]
    spread = float(np.var(finite)) if len(finite) > 1 else math.nan
    if len(finite) < count and spread == 0:
        spread = math.nan
    reach = 1.96 * math.sqrt((count - 1) * spread)
    low, high = np.clip((value - reach, value + reach), *bounds)
    return Estimate(name, value, float(low), float(high), count, best, better, note)
