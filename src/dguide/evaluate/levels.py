r"""The noise levels at which a likelihood bound is measured.

The bound is $\int_0^1 E[f \mid m]\, dm$, where f is `Process.elbo` summed over positions. Near the data a position is
hit with probability m and then adds about $1 / m$, for every process. So the standard deviation of f at a level is
about $c\, m^{-1/2}$, and with evenly spread levels its variance over all levels is infinite. The best density of
levels, one in each of many equal parts, is proportional to this standard deviation (Neyman, "On the two different
aspects of the representative method", Journal of the Royal Statistical Society 97, 1934). This is

$$m = v^2, \qquad v \sim U(0, 1), \qquad \text{with density } \frac{1}{2 \sqrt m} \text{ and weight } 2 v.$$

It has no parameter to tune. A weighted term is at most about $1 / v$ with probability $v^2$, so its variance is finite.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["LEAST_PASSES", "noise_levels", "passes_for"]

LEAST_PASSES = 8
"""Smallest number of noise levels for each sequence that a report uses."""
_PASSES = 16
_LOOKS = 50_000
_EDGE = 2.0**-30
"""Distance of v from 0 and 1, so that no level is exactly 0 or 1."""


def passes_for(count: int) -> int:
    """The number of noise levels for each of `count` sequences in all reports, which so have the same bits.

    It is 16. It is smaller where all sequences together would have more than 50,000 levels, but at least 8.
    """
    return min(_PASSES, max(LEAST_PASSES, _LOOKS // max(count, 1)))


def noise_levels(passes: int, count: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    r"""Yields J times the noise levels of N sequences and their weights, [N] float64 each, from low to high levels.

    In pass j sequence n has $v = (j + u_n) / J$ if j is even, else $v = (j + 1 - u_n) / J$. The $u_n$ are one number
    from each of N equal intervals, in random order. So each sequence alone has an unbiased estimate, with one v in each
    of J equal intervals; the estimate of all has one v in each of J N. The reflection cancels most of what the level
    within an interval adds (antithetic variates: Owen, "Monte Carlo theory, methods and examples", 2013, section 8.2).

    Args:
        passes: J.
        count: N.
        generator: The source of $u_n$. The caller may draw from it between the passes.
    """
    order = torch.randperm(count, generator=generator)
    offset = (order + torch.rand(count, generator=generator, dtype=torch.float64)) / count
    for index in range(passes):
        root = (index + (1 - offset if index % 2 else offset)) / passes
        root = root.clamp(_EDGE, 1 - _EDGE)
        yield root.square(), 2 * root
