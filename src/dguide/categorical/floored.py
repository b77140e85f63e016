"""How strongly tokens leave, and where they land, where rates are predictions on a floor: `floor` says what that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch

from . import floored_compiled, floored_vectorised
from .cuda import floored_fused, tiling
from .floor import FlooredRequest, FlooredSums, Sums

__all__ = ["floored_sums", "implementation"]

Implementation: TypeAlias = Callable[[FlooredRequest], Sums]

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def floored_sums(asked: FlooredRequest) -> FlooredSums | None:
    """The sums that say how strongly each row leaves, and what it lands on, if that is asked for.

    Every logit is read where the network left it. No temporary is larger than a few rows. Logits in half precision are
    raised to float32.

    Returns:
        What follows from the sums, and for which rows that may be used; None where it could be for none: for logits in
        float64 and a floor that is no number.
    """
    served = all(rows.values.dtype in _DTYPES for rows in asked.predictions)
    if not (served and asked.floor.usable and len(asked.cond)):
        return None
    return FlooredSums(asked, implementation(asked.cond.values.device, asked.cond.values.dtype)(asked))


def implementation(device: torch.device, dtype: torch.dtype) -> Implementation:
    """The quickest way of reading logits in float32 or half precision."""
    if floored_compiled.serves(device, dtype):
        return floored_compiled.fast
    return floored_fused.fast if tiling.serves(device, dtype) else floored_vectorised.fast
