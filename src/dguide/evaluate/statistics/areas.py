"""Areas under ROC curves, and the difference of two of them, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import require
from .proportion import wilson

__all__ = ["LEAST", "Area", "area", "area_difference"]

LEAST = 5
"""With fewer sequences of a kind there is no interval."""
_PRIOR = 5
"""Weight of the largest possible variance, in sequences."""
_Z = 1.959964


@dataclass(frozen=True, eq=False)
class Area:
    """An area under the ROC curve.

    Args:
        value: Its value.
        low: Lower end of the 95 % interval; nan with fewer than `LEAST` sequences of a kind.
        high: Upper end.
        above: For each positive sequence, the share of the negative ones that it scores above; ties count half.
        below: For each negative sequence, the share of the positive ones that it scores below.
    """

    value: float
    low: float
    high: float
    above: NDArray[np.float64]
    below: NDArray[np.float64]


def area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Area:
    r"""Probability $\theta$ that a positive sequence scores higher than a negative one, plus half that of a tie.

    The interval is Wilson's, $|\hat\theta - \theta| \le 1.96 \sqrt{\theta (1 - \theta) / k}$, with an effective number
    k of sequences. DeLong's variance of $\hat\theta$, divided by $\hat\theta (1 - \hat\theta)$, estimates 1 / k. Where
    few sequences are out of order it says little, and where none is it is 0. But 1 / k is at most 1 / s, where s is the
    number of sequences of the smaller kind. So 1 / k is the mean of the estimate with weight e and of 1 / s with weight
    5, where e is the number of sequences of a kind that are out of order, for the kind that has fewer.

    In simulations it holds for scores of unequal spread too (`python -m studies.coverage`). There the score
    interval of Newcombe, with the variance of Hanley and McNeil, contained the area in 82 to 92 %.

    Sources: DeLong et al., "Comparing the areas under two or more correlated receiver operating characteristic curves",
    Biometrics 44, 1988, by midranks as in Sun and Xu, IEEE Signal Processing Letters 21, 2014; Newcombe, "Confidence
    intervals for an effect size measure based on the Mann-Whitney statistic, part 2", Statistics in Medicine 25, 2006;
    Birnbaum and Klose, "Bounds for the variance of the Mann-Whitney statistic", Annals of Mathematical Statistics 28,
    1957 (the bound 1 / s). scikit-learn gives no interval, and SciPy none of an area.

    Args:
        scores: The score of each sequence, [N]; may be infinite.
        positive: Which sequences are positive, [N]. Both kinds must occur. All sequences are independent.
    """
    rankdata = require("scipy.stats", "exact").rankdata
    first, second = scores[positive], scores[~positive]
    ranks = rankdata(np.concatenate([first, second]))
    above = (ranks[: len(first)] - rankdata(first)) / len(second)
    below = 1 - (ranks[len(first) :] - rankdata(second)) / len(first)
    value, least = float(above.mean()), min(len(first), len(second))
    if least < LEAST:
        return Area(value, math.nan, math.nan, above, below)
    spread, wrong = value * (1 - value), min((above < 1).sum(), (below < 1).sum())
    variance = above.var(ddof=1) / len(first) + below.var(ddof=1) / len(second)
    inverse = min(variance / spread, 1 / least) if spread > 0 else 0.0
    low, high = wilson(value, (wrong + _PRIOR) / (wrong * inverse + _PRIOR / least), _Z)
    return Area(value, low, high, above, below)


def area_difference(first: Area, second: Area) -> tuple[float, float]:
    r"""95 % interval of the difference of the areas of two scores of the same sequences, the first minus the second.

    The ends of the two intervals are $l_i$ and $u_i$, and $\rho$ is the correlation of the two areas, from DeLong's
    covariance (0 if an area has no variance). With $a = \theta_1 - l_1$ and $b = u_2 - \theta_2$ the lower end is
    $\theta_1 - \theta_2 - \sqrt{a^2 - 2 \rho a b + b^2}$, and the upper end is made in the same way. Both are nan if an
    area has no interval.

    Sources: DeLong et al. and Sun and Xu, as in `area`; Zou and Donner, "Construction of confidence limits about effect
    measures", Statistics in Medicine 27, 2008. DeLong's own interval has no width if both scores separate all of them.
    """
    if math.isnan(first.low) or math.isnan(second.low):
        return math.nan, math.nan
    positive, negative = np.cov(first.above, second.above), np.cov(first.below, second.below)
    covariance = positive / len(first.above) + negative / len(first.below)
    scale = math.sqrt(covariance[0, 0] * covariance[1, 1])
    share = covariance[0, 1] / scale if scale > 0 else 0.0

    def reach(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * share * one * other + other * other))

    difference = first.value - second.value
    low = difference - reach(first.value - first.low, second.high - second.value)
    high = difference + reach(first.high - first.value, second.value - second.low)
    return max(-1.0, low), min(1.0, high)
