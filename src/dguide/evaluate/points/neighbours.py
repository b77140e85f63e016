r"""Precision, recall, density and coverage of a set of points, from nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import bad
from ..statistics.estimate import Rows
from .base import Points, check_points, distances

__all__ = ["Balls", "Neighbourhood", "PrecisionRecall", "neighbourhood", "precision_recall"]

_LISTED = 5
"""Of a random half, k are among the nearest 5 k but for a few in a thousand."""


@dataclass(frozen=True)
class PrecisionRecall:
    """Nearest-neighbour precision and recall.

    Args:
        precision: Share of generated points within the support of the real ones.
        recall: Share of real points within the support of the generated ones.
        neighbours: Number k of neighbours that define a support.
    """

    precision: float
    recall: float
    neighbours: int


@dataclass(frozen=True)
class Neighbourhood(PrecisionRecall):
    """Nearest-neighbour precision, recall, density and coverage.

    Args:
        density: Mean number of real balls that contain a generated point, divided by k; about 1 for real points.
        coverage: Share of real balls that contain a generated point.
    """

    density: float
    coverage: float


class Balls:
    r"""Which points of one set are in the balls of the other set.

    The ball of a point $\phi'$ has the radius $r_k(\phi')$, its distance to its k-th neighbour in its own set. If only
    some of the generated points are used, their radii are those among these points. They are taken from the nearest
    `_LISTED` k of each point; where fewer than k of these are used, the ball ends at the last one.

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
        radii = _nearest(real, neighbours)[1][:, -1]
        self.listed, reach = _nearest(generated, min(_LISTED * neighbours, len(generated) - 1))
        self.in_real = np.empty((len(real), len(generated)), dtype=np.bool_)
        # How many of the neighbours of a generated point are nearer to it than a real point.
        self.nearer = np.zeros((len(real), len(generated)), dtype=np.uint16)
        for rows, apart in distances(real, generated):
            self.in_real[rows] = apart <= radii[rows, None]
            for distance in reach.T:
                self.nearer[rows] += distance < apart
        self.times = self.in_real.sum(0)

    def precision(self, rows: Rows) -> float:
        """Share of the generated points at `rows` that are in a real ball."""
        return float((self.times[rows] > 0).mean())

    def recall(self, rows: Rows) -> float:
        """Share of real points in a ball of the generated points at `rows`; nan for no more than k of these."""
        rows = np.unique(rows)
        if len(rows) <= self.neighbours:
            return float("nan")
        used = np.zeros(len(self.listed), dtype=np.bool_)
        used[rows] = True
        found = used[self.listed[rows]].cumsum(1) >= self.neighbours
        last = np.where(found.any(1), found.argmax(1), found.shape[1] - 1)
        return float((self.nearer[:, rows] <= last).any(1).mean())

    def density(self, rows: Rows) -> float:
        """Mean number of real balls that contain a generated point at `rows`, divided by k."""
        return float(self.times[rows].mean() / self.neighbours)

    def coverage(self, rows: Rows) -> float:
        """Share of the real balls that contain a generated point at `rows`."""
        return float(self.in_real[:, np.unique(rows)].any(1).mean())


def precision_recall(real: Points, generated: Points, neighbours: int = 3) -> PrecisionRecall:
    r"""Nearest-neighbour estimates of the share of each set that is in the support of the other set.

    Let $r_k(\phi')$ be the distance from a point $\phi'$ of a set $\Phi$ to its k-th neighbour in $\Phi$. A point
    $\phi$ is in the support of $\Phi$ if $\lVert \phi - \phi' \rVert \le r_k(\phi')$ for some $\phi' \in \Phi$.
    Precision is the share of generated points in the support of the real points, recall the share of real points in the
    support of the generated points. Both depend on the sizes of the sets: compare only figures of equal sizes.

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
    r"""Precision and recall as in `precision_recall`, and density and coverage. With $B_i$ the ball of real point i,

    $$\text{density} = \frac{1}{kM} \sum_{j=1}^M \sum_{i=1}^N 1[y_j \in B_i], \qquad
    \text{coverage} = \frac{1}{N} \sum_{i=1}^N 1[\exists j: y_j \in B_i].$$

    N real points and M generated points $y_j$. Density counts the balls that contain a point, so one real outlier with
    a wide ball has little effect; it can be above 1. Coverage uses balls of real points only, so generated outliers
    have no effect. For N points of one distribution in both sets the expected coverage is
    $1 - \prod_{i=1}^k (N - i) / (2N - i)$, which tends to $1 - 2^{-k}$.

    Source: Naeem et al. (arXiv 2002.09797, section 3), with open balls.

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


def _nearest(points: Points, count: int) -> tuple[Rows, NDArray[np.float64]]:
    """The nearest `count` others of each point, in ascending order, and their distances, both [N, count]."""
    others, reach = [], []
    for rows, apart in distances(points, points):
        apart[np.arange(len(apart)), np.arange(rows.start, rows.stop)] = np.inf
        some = np.argpartition(apart, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(apart, some, 1)
        order = np.argsort(near, axis=1, kind="stable")
        others.append(np.take_along_axis(some, order, 1))
        reach.append(np.take_along_axis(near, order, 1))
    return np.concatenate(others), np.concatenate(reach)
