r"""How many masks are left after each step: published counts, the same for every sample with as many masks.

With n masks at first and T steps, after step k = 1, ..., T there are left

- "uniform": $n - k \lfloor n/T \rfloor - \min(k, n \bmod T)$: equal counts, the odd ones first (LLaDA, Nie et al.,
  arXiv 2502.09992);
- "cosine": $\lfloor n \cos(\pi k / 2T) \rfloor$ (MaskGIT, Chang et al., arXiv 2202.04200);
- "arccos": $\lceil n \cdot 2/\pi \arccos(k / T) \rceil$ (Besnier et al., arXiv 2503.17076);
- for shares of masks $m_0 = 1 > m_1 > \ldots > m_T = 0$: $\lfloor m_k n \rfloor$.

But a step leaves one mask fewer than there were, and every step but the last leaves one mask, where it can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ..grids import checked_grid
from ..run import Run
from ..state import State
from .base import Unmasking, initially

__all__ = ["Counted", "remaining"]

_HAIR = 1e-9
"""Products that are whole numbers but for rounding are whole numbers."""


@dataclass(frozen=True)
class Counted(Unmasking):
    """Samplers that unmask a number of positions that is known beforehand; see the module for the numbers.

    Args:
        steps: number of steps T (a sample with fewer masks takes fewer); ignored if `grid` gives the shares.
        grid: "uniform", "cosine", "arccos" (both few tokens a step at first), or the decreasing shares of masks that
            are left, from 1 to 0. They are noise levels, whatever the noise schedule of the process.

    Raises:
        ValueError: for steps below 1, an unknown name, or shares that do not fall from 1 to 0.
    """

    steps: int = 32
    grid: str | Sequence[float] = "uniform"

    def __post_init__(self) -> None:
        names = ("uniform", "cosine", "arccos")
        steps, grid = checked_grid(type(self).__name__, self.steps, self.grid, names, "shares of masks")
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "grid", grid)

    def aim(self, left: Tensor, total: Tensor) -> Tensor:
        counts = self.counts(total)
        return counts.masked_fill(counts >= left.unsqueeze(-1), 0).amax(-1)

    def counts(self, total: Tensor) -> Tensor:
        """How many masks are left after 0, 1, ..., T steps, [B, T + 1], of `total` [B] at first."""
        return remaining(self.steps, self.grid, int(total.max()), total.device)[total]

    def length(self, run: Run, state: State) -> int:
        left, counts = run.movable(state.tokens).sum(-1), self.counts(initially(run))
        ahead = ((counts > 0) & (counts < left.unsqueeze(-1))).sum(-1) + (left > 0)
        return int(ahead.max())


@lru_cache(maxsize=16)
def remaining(steps: int, grid: str | tuple[float, ...], most: int, device: torch.device) -> Tensor:
    """Masks left after k = 0, ..., T steps of n = 0, ..., `most` at first, [most + 1, T + 1] int64."""
    n = torch.arange(most + 1).unsqueeze(-1)
    k = torch.arange(steps + 1)
    if grid == "uniform":
        left = n - k * (n // steps) - torch.minimum(k, n % steps)
    elif grid == "cosine":
        left = (n * torch.cos(math.pi / 2 * k.double() / steps) + _HAIR).floor().long()
    elif grid == "arccos":
        left = (n * torch.acos(k.double() / steps) * (2 / math.pi) - _HAIR).ceil().long()
    else:
        left = (n * torch.tensor(grid, dtype=torch.float64) + _HAIR).floor().long()
    left[:, 1:-1].clamp_(min=1)
    left[:, 0], left[:, -1] = n.squeeze(-1), 0
    return ((left + k).cummin(-1).values - k).clamp_min(0).to(device)
