r"""The loss of a tokenizer: the mean absolute error of all pixels, and half of that of the worst of each picture.

$$\frac{1}{n} \sum_i |x_i - \hat x_i| + \frac{1}{2 k} \sum_{i \in \text{worst } k} |x_i - \hat x_i|$$

for pictures of n values x in [-1, 1] and a share s, with $k = \lceil s n \rceil$. A rare defect is a small part of the
first term and a large one of the second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Loss"]


@dataclass(frozen=True)
class Loss:
    """The loss, with the share s of the worst pixels; None for the first term alone."""

    share: float | None = 0.1

    def __call__(self, drawn: Tensor, images: Tensor) -> Tensor:
        """The loss [] of pictures [B, C, H, W] that were drawn for `images`."""
        error = (drawn.float() - images).abs().flatten(1)
        if self.share is None:
            return error.mean()
        worst = error.topk(math.ceil(self.share * error.shape[1]), sorted=False).values
        return error.mean() + worst.mean() / 2
