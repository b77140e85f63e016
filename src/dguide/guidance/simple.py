"""Simple guidance: the transition probabilities of one step are tilted, staying included."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..categorical import Combination, log_leave
from .base import Guidance, LogStay, Step, Transition, normalise, tilt
from .schedule import PerSample, Schedule

__all__ = ["Simple"]


@dataclass(frozen=True, eq=False)
class Simple(Guidance):
    r"""$P_w(y) \propto P_c(y)^{1+w} P_u(y)^{-w}$ over all outcomes of a step, "stay" among them.

    Tends to `Unlocking` as the steps grow in number; has no continuous-time form of its own. Source: Schiff et al.,
    "Simple Guidance Mechanisms for Discrete Diffusion Models", arXiv 2412.10193 (the equation; its released masked
    code tilts the logits instead, which is `Normalized`).

    >>> import dguide
    >>> guidance = dguide.Simple(weight=2.0)
    >>> guidance.level
    'transition probabilities'
    """

    weight: float | Tensor | Schedule | PerSample  # type: ignore[assignment]
    level = "transition probabilities"
    tilted_landing = True
    keeps_pace = False
    combination = Combination(share=1.0, whole=True)

    def __post_init__(self) -> None:
        self._accept_weight()

    def guided(self, cond: Tensor, ref: Tensor, weight: Tensor, step: Step) -> Transition:
        c, u = step(cond), step(ref)
        landing, leaves = normalise(tilt(_leaving(c), _leaving(u), weight.unsqueeze(-1)))
        stays = tilt(c.log_stay, u.log_stay, weight)
        return Transition(stays - torch.logaddexp(stays, leaves), landing)

    def combined_log_stay(self, cond: Tensor, ref: Tensor, weight: Tensor, log_z: Tensor, log_stay: LogStay) -> Tensor:
        return self.combination.log_stay(cond, ref, weight, log_z, log_stay)

    def guided_log_stay(self, log_intensity: Tensor, log_z: Tensor, log_stay: LogStay) -> Tensor:
        stays = log_stay(log_intensity)
        return stays - torch.logaddexp(stays, log_leave(stays) + log_z)


def _leaving(law: Transition) -> Tensor:
    """log P(leave, and land on y), [N, V]."""
    return log_leave(law.log_stay).unsqueeze(-1) + law.log_landing
