r"""Whether samples are copies of the training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .base import Points, nearest

__all__ = ["Memory", "copies"]

QUANTILE = 0.01
"""Share of held-out data that are called near, if no more of them stand in the training data."""
_ROUNDING = 1e-6
"""What is left of a distance of zero, as a share of others."""


@dataclass(frozen=True, eq=False)
class Memory:
    r"""How near each sample is to the training data, and how near held-out data are.

    With $d(y) = \min_x \lVert y - x \rVert$ the distance to the nearest training sample, a sample is called near if
    d(y) is below the 1 % quantile of d over held-out data, or 0. A model that learnt the law and copies nothing has
    about 1 % of such samples, or as many as stand in the training data by chance (`held_out_near`); the share tells of
    copying what the median of d cannot, since most samples may be new.

    Source: after Meehan, Chaudhuri and Dasgupta (arXiv 2004.05675), who compare the whole law of d with that of
    held-out data by a rank test.

    Args:
        samples: d of the samples, [N].
        held_out: d of held-out data, [M].
    """

    samples: NDArray[np.float64]
    held_out: NDArray[np.float64]

    @classmethod
    def of(cls, training: Points, held_out: Points, samples: Points) -> Memory:
        """From points [n, D] in a space such as pixels. Raises `ValueError` if their dimensions differ."""
        return cls(nearest(samples, training), nearest(held_out, training))

    @property
    def threshold(self) -> float:
        """The distance below which a sample is near; 0 if more than 1 % of held-out data stand in the training data."""
        return float(np.quantile(self.held_out, QUANTILE))

    @property
    def near(self) -> NDArray[np.bool_]:
        """Which samples are near, [N]."""
        return self._is_near(self.samples)

    @property
    def held_out_near(self) -> NDArray[np.bool_]:
        """Which held-out data are near by the same measure, [M]."""
        return self._is_near(self.held_out)

    def _is_near(self, apart: NDArray[np.float64]) -> NDArray[np.bool_]:
        nothing = _ROUNDING * float(self.held_out.max())
        near: NDArray[np.bool_] = (apart < self.threshold) | (apart <= nothing)
        return near

    @property
    def relative(self) -> NDArray[np.float64]:
        """Distances of the samples, in units of the median of held-out data, [N]."""
        return self.samples / max(float(np.median(self.held_out)), np.finfo(float).tiny)


def copies(training: Tensor, samples: Tensor) -> NDArray[np.bool_]:
    """Which of the samples [N, L] stand in the training data [M, L] token for token, [N]."""
    known = {row.tobytes() for row in training.cpu().long().numpy()}
    return np.array([row.tobytes() in known for row in samples.cpu().long().numpy()], dtype=np.bool_)
