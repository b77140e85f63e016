r"""How far two sets of points are apart as wholes: Fréchet distance and kernel distance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .estimate import Rows
from .points import Points, check_points

__all__ = ["Kernel", "Normal", "frechet_distance", "kernel_distance"]


@dataclass(frozen=True, eq=False)
class Normal:
    """The normal law with the mean and the covariance of a set of points.

    Args:
        mean: Mean, [D].
        covariance: Covariance, [D, D].
    """

    mean: Points
    covariance: Points

    @classmethod
    def of(cls, points: Points) -> Normal:
        """That of at least two points [N, D]."""
        return cls(points.mean(0), np.atleast_2d(np.cov(points, rowvar=False, ddof=1)))

    @cached_property
    def root(self) -> Points:
        """Symmetric square root of the covariance, [D, D]."""
        values, vectors = np.linalg.eigh(self.covariance)
        root: Points = (vectors * np.sqrt(values.clip(0))) @ vectors.T
        return root

    def distance(self, other: Normal) -> float:
        """Squared 2-Wasserstein distance of both laws, as in `frechet_distance`."""
        overlap = np.sqrt(np.linalg.eigvalsh(self.root @ other.covariance @ self.root).clip(0)).sum()
        shift = np.square(self.mean - other.mean).sum()
        return float(max(0.0, shift + np.trace(self.covariance) + np.trace(other.covariance) - 2 * overlap))


def frechet_distance(real: Points, generated: Points) -> float:
    r"""Fréchet distance of the normal laws with the means and covariances of both sets,

    $$\lVert \mu_1 - \mu_2 \rVert^2 + \mathrm{tr}\left(C_1 + C_2 - 2 (C_1^{1/2} C_2 C_1^{1/2})^{1/2}\right).$$

    It falls as the sets grow: compare figures of equal sizes, and of two halves of the real data.

    Source: Heusel et al. (arXiv 1706.08500, equation 6), there in the features of a network.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].

    Raises:
        ValueError: If the sets have different dimensions, or fewer than two points.
    """
    check_points(real, generated, 2)
    return Normal.of(real).distance(Normal.of(generated))


class Kernel:
    r"""Kernel distance from a set of real points to some of a set of generated ones.

    The kernel matrix is computed once, so that the distance of many choices of the generated points is cheap.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].

    Raises:
        ValueError: If the sets have different dimensions, or fewer than two points.
    """

    def __init__(self, real: Points, generated: Points) -> None:
        check_points(real, generated, 2)
        among_real = _polynomial(real, real)
        self.real = float((among_real.sum() - np.trace(among_real)) / (len(real) * (len(real) - 1)))
        self.between = _polynomial(real, generated).mean(0)
        self.among = _polynomial(generated, generated)
        np.fill_diagonal(self.among, 0)

    def distance(self, rows: Rows) -> float:
        """`kernel_distance` of the generated points at `rows`; nan if these are fewer than two different ones.

        A pair of a point with itself never counts, not even if it stands in `rows` twice.
        """
        times = np.bincount(rows, minlength=len(self.among)).astype(float)
        pairs = times.sum() ** 2 - np.square(times).sum()
        if pairs == 0:
            return float("nan")
        return float(self.real + times @ self.among @ times / pairs - 2 * times @ self.between / times.sum())


def kernel_distance(real: Points, generated: Points) -> float:
    r"""Unbiased estimate of the squared maximum mean discrepancy under a cubic kernel,

    $$\frac{1}{N(N-1)} \sum_{i \ne j} k(x_i, x_j) + \frac{1}{M(M-1)} \sum_{i \ne j} k(y_i, y_j)
    - \frac{2}{NM} \sum_{i,j} k(x_i, y_j), \qquad k(x, y) = \left(\tfrac{1}{D} x^\top y + 1\right)^3.$$

    It has no bias whatever the sizes of the sets, hence is below zero about as often as above if both have one law.

    Source: Binkowski et al. (arXiv 1801.01401), there of features of Inception and as a mean over subsets,
    which has the same expectation.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].

    Raises:
        ValueError: If the sets have different dimensions, or fewer than two points.
    """
    return Kernel(real, generated).distance(np.arange(len(generated)))


def _polynomial(one: Points, two: Points) -> Points:
    kernel: Points = (one @ two.T / one.shape[1] + 1) ** 3
    return kernel
