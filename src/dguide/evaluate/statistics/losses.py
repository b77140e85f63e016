"""Intervals of mean losses, most of which are nearly 0 and few of which are large."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...errors import require

__all__ = ["mean_difference", "mean_loss"]

_TAIL = 0.025


def mean_loss(losses: NDArray[np.float64], most: float | None = None) -> tuple[float, float]:
    r"""95 % interval of the mean of losses of 0 and more, for independent sequences.

    The mean of few large and many small losses has a skewed law, near a gamma law. Let y be the sum of the n losses and
    v = n times their variance. The lower end is the 2.5 % quantile of the gamma law with mean y and variance v, divided
    by n. The upper end is the 97.5 % quantile of that with mean y + m and variance v + m^2. This counts one more
    sequence with the largest loss m, as the upper end of a Poisson count does.

    Source: Fay and Feuer, "Confidence intervals for directly standardized rates: a method based on the gamma
    distribution", Statistics in Medicine 16, 1997, for weighted Poisson counts. Here v is the variance of the sum,
    which is smaller if large losses are not rare. Neither SciPy nor scikit-learn has it.

    It must not be used for losses below 0. Without `most` the largest loss stands for m, so that the upper end holds
    only if several large losses were seen.

    Args:
        losses: The loss of each sequence, [n].
        most: The largest possible loss; None if there is none.

    Returns:
        Lower and upper end; nan if there are fewer than two losses, or an infinite one.
    """
    if len(losses) < 2 or not np.isfinite(losses).all():
        return math.nan, math.nan
    if most is not None and losses.mean() > most / 2:  # then the small losses are the rare ones
        low, high = mean_loss(most - losses, most)
        return most - high, most - low
    special, count = require("scipy.special", "exact"), len(losses)
    total, largest = float(losses.sum()), float(losses.max()) if most is None else most
    variance = count * float(losses.var(ddof=1))

    def quantile(share: float, mean: float, variance: float) -> float:
        shape = mean * mean / variance if mean * variance > 0 else 0.0
        return float(special.gammaincinv(shape, share) * variance / mean) if shape else mean

    low = quantile(_TAIL, total, variance)
    high = quantile(1 - _TAIL, total + largest, variance + largest * largest)
    return low / count, high / count if most is None else min(most, high / count)


def mean_difference(differences: NDArray[np.float64], counted: int = 0, least: int = 0) -> tuple[float, float]:
    r"""95 % interval of the mean of differences of two losses of the same sequences.

    A difference is its positive part minus its negative part. `mean_loss` gives an interval for the mean of each part,
    and the distances of their ends from the means are added in squares (square-and-add, MOVER).

    An interval that is reported only where at least `least` mistakes were counted is for sets that have unusually many.
    So the lower ends of both parts are multiplied by the ratio of two lower ends of a Poisson mean: that for a count
    which is known to be at least `least`, over the usual one. It is 0 at `least` itself, and tends to 1 above.

    Sources: Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008;
    Fithian et al., "Optimal inference after model selection", arXiv 1410.2597, for the law after the selection.
    The parts are taken to be independent, which neglects the product of their means, divided by n.

    Args:
        differences: The difference of each sequence, [n].
        counted: Number of mistakes.
        least: The number from which on an interval is reported; 0 if it always is.

    Returns:
        Lower and upper end, as in `mean_loss`.
    """
    up, down = differences.clip(min=0), (-differences).clip(min=0)
    (up_low, up_high), (down_low, down_high) = mean_loss(up), mean_loss(down)
    value, more, less = float(differences.mean()), float(up.mean()), float(down.mean())
    if least:
        kept = _selected(counted, least)
        up_low, down_low = kept * up_low, kept * down_low
    return value - math.hypot(more - up_low, down_high - less), value + math.hypot(up_high - more, less - down_low)


@lru_cache(maxsize=4096)
def _selected(count: int, least: int) -> float:
    """Lower end of a Poisson mean from a count that is at least `least`, over that from any count."""
    if count <= least:
        return 0.0
    special = require("scipy.special", "exact")
    usual, low, high = float(special.gammaincinv(count, _TAIL)), 0.0, 1.0
    for _ in range(40):
        share = (low + high) / 2
        above, known = (float(special.gammainc(k, share * usual)) for k in (count, least))
        low, high = (low, share) if above > _TAIL * known else (share, high)
    return high
