"""Arithmetic of laws in logs: the tilt, and normalisation."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["normalise", "tilt"]


def tilt(cond: Tensor, ref: Tensor, weight: Tensor) -> Tensor:
    r"""$(1 + w) \log c - w \log u$, elementwise and without NaN.

    What the conditional forbids stays forbidden; what only the reference forbids is not tilted; w = -1 is the
    reference itself.
    """
    # What is infinite is kept out of the product, so that there is a derivative in the weight.
    further = (cond - ref).masked_fill(cond.isinf() | ref.isinf(), 0.0)
    return torch.where(weight == -1, ref, cond + weight * further)


def normalise(log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """(log law [..., V], log of the sum [...]); a row that is all -inf is returned as it is."""
    # The largest comes off first: what is left is exact however large it is.
    top = log_weights.amax(-1, keepdim=True)
    rest = log_weights - torch.where(top.isneginf(), 0.0, top)
    log_sum = torch.logsumexp(rest, -1, keepdim=True)
    law = rest - torch.where(log_sum.isneginf(), 0.0, log_sum)
    return law, (top + log_sum).squeeze(-1)
