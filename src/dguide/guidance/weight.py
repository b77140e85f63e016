"""Weights that do not depend on the noise level: one number, or one for each sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import bad, in_tensor, number, with_data

__all__ = ["checked_weight", "one_each"]


def one_each(what: str, value: object, expected: str) -> Tensor:
    """A tensor [B] of numbers, at least one, in float64. Raises `ValueError` if it is none."""
    if not isinstance(value, Tensor):
        raise bad(what, repr(value), expected, in_tensor(value))
    if value.is_complex() or value.dtype == torch.bool:
        raise bad(what, value.dtype, expected)
    if value.ndim != 1 or not len(value):
        raise bad(what, f"shape {list(value.shape)}", expected)
    return with_data(what, value).double()


def checked_weight(what: str, value: object) -> float:
    """A weight that does not depend on the noise level. Raises `ValueError` if it is none."""
    weight = number(what, value)
    if not (math.isfinite(weight) and weight >= -1):
        raise bad(what, weight, "a finite number of at least -1 (0 is the conditional model, -1 the reference)")
    return weight
