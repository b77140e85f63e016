"""Where the loop of somebody else stands: the noise levels of a step, over which w is averaged."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import bad
from ...guidance import Normalized
from ...noise import Linear, Noise

__all__ = ["Levels", "of_masks", "of_step"]

_LINEAR = Linear()


class Levels(NamedTuple):
    """The noise levels of a step: from `high` [B] or [] down to `low`."""

    low: Tensor
    high: Tensor

    def weight(self, guidance: Normalized, count: int) -> Tensor:
        """The mean of w over them, [count], on their device."""
        rows = torch.arange(count, device=self.high.device)
        return guidance.weight_over(self.low, self.high, rows)


def of_masks(left: Tensor, total: Tensor, steps: int | None) -> Levels:
    """The levels of a step that starts with `left` [B] masks of `total` [B], in a loop of `steps` equal steps.

    Without `steps` w is taken at the level where the step starts.
    """
    high = left.double() / total.clamp_min(1)
    return Levels(high if steps is None else (high - 1 / steps).clamp_min(0), high)


def of_step(index: int, steps: int, noise: Noise = _LINEAR) -> Levels:
    """The levels of step number `index`, from 0 on, of `steps` steps that are equal in time.

    Raises:
        ValueError: If there is no such step.
    """
    if not 0 <= index < steps:
        raise bad("step", index, f"0 to {steps - 1}, since the loop has {steps} steps")
    time = torch.tensor([steps - index - 1, steps - index], dtype=torch.float64) / steps
    low, high = noise.level(time)
    return Levels(low, high)
