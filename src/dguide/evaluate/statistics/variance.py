"""Variances of means whose terms have a trend, and the intervals that follow from few degrees of freedom."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor

from ...errors import bad, require

__all__ = ["moderated", "successive", "t_quantile", "z_quantile"]

_LEAST = 1e-5
"""Smallest variance in logarithms, as a share of the median (the floor of `limma`)."""


def successive(values: Tensor) -> tuple[Tensor, float]:
    r"""Variance of the mean of `values` [K, ...] over the first dimension, and its degrees of freedom,

    $$s^2 = \frac{1}{2 K (K - 1)} \sum_{k > 1} (y_k - y_{k-1})^2, \qquad \nu = \frac{2 (K - 1)^2}{3 K - 4}.$$

    The values are independent draws in the order of something that changes their expectation, such as the noise level.
    A smooth trend then adds little, and never makes the variance smaller. Both are nan for a single value. Do not use
    it for values without a trend: the usual variance has more degrees of freedom.

    Sources: Wolter, "Introduction to Variance Estimation", 2007, section 8.2; the degrees of freedom give the variance
    of $s^2$ for normal values (von Neumann et al., Annals of Mathematical Statistics 12, 1941).
    """
    count = len(values)
    if count < 2:
        return torch.full(values.shape[1:], math.nan, dtype=torch.float64), math.nan
    total = values.double().diff(dim=0).square().sum(0)
    return total / (2 * count * (count - 1)), 2 * (count - 1) ** 2 / (3 * count - 4)


def moderated(variances: Tensor, freedom: float) -> tuple[Tensor, float]:
    r"""Variances $s_n^2$ [N] of N similar means, moved towards their mean $\bar s^2$, and their degrees of freedom,

    $$\tilde s_n^2 = \frac{\nu_0 \bar s^2 + \nu s_n^2}{\nu_0 + \nu}, \qquad \nu_0 + \nu.$$

    The weight $\nu_0$ is what the variance of $\log s_n^2$ says: it is $\psi'(\nu / 2) + \psi'(\nu_0 / 2)$ if the true
    variances follow a scaled inverse chi-squared law. It is at most $N \nu$, what the mean itself is worth. Use it
    where a few terms estimate each variance, and not where the means are of different kinds.

    Source: Smyth, "Linear models and empirical Bayes methods", Statistical Applications in Genetics and Molecular
    Biology 3, 2004, section 6.2, as in `limma`; there the variances move to their geometric mean, which is too small
    where a term is often zero and seldom large. SciPy and statsmodels do not have it.
    """
    most, pooled = len(variances) * freedom, variances.mean()
    floor = _LEAST * float(variances.median())
    spread = float(variances.clamp_min(floor).log().var()) if floor > 0 else 0.0
    excess = spread - _trigamma(freedom / 2)
    prior = most if excess <= 0 else min(most, 2 * _inverse_trigamma(excess))
    return (prior * pooled + freedom * variances) / (prior + freedom), prior + freedom


def t_quantile(freedom: float, level: float = 0.95) -> float:
    """The number of standard errors to either side of a mean in an interval, from Student's distribution.

    Args:
        freedom: Degrees of freedom.
        level: Confidence level of the interval.

    Raises:
        ValueError: If `level` is not between 0 and 1.
        dguide.errors.MissingExtra: If SciPy is not installed.
    """
    return -float(require("scipy.special", "exact").stdtrit(freedom, _tail(level)))


def z_quantile(level: float = 0.95) -> float:
    """The same for the normal distribution: 1.96 for 95 %. Raises `ValueError` if `level` is not between 0 and 1."""
    return -NormalDist().inv_cdf(_tail(level))


def _tail(level: float) -> float:
    """The probability beyond each end of an interval."""
    if not 0 < level < 1:
        raise bad("level", level, "a number between 0 and 1")
    return (1 - level) / 2


def _trigamma(x: float) -> float:
    return float(torch.special.polygamma(1, torch.tensor(x, dtype=torch.float64)))


def _inverse_trigamma(value: float) -> float:
    """The x with trigamma(x) = `value`, by bisection: trigamma falls, and 1/x < trigamma(x) < 1/x + 1/x^2."""
    low, high = 1 / (value + 1), 1 / value + 1 / math.sqrt(value)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _trigamma(middle) > value else (low, middle)
    return (low + high) / 2
