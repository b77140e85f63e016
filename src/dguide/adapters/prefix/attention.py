"""Which tokens may look at which in a block-causal model."""

from __future__ import annotations

import torch
from torch import Tensor

from ..convention import Convention

__all__ = ["block_causal"]


def block_causal(convention: Convention, first: Tensor, real: Tensor, asking: int, dtype: torch.dtype) -> Tensor:
    """What the model is told: [b, 1, q, S], for the last q of S tokens.

    A token looks at those of its own block and of earlier blocks. Padding looks at itself, so that no row is empty.

    Args:
        convention: Says how large blocks are, and in which form the model is told.
        first: Where a block begins, [b]: blocks are counted from there in both directions.
        real: [b, S] bool, False for padding.
        asking: q.
        dtype: Of a mask that is added.
    """
    assert convention.block is not None
    place = torch.arange(real.shape[1], device=real.device)
    block = (place - first.unsqueeze(1)).div(convention.block, rounding_mode="floor")
    seen = (block[:, -asking:, None] >= block[:, None, :]) & real[:, None, :]
    seen = (seen | (place[-asking:, None] == place)).unsqueeze(1)
    if convention.attention == "blocks":
        return seen
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, -torch.inf)
