r"""Distances between two sets of points: Fréchet distance and kernel distance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import bad
from ..statistics.estimate import Rows
from .base import Points, check_points

__all__ = ["Kernel", "Moments", "Normal", "frechet_distance", "kernel_distance"]

_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Normal:
    """The normal distribution with the mean and the covariance of a set of points.

    Args:
        mean: Mean, [D].
        covariance: Covariance, [D, D].
    """

    mean: Points
    covariance: Points

    @classmethod
    def of(cls, points: Points) -> Normal:
        """The normal distribution for points [N, D], N at least 2."""
        return cls(points.mean(0), np.atleast_2d(np.cov(points, rowvar=False, ddof=1)))

    @cached_property
    def root(self) -> Points:
        """Symmetric square root of the covariance, [D, D]."""
        values, vectors = np.linalg.eigh(self.covariance)
        root: Points = (vectors * np.sqrt(values.clip(0))) @ vectors.T
        return root

    def distance(self, other: Normal) -> float:
        """Squared 2-Wasserstein distance of both distributions, as in `frechet_distance`."""
        overlap = np.sqrt(np.linalg.eigvalsh(self.root @ other.covariance @ self.root).clip(0)).sum()
        shift = np.square(self.mean - other.mean).sum()
        return float(max(0.0, shift + np.trace(self.covariance) + np.trace(other.covariance) - 2 * overlap))


@dataclass(frozen=True, eq=False)
class Moments:
    r"""Number, mean and scatter of points, which merge: of parts A and B with means $\mu_A, \mu_B$,

    $$S = S_A + S_B + \frac{n_A n_B}{n_A + n_B} (\mu_B - \mu_A) (\mu_B - \mu_A)^\top.$$

    So a Fréchet distance needs no more than one part of the points in memory.

    Source: Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983.

    Args:
        count: Number of points N.
        mean: Their mean, [D].
        scatter: Sum of the products of deviations from the mean, [D, D].
    """

    count: int
    mean: Points
    scatter: Points

    @classmethod
    def of(cls, points: Points) -> Moments:
        """The moments of points [N, D], N at least 1."""
        mean = points.mean(0)
        return cls(len(points), mean, (points - mean).T @ (points - mean))

    def merged(self, other: Moments) -> Moments:
        """The moments of both sets together."""
        count, apart = self.count + other.count, other.mean - self.mean
        scatter = self.scatter + other.scatter + self.count * other.count / count * np.outer(apart, apart)
        return Moments(count, self.mean + other.count / count * apart, scatter)

    def normal(self) -> Normal:
        """The normal distribution with these moments, for at least two points."""
        return Normal(self.mean, self.scatter / (self.count - 1))


def frechet_distance(real: Points, generated: Points) -> float:
    r"""Fréchet distance of normal distributions with the means $\mu_1, \mu_2$ and covariances $C_1, C_2$ of both sets,

    $$\lVert \mu_1 - \mu_2 \rVert^2 + \mathrm{tr}\left(C_1 + C_2 - 2 (C_1^{1/2} C_2 C_1^{1/2})^{1/2}\right).$$

    It decreases with the sizes of the sets. So compare figures of equal sizes, and with that of two halves of the real
    data.

    Source: Heusel et al. (arXiv 1706.08500, equation 6), with the features of a network.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].

    Raises:
        ValueError: If the sets have different dimensions, or fewer than two points.
    """
    check_points(real, generated, 2)
    return Normal.of(real).distance(Normal.of(generated))


class Kernel:
    r"""Kernel distance from a set of real points to a selection of the generated points.

    The kernel matrix is computed once, so the distance of many selections is cheap.

    Let X be the real points and Y the generated points. If the number of points of each class is fixed, pairs of one
    class are rarer than among independent points. Then the expected `kernel_distance` of a perfect model is below zero.
    So with classes the distance is a mean over pairs of classes,

    $$\sum_{c, c'} \pi_c \pi_{c'} \left(\bar k_{cc'}(X, X) + \bar k_{cc'}(Y, Y) - 2 \bar k_{cc'}(X, Y)\right),$$

    where $\bar k_{cc'}$ is the mean of the kernel over pairs of different points of the classes c and c', and $\pi_c$
    is the share of class c among the generated points. Classes with a single point in one of the sets are omitted.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].
        classes: The class of each real and each generated point, [N] and [M]; None if the numbers are not fixed.

    Raises:
        ValueError: If the sets have different dimensions or fewer than two points, or the number of classes is wrong.
    """

    def __init__(self, real: Points, generated: Points, classes: tuple[Rows, Rows] | None = None) -> None:
        check_points(real, generated, 2)
        theirs, own = classes or (np.zeros(len(real), dtype=np.int64), np.zeros(len(generated), dtype=np.int64))
        if theirs.shape != real.shape[:1] or own.shape != generated.shape[:1]:
            raise bad("classes", f"{theirs.shape} and {own.shape}", f"one for each of {len(real)} and {len(generated)}")
        names, kinds = np.unique(own, return_inverse=True)
        real, theirs = real[np.isin(theirs, names)], theirs[np.isin(theirs, names)]
        self.members = [np.flatnonzero(kinds == k) for k in range(len(names))]
        self.numbers = np.bincount(np.searchsorted(names, theirs), minlength=len(names))
        self.groups = [real[theirs == name] for name in names]
        # Mean of the kernel for real points of two classes, [K, K]; for real points of a class and a generated point.
        self.real = np.array([[_mean(one, two) for two in self.groups] for one in self.groups])
        self.between = np.array([_polynomial(group, generated).sum(0) / max(len(group), 1) for group in self.groups])
        self.among = _polynomial(generated, generated)
        np.fill_diagonal(self.among, 0)

    def distance(self, rows: Rows) -> float:
        """The distance for the generated points at `rows`; nan if no class has two different points in both sets.

        A point that is repeated in `rows` does not form a pair with itself.
        """
        times = np.bincount(rows, minlength=len(self.among)).astype(float)
        numbers = np.array([times[own].sum() for own in self.members])
        pairs = np.square(numbers) - np.array([np.square(times[own]).sum() for own in self.members])
        share = np.where((pairs > 0) & (self.numbers > 1), numbers, 0)
        if share.sum() == 0:
            return float("nan")
        share /= share.sum()
        weight = np.zeros_like(times)
        for part, number, own in zip(share, numbers, self.members, strict=True):
            weight[own] = part * times[own] / max(number, 1)
        total = weight @ self.among @ weight + share @ np.nan_to_num(self.real) @ share
        for own, number, pair in zip(self.members, numbers, pairs, strict=True):
            if len(own) > 1 and pair > 0:  # a class with itself has fewer pairs of different points
                same = weight[own] @ self.among[np.ix_(own, own)] @ weight[own]
                total += same * (number**2 / pair - 1)
        return float(total - 2 * share @ self.between @ weight)


def kernel_distance(real: Points, generated: Points) -> float:
    r"""Unbiased estimate of the squared maximum mean discrepancy under a cubic kernel,

    $$\frac{1}{N(N-1)} \sum_{i \ne j} k(x_i, x_j) + \frac{1}{M(M-1)} \sum_{i \ne j} k(y_i, y_j)
    - \frac{2}{NM} \sum_{i,j} k(x_i, y_j), \qquad k(x, y) = \left(\tfrac{1}{D} x^\top y + 1\right)^3.$$

    Here x are the N real points, y the M generated points, and D is their dimension. It has no bias for any sizes, if
    the points are independent (for fixed numbers of each class see `Kernel`). So for equal distributions it is negative
    about as often as positive.

    Source: Binkowski et al. (arXiv 1801.01401), with features of Inception and a mean over subsets, which
    has the same expectation.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].

    Raises:
        ValueError: If the sets have different dimensions, or fewer than two points.
    """
    return Kernel(real, generated).distance(np.arange(len(generated)))


def _polynomial(one: Points, two: Points) -> Points:
    kernel: Points = one @ two.T
    for first in range(0, len(kernel), _CHUNK):  # in place: there may be 5,000 points in each set
        rows = kernel[first : first + _CHUNK]
        rows /= one.shape[1]
        rows += 1
        rows *= rows * rows
    return kernel


def _mean(one: Points, two: Points) -> float:
    """Mean of the kernel over pairs of different points; nan if there are none."""
    kernel = _polynomial(one, two)
    own = np.trace(kernel) if one is two else 0
    pairs = len(one) * (len(two) - (one is two))
    return float((kernel.sum() - own) / pairs) if pairs > 0 else float("nan")
