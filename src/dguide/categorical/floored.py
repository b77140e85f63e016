"""How strongly tokens leave, and where they land, where rates are predictions on a floor: `floor` says what that is."""

from __future__ import annotations

import torch

from . import floored_vectorised
from .floor import FlooredRequest, FlooredSums

__all__ = ["floored_sums"]

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
    return FlooredSums.of(asked, floored_vectorised.fast(asked))
