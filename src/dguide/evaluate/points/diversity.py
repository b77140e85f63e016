r"""How different the samples of one class are from each other."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...errors import bad
from ..statistics.estimate import Rows
from .base import Points, distances

__all__ = ["Diversity"]


class Diversity:
    r"""Mean distance between two different samples of a class, relative to that of real data,

    $$\frac{\sum_c d(Y_c)}{\sum_c d(X_c)}, \qquad d(Z) = \frac{1}{n (n - 1)} \sum_{i \ne j} \lVert z_i - z_j \rVert,$$

    over the classes c of which both have two samples, n being their number. It is 1 if the samples of a class differ as
    much as real ones do, 0 if they are all the same, and has no bias from their number. It can be above 1, for noise as
    for variety.

    Mean distances within a class are used with many features; best known is LPIPS (Zhang et al., arXiv 1801.03924),
    as in Zhu et al. (arXiv 1711.11586). Here they are Euclidean, in the features that are passed.

    Args:
        real: Real points, [N, D].
        real_labels: Their classes, [N] int64.
        points: Generated points, [M, D].
        labels: Classes asked for, [M] int64.

    Raises:
        ValueError: If there is not one label for each point.
    """

    def __init__(self, real: Points, real_labels: NDArray[np.int64], points: Points, labels: NDArray[np.int64]) -> None:
        if labels.shape != (len(points),) or real_labels.shape != (len(real),):
            got = f"{real_labels.shape} and {labels.shape}"
            raise bad("labels", got, f"[{len(real)}] and [{len(points)}], one for each point")
        self.classes = []
        for label in np.unique(labels):
            theirs = real[real_labels == label]
            own = np.flatnonzero(labels == label)
            if len(theirs) > 1:
                everything = np.ones(len(theirs))
                self.classes.append((own, _matrix(points[own]), _mean(_matrix(theirs), everything)))
        self.size = len(points)

    def ratio(self, rows: Rows) -> float:
        """That of the generated points at `rows`; nan if no class has two different ones.

        A pair of a point with itself never counts, not even if it stands in `rows` twice.
        """
        times = np.bincount(rows, minlength=self.size).astype(float)
        means = [(_mean(apart, times[own]), real) for own, apart, real in self.classes]
        pairs = [(mine, real) for mine, real in means if not math.isnan(mine)]
        total = sum(real for _, real in pairs)
        return sum(mine for mine, _ in pairs) / total if total > 0 else math.nan


def _matrix(points: Points) -> Points:
    return np.concatenate([apart for _, apart in distances(points, points)])


def _mean(apart: Points, times: Points) -> float:
    """Mean distance of pairs of different points, each counted `times` often; nan if there is no pair."""
    pairs = times.sum() ** 2 - np.square(times).sum()
    return float(times @ apart @ times / pairs) if pairs > 0 else math.nan
