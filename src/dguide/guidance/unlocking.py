"""Unlocking guidance: the rates are tilted as they are, partition function included."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..categorical import Combination
from .base import RateGuidance
from .schedule import PerSample, Schedule

__all__ = ["Unlocking"]


@dataclass(frozen=True, eq=False)
class Unlocking(RateGuidance):
    r"""Rates $r_w(y) = r_c(y)^{1+w} r_u(y)^{-w}$, so the exit rate is $\lambda_c^{1+w} \lambda_u^{-w} Z_w$.

    For the masked process tokens are unmasked $Z_w$ times too fast: of one position, with constant w and
    $\alpha = 1 - t$, the masked fraction at time t is $t^{Z_w}$. Source: Nisonoff et al., "Unlocking Guidance for
    Discrete State-Space Diffusion and Flow Models", arXiv 2406.01572.

    >>> import dguide
    >>> guidance = dguide.Unlocking(weight=1.5)
    >>> guidance.keeps_pace, str(guidance.weight)
    (False, 'constant:1.5')
    """

    weight: float | Tensor | Schedule | PerSample  # type: ignore[assignment]
    keeps_pace = False
    combination = Combination(share=1.0)

    def __post_init__(self) -> None:
        self._accept_weight()

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return tilted + log_z
