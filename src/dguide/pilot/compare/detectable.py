r"""Which differences a comparison can find, and how many samples it needs to find smaller ones.

A difference d with standard error $\sigma$ from n pairs is found with probability $1 - \beta$ if

$$|d| = (q + z_{1 - \beta})\, \sigma, \qquad \sigma \propto n^{-1/2},$$

where q is the number of standard errors from the middle of the interval to its ends. So a difference of half the size
needs four times the samples.

Source: Lachin, "Introduction to sample size determination and power analysis for clinical trials", Controlled Clinical
Trials 2, 1981.
"""

from __future__ import annotations

import math

from ...errors import bad
from ...evaluate import Estimate
from ...evaluate.statistics.variance import z_quantile

__all__ = ["POWER", "detectable", "samples_for"]

POWER = 0.8
"""Probability of finding a difference that counts as enough."""


def detectable(difference: Estimate, power: float = POWER) -> float:
    """The size of the difference that a comparison such as this one finds with probability `power`.

    Args:
        difference: From `paired_differences`; its width and level count, not its value. nan if it has no interval.
        power: Above 0 and below 1.
    """
    if not 0 < power < 1:
        raise bad("power", power, "a number between 0 and 1")
    q = z_quantile(difference.level)
    # The quantile of the normal law that has `power` below it.
    beyond = math.copysign(z_quantile(abs(2 * power - 1)), power - 0.5) if power != 0.5 else 0.0
    return (difference.high - difference.low) / 2 * (1 + beyond / q)


def samples_for(difference: Estimate, size: float, power: float = POWER) -> int:
    """The number of pairs that find a difference of `size` with probability `power`; 0 if there is no interval.

    Args:
        difference: As in `detectable`.
        size: The difference to find, above 0.
        power: As in `detectable`.

    Raises:
        ValueError: If `size` or `power` is out of range.
    """
    if not (size > 0 and math.isfinite(size)):
        raise bad("difference to detect", size, "a number above 0")
    found = detectable(difference, power)
    return 0 if math.isnan(found) else math.ceil(difference.count * (found / size) ** 2)
