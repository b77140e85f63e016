r"""The diversity of the samples of one class."""

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

    where $Y_c$ are the n samples of class c, and $X_c$ its real points. The sums are over classes with at least two of
    both. The ratio is 1 if samples differ as much as real data, and 0 if all samples of a class are equal. It can be
    above 1, because of noise or of variety. It has no bias from the number of samples.

    Mean distances within a class are known for many features, for example LPIPS (Zhang et al., arXiv 1801.03924), as in
    Zhu et al. (arXiv 1711.11586). Here the distances are Euclidean, in the given features.

    Args:
        real: Real points, [N, D].
        real_labels: Their classes, [N] int64.
        points: Generated points, [M, D].
        labels: Requested classes, [M] int64.

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
        """The ratio for the generated points at `rows`; nan if no class has two different points.

        A point that is repeated in `rows` does not form a pair with itself.
        """
        times = np.bincount(rows, minlength=self.size).astype(float)
        means = [(_mean(apart, times[own]), real) for own, apart, real in self.classes]
        pairs = [(mine, real) for mine, real in means if not math.isnan(mine)]
        total = sum(real for _, real in pairs)
        return sum(mine for mine, _ in pairs) / total if total > 0 else math.nan


def _matrix(points: Points) -> Points:
    return np.concatenate([apart for _, apart in distances(points, points)])


def _mean(apart: Points, times: Points) -> float:
    """Mean distance of pairs of different points, with `times` the multiplicity of each; nan if there is no pair."""
    pairs = times.sum() ** 2 - np.square(times).sum()
    return float(times @ apart @ times / pairs) if pairs > 0 else math.nan
