"""Tau-leaping: a Poisson number of jumps a step, of which exactly one is accepted."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...categorical import Leaving
from .steps import RateSampler

__all__ = ["TauLeaping"]


@dataclass(frozen=True)
class TauLeaping(RateSampler):
    r"""Leave with probability $\Lambda e^{-\Lambda}$, $\Lambda = (m_t - m_s)\, \lambda_w$: a Poisson number of jumps of
    one position, rejected unless it is one.

    Masks left over in the last step are made to leave and counted in `Samples.forced`; for the uniform process it
    starts at $\alpha = 10^{-3}$. Source: Campbell et al., arXiv 2205.14987, with the rejection for categorical data.

    >>> import dguide
    >>> dguide.TauLeaping(grid=(1.0, 0.2, 0.0)).steps
    2
    """

    guarantee = "first order in the steps"
    leaving = Leaving.SINGLE

    def log_stay(self, log_intensity: Tensor) -> Tensor:
        return Leaving.SINGLE.log_stay(log_intensity)
