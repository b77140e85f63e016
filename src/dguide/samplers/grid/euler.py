"""Euler steps: the rates at the start of a step, to first order."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...categorical import Leaving
from .steps import RateSampler

__all__ = ["Euler"]


@dataclass(frozen=True)
class Euler(RateSampler):
    r"""Leave with probability $\min(1, \Lambda)$, $\Lambda = (m_t - m_s)\, \lambda_w$.

    Positions that must have left by t = 0 (masks) and have not are made to leave in the last step and counted in
    `Samples.forced`. For the uniform process it starts at $\alpha = 10^{-3}$, where the rates are finite: a bias of
    that size. Source: the Euler step of Campbell et al., arXiv 2205.14987, and Lou et al., arXiv 2310.16834.

    >>> import dguide
    >>> dguide.Euler(steps=2).times(dguide.Uniform(2)).tolist()
    [0.999, 0.5, 0.0]
    """

    guarantee = "first order in the steps"
    leaving = Leaving.LINEAR

    def log_stay(self, log_intensity: Tensor) -> Tensor:
        return Leaving.LINEAR.log_stay(log_intensity)
