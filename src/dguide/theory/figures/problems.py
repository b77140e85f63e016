r"""The problems of the figures: tokens on a line, and pairs of tokens in a plane.

A diffusion model does not use an order of the tokens. The order here is only for the pictures.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ...exact import Problem
from ...process import Masked

__all__ = ["line", "other_class", "rings"]

_SHARE = 0.5
_FLOOR = 1e-3
"""Share of each class that is uniform, so that every state has a positive probability."""


def _law(weights: Tensor) -> Tensor:
    return (1 - _FLOOR) * weights / weights.sum() + _FLOOR / weights.numel()


def _problem(cond: Tensor, other: Tensor, name: str) -> Problem:
    process = Masked(vocab_size=cond.shape[0])
    return Problem(process, cond, _SHARE * cond + (1 - _SHARE) * other, name)


@lru_cache
def line(tokens: int = 16) -> Problem:
    """One position with two classes, overlapping bell curves: the condition on the left; the data are half of each."""
    y = torch.arange(tokens, dtype=torch.float64)
    left, right = (_law(torch.exp(-(((y - centre * tokens) / (0.13 * tokens)) ** 2) / 2)) for centre in (0.36, 0.58))
    return _problem(left, right, f"two bell curves on {tokens} tokens")


@lru_cache
def rings(tokens: int = 24) -> Problem:
    """Two positions with two classes, crossing rings. The condition is the left one; the data are half of each."""
    y = torch.arange(tokens, dtype=torch.float64)
    middle = (tokens - 1) / 2

    def ring(centre: float) -> Tensor:
        radius = torch.hypot(y[:, None] - centre, y[None, :] - middle)
        return _law(torch.exp(-(((radius - 0.27 * tokens) / (0.05 * tokens)) ** 2) / 2))

    left, right = ring(middle - 0.146 * tokens), ring(middle + 0.146 * tokens)
    return _problem(left, right, f"two rings that cross, {tokens} by {tokens} tokens")


def other_class(problem: Problem) -> Tensor:
    """The distribution of the other class, joint table."""
    return (problem.uncond - _SHARE * problem.cond) / (1 - _SHARE)
