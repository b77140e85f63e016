"""Normalised guidance: the partition function is dropped from the rates."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..categorical import Combination
from .base import RateGuidance
from .schedule import PerSample, Schedule

__all__ = ["Normalized"]


@dataclass(frozen=True, eq=False)
class Normalized(RateGuidance):
    r"""Exit rate $\lambda_c^{1+w} \lambda_u^{-w}$, landing $q_w$: the pace is not touched by $Z_w$.

    For the masked process both exit rates are the same, so tokens are unmasked at the unguided pace and each is drawn
    from softmax((1 + w) logits_c - w logits_u). Source: Rojas et al., arXiv 2507.08965 (the normalised mechanism).

    >>> import dguide
    >>> guidance = dguide.Normalized(weight=dguide.RampUp(2.0))
    >>> guidance.keeps_pace, str(guidance.weight)
    (True, 'ramp-up:2.0,left=0.0,right=0.0')
    """

    weight: float | Tensor | Schedule | PerSample  # type: ignore[assignment]
    keeps_pace = True
    combination = Combination(share=0.0)

    def __post_init__(self) -> None:
        self._accept_weight()

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return tilted
