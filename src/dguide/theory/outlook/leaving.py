r"""How many positions leave together in a step of `Ancestral`, under `Normalized` and under `Unlocking`.

The step goes from noise level m to $\max(0, m - 1/T)$. A mask stays with probability $s / m$, with s the later noise
level, and under `Unlocking` with $(s / m)^{Z_w}$. The exit rate of a token of the uniform process depends on the
predictions, and a step is longer than a rate holds. So the sampler is asked: it tilts
$\Lambda = -\log P(\text{stay})$ and the landing of the two exact steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ...guidance import Normalized, RateGuidance, Unlocking
from ...process import Process
from ...samplers import Ancestral
from .contexts import Contexts

__all__ = ["Leaving", "OfMasks", "OfTokens"]


class Leaving(ABC):
    """The mean number of positions of a sequence that leave in a step from here."""

    @abstractmethod
    def __call__(self, steps: int) -> tuple[float, float]:
        """`Normalized` and `Unlocking`, in a step of size 1 / `steps` in the noise level."""


@dataclass(frozen=True, eq=False)
class OfMasks(Leaving):
    """Masks, which all have the same exit rate without guidance.

    Attributes:
        level: m.
        log_z: [N, M], log Z_w of each mask.
    """

    level: float
    log_z: Tensor

    def __call__(self, steps: int) -> tuple[float, float]:
        stay = max(0.0, 1 - 1 / (steps * self.level))
        count = self.log_z.shape[1]
        return (1 - stay) * count, float((1 - stay ** self.log_z.exp()).sum(-1).mean())


@dataclass(frozen=True, eq=False)
class OfTokens(Leaving):
    """Tokens whose exit rates depend on the predictions.

    Attributes:
        process: the process.
        level: m.
        weight: w.
        contexts: the noised sequences, and the positions that are looked at.
        log_p: both predictions there, [N, M, V].
    """

    process: Process
    level: float
    weight: float
    contexts: Contexts
    log_p: tuple[Tensor, Tensor]

    def __call__(self, steps: int) -> tuple[float, float]:
        return self._of(Normalized(self.weight), steps), self._of(Unlocking(self.weight), steps)

    def _of(self, guidance: RateGuidance, steps: int) -> float:
        tokens = self.contexts.here
        cond, ref = (law.flatten(0, 1) for law in self.log_p)
        weight = torch.full((tokens.numel(),), self.weight, dtype=torch.float64)
        later = torch.tensor(max(0.0, self.level - 1 / steps), dtype=torch.float64)
        time, earlier = self.contexts.time, self.process.noise.time(later)
        step = Ancestral(steps).transition(self.process, guidance, tokens.flatten(), time, earlier, cond, ref, weight)
        return float(-torch.expm1(step.log_stay).view_as(tokens).sum(-1).mean())
