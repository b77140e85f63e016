r"""Whether points lie where others lie: precision, recall, density and coverage, all from nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import bad
from ..statistics.estimate import Rows
from .base import Points, check_points, distances

__all__ = ["Balls", "Neighbourhood", "PrecisionRecall", "neighbourhood", "precision_recall"]


@dataclass(frozen=True)
class PrecisionRecall:
    """Nearest-neighbour precision and recall.

    Args:
        precision: Share of generated points within the support of the real ones.
        recall: Share of real points within the support of the generated ones.
        neighbours: Number k of neighbours that delimit a support.
    """

    precision: float
    recall: float
    neighbours: int


@dataclass(frozen=True)
class Neighbourhood(PrecisionRecall):
    """Nearest-neighbour precision, recall, density and coverage.

    Args:
        density: Number of real balls that a generated point lies in, over k; 1 is expected of real points.
        coverage: Share of real balls with a generated point in them.
    """

    density: float
    coverage: float


class Balls:
    r"""Who lies in whose ball: with $r_k(\phi')$ the distance from $\phi'$ to its k-th neighbour in its own set, the
    ball of $\phi'$ is all points that are no further from it.

    Figures of some of the generated points keep the radii that these have among all of them.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].
        neighbours: k.

    Raises:
        ValueError: If the sets have different dimensions, or no more than k points.
    """

    def __init__(self, real: Points, generated: Points, neighbours: int) -> None:
        if neighbours < 1:
            raise bad("neighbours", neighbours, "a positive number")
        check_points(real, generated, neighbours + 1)
        self.neighbours = neighbours
        radii, reach = _radii(real, neighbours), _radii(generated, neighbours)
        self.in_real = np.empty((len(real), len(generated)), dtype=np.bool_)
        self.in_generated = np.empty_like(self.in_real)
        for rows, apart in distances(real, generated):
            self.in_real[rows] = apart <= radii[rows, None]
            self.in_generated[rows] = apart <= reach
        self.times = self.in_real.sum(0)

    def precision(self, rows: Rows) -> float:
        """Share of the generated points at `rows` that lie in some real ball."""
        return float((self.times[rows] > 0).mean())

    def recall(self, rows: Rows) -> float:
        """Share of the real points that lie in some ball of the generated points at `rows`."""
        return float(self.in_generated[:, np.unique(rows)].any(1).mean())

    def density(self, rows: Rows) -> float:
        """Mean number of real balls that the generated points at `rows` lie in, over k."""
        return float(self.times[rows].mean() / self.neighbours)

    def coverage(self, rows: Rows) -> float:
        """Share of the real balls in which one of the generated points at `rows` lies."""
        return float(self.in_real[:, np.unique(rows)].any(1).mean())


def precision_recall(real: Points, generated: Points, neighbours: int = 3) -> PrecisionRecall:
    r"""Nearest-neighbour estimates of how much of each set lies in the support of the other.

    A support is a union of balls: with $r_k(\phi')$ the distance from $\phi'$ to its k-th neighbour in its own set,
    $f(\phi, \Phi) = 1$ if $\lVert \phi - \phi' \rVert \le r_k(\phi')$ for some $\phi' \in \Phi$, else 0. Precision is
    the mean of f over the generated points with respect to the real set, recall the other way round. Both depend on
    the sizes of the sets: compare figures of equal sizes.

    Source: Kynkaanniemi et al. (arXiv 1904.06991, equations 1 and 2).

    Args:
        real: Real points, [N, D]: pixels (`Dataset.features`) or features of any network.
        generated: Generated points, [M, D].
        neighbours: k.

    Raises:
        ValueError: If the sets have different dimensions, or no more than k points.
    """
    balls, everything = Balls(real, generated, neighbours), np.arange(len(generated))
    return PrecisionRecall(balls.precision(everything), balls.recall(everything), neighbours)


def neighbourhood(real: Points, generated: Points, neighbours: int = 5) -> Neighbourhood:
    r"""Precision and recall as in `precision_recall`, with density and coverage: with $B_i$ the ball of real point i,

    $$\text{density} = \frac{1}{kM} \sum_{j=1}^M \sum_{i=1}^N 1[y_j \in B_i], \qquad
    \text{coverage} = \frac{1}{N} \sum_{i=1}^N 1[\exists j: y_j \in B_i].$$

    Density counts how many balls a point lies in, so that one real outlier with a wide ball gives little; it can be
    above 1. Coverage looks at real balls alone, so that a generated outlier gives nothing. If both sets are N points of
    one law, coverage is expected to be $1 - \prod_{i=1}^k (N - i) / (2N - i)$, which tends to $1 - 2^{-k}$.

    Source: Naeem et al. (arXiv 2002.09797, section 3), whose balls are open.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].
        neighbours: k.

    Raises:
        ValueError: If the sets have different dimensions, or no more than k points.
    """
    balls, everything = Balls(real, generated, neighbours), np.arange(len(generated))
    figures = (balls.precision, balls.recall, balls.density, balls.coverage)
    precision, recall, density, coverage = (figure(everything) for figure in figures)
    return Neighbourhood(precision, recall, neighbours, density, coverage)


def _radii(points: Points, neighbours: int) -> NDArray[np.float64]:
    """Distance from each point to its k-th neighbour among the others, [N]."""
    radii = []
    for rows, apart in distances(points, points):
        apart[np.arange(len(apart)), np.arange(rows.start, rows.stop)] = np.inf
        radii.append(np.partition(apart, neighbours - 1, axis=1)[:, neighbours - 1])
    return np.concatenate(radii)
