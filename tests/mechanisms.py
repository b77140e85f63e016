"""Two mechanisms that dguide does not have: one on rates, one that lands elsewhere than on the tilted law."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dguide.guidance import Guidance, RateGuidance, Schedule, Step, Transition

__all__ = ["Mixed", "Partial"]


@dataclass(frozen=True, eq=False)
class Partial(RateGuidance):
    """Half of the exponent of Z_w in the rate: between `Normalized` and `Unlocking`."""

    weight: float | Tensor | Schedule
    keeps_pace = False

    def __post_init__(self) -> None:
        self._accept_weight()

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return tilted + log_z / 2


@dataclass(frozen=True, eq=False)
class Mixed(Guidance):
    """Lands on (1 + v) c - v u where that is positive, with v the weight or `most`."""

    weight: float | Tensor | Schedule
    most: float = 9.0
    level = "clean prediction"
    tilted_landing = False
    keeps_pace = True

    def __post_init__(self) -> None:
        self._accept_weight()

    def guided(self, cond: Tensor, ref: Tensor, weight: Tensor, step: Step) -> Transition:
        w = weight.clamp_max(self.most).unsqueeze(-1)
        mixed = ((1 + w) * cond.exp() - w * ref.exp()).clamp_min(0)
        return step((mixed / mixed.sum(-1, keepdim=True)).log())
