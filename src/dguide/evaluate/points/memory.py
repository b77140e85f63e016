r"""Detects samples that are copies of the training data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .base import Points, nearest

__all__ = ["Memory", "copies"]

QUANTILE = 0.01
"""Share of new data that count as near, if there are enough validation data, and no larger share is in the training."""
_ROUNDING = 1e-6
"""Distances below this share of the largest one count as zero."""


@dataclass(frozen=True, eq=False)
class Memory:
    r"""Distances of samples and of validation data to the training data.

    Let $d(y) = \min_x \lVert y - x \rVert$ be the distance of y to the nearest training sample x. A sample y is near
    if d(y) is 0, or below the j-th smallest d of m validation data, $j = \max(1, \lfloor 0.01 (m + 1) \rfloor)$. Of new
    data of the same law, $j / (m + 1)$ are near (`expected`), or the share that is also in the training data. The limit
    comes from other data than those it is applied to. So this holds for samples and test data alike, for any m and any
    law without ties. This share shows copies that the median of d does not show, if most samples are new.

    Sources: similar to Meehan, Chaudhuri and Dasgupta (arXiv 2004.05675), who compare the distribution of d with that
    of held-out data by a rank test; Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005, for the
    rank of new data.

    Args:
        samples: d of the samples, [N].
        validation: d of the validation data, [M].
    """

    samples: NDArray[np.float64]
    validation: NDArray[np.float64]

    @classmethod
    def of(cls, training: Points, validation: Points, samples: Points | Iterable[Points]) -> Memory:
        """Computes the distances from points [n, D], for example pixels; those of the samples may come in pieces.

        Raises:
            ValueError: If dimensions differ.
        """
        several = [samples] if isinstance(samples, np.ndarray) else samples
        return cls(np.concatenate([nearest(some, training) for some in several]), nearest(validation, training))

    @property
    def rank(self) -> int:
        """The number j of the validation distance that is the limit."""
        return max(1, math.floor(QUANTILE * (len(self.validation) + 1)))

    @property
    def expected(self) -> float:
        """The share of new data that are near, if their law is that of the validation data."""
        return self.rank / (len(self.validation) + 1)

    @property
    def threshold(self) -> float:
        """The limit for near samples; 0 if a larger share of the validation data is in the training data."""
        return float(np.sort(self.validation)[self.rank - 1])

    @property
    def near(self) -> NDArray[np.bool_]:
        """Which samples are near, [N]."""
        nothing = _ROUNDING * float(self.validation.max())
        near: NDArray[np.bool_] = (self.samples < self.threshold) | (self.samples <= nothing)
        return near

    @property
    def relative(self) -> NDArray[np.float64]:
        """Distances of the samples, divided by the median of validation data, [N]."""
        return self.samples / max(float(np.median(self.validation)), np.finfo(float).tiny)


def copies(training: Tensor, samples: Tensor) -> NDArray[np.bool_]:
    """Which samples [N, L] are equal to a sequence of the training data [M, L], [N]."""
    known = {row.tobytes() for row in training.cpu().long().numpy()}
    return np.array([row.tobytes() in known for row in samples.cpu().long().numpy()], dtype=np.bool_)
