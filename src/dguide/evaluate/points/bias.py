"""The value of a figure between two samples of the same distribution, as a function of their size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import bad, positive
from .base import Points

__all__ = ["Bias", "bias"]


@dataclass(frozen=True)
class Bias:
    """A figure between two samples of one distribution.

    Args:
        size: Number of points in each.
        mean: Mean of the figure.
        deviation: Its standard deviation over pairs of samples.
    """

    size: int
    mean: float
    deviation: float


def bias(
    real: Points,
    statistic: Callable[[Points, Points], float],
    sizes: Sequence[int],
    *,
    repetitions: int = 20,
    seed: int = 0,
) -> tuple[Bias, ...]:
    """Computes the figure between two disjoint samples of the same real points, for each size.

    A perfect model has this value on average. So a distance near it is not significant.

    Args:
        real: Real points, [N, D].
        statistic: The figure, such as `frechet_distance`.
        sizes: Sizes of the samples, each at most N / 2.
        repetitions: Number of pairs of samples, at least two.
        seed: Seed of the samples.

    Raises:
        ValueError: If a size is above N / 2, or there are fewer than two repetitions.
    """
    if positive("repetitions", repetitions) < 2:
        raise bad("repetitions", repetitions, "at least two")
    generator = np.random.default_rng(seed)
    results = []
    for size in sizes:
        if 2 * positive("size", size) > len(real):
            raise bad("size", size, f"at most {len(real) // 2}, half of the {len(real)} points")
        orders = [generator.permutation(len(real)) for _ in range(repetitions)]
        figures = [statistic(real[order[:size]], real[order[size : 2 * size]]) for order in orders]
        results.append(Bias(size, float(np.mean(figures)), float(np.std(figures, ddof=1))))
    return tuple(results)
