r"""Averaged weights, which usually predict better than the last weights."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

__all__ = ["Average"]

M = TypeVar("M", bound=nn.Module)


class Average(Generic[M]):
    r"""Exponential moving average of weights, $\bar\theta \leftarrow d_s \bar\theta + (1 - d_s) \theta$ with
    $d_s = \min(d, (1 + s) / (10 + s))$ at step s. The small decay at the start removes the random first weights.

    Args:
        model: The network; it is copied.
        decay: Decay d, in [0, 1).
    """

    def __init__(self, model: M, decay: float) -> None:
        self.model: M = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Adds the weights of `model` after step number `step` to the average."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - decay)
