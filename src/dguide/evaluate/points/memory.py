r"""Detects samples that are copies of the training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .base import Points, nearest

__all__ = ["Memory", "copies"]

QUANTILE = 0.01
"""Share of held-out data that count as near, if no larger share is in the training data."""
_ROUNDING = 1e-6
"""Distances below this share of the largest one count as zero."""


@dataclass(frozen=True, eq=False)
class Memory:
    r"""Distances of the samples and of held-out data to the training data.

    Let $d(y) = \min_x \lVert y - x \rVert$ be the distance of y to the nearest training sample x. A sample y is near if
    d(y) is 0, or below the 1 % quantile of d over held-out data. A model without copying has about 1 % near samples, or
    the share of held-out data that is also in the training data (`held_out_near`). This share shows copies that the
    median of d does not show, if most samples are new.

    Source: similar to Meehan, Chaudhuri and Dasgupta (arXiv 2004.05675), who compare the distribution of d with that of
    held-out data by a rank test.

    Args:
        samples: d of the samples, [N].
        held_out: d of held-out data, [M].
    """

    samples: NDArray[np.float64]
    held_out: NDArray[np.float64]

    @classmethod
    def of(cls, training: Points, held_out: Points, samples: Points) -> Memory:
        """Computes the distances from points [n, D], for example pixels. Raises `ValueError` if dimensions differ."""
        return cls(nearest(samples, training), nearest(held_out, training))

    @property
    def threshold(self) -> float:
        """The limit for near samples; 0 if more than 1 % of the held-out data are in the training data."""
        return float(np.quantile(self.held_out, QUANTILE))

    @property
    def near(self) -> NDArray[np.bool_]:
        """Which samples are near, [N]."""
        return self._is_near(self.samples)

    @property
    def held_out_near(self) -> NDArray[np.bool_]:
        """Which held-out data are near, [M]."""
        return self._is_near(self.held_out)

    def _is_near(self, apart: NDArray[np.float64]) -> NDArray[np.bool_]:
        nothing = _ROUNDING * float(self.held_out.max())
        near: NDArray[np.bool_] = (apart < self.threshold) | (apart <= nothing)
        return near

    @property
    def relative(self) -> NDArray[np.float64]:
        """Distances of the samples, divided by the median of held-out data, [N]."""
        return self.samples / max(float(np.median(self.held_out)), np.finfo(float).tiny)


def copies(training: Tensor, samples: Tensor) -> NDArray[np.bool_]:
    """Which samples [N, L] are equal to a sequence of the training data [M, L], [N]."""
    known = {row.tobytes() for row in training.cpu().long().numpy()}
    return np.array([row.tobytes() in known for row in samples.cpu().long().numpy()], dtype=np.bool_)
