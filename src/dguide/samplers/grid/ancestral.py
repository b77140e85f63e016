"""Ancestral sampling: the exact posterior of each step, guided."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...categorical import Leaving
from ...extension import speaks_for
from ...process import Floored, Jump, Process
from .steps import GridSampler

__all__ = ["Ancestral"]


@dataclass(frozen=True)
class Ancestral(GridSampler):
    r"""Leave with probability $1 - e^{-\Lambda}$: the guided $\Lambda = -\log P(\text{stay})$ of the step's posterior.

    For the masked process with $\alpha = 1 - t$, a token stays masked with probability s/t (`Normalized`) or
    $(s/t)^{Z_w}$ (`Unlocking`). Finite at t = 1 for both processes. At w = 0 each position follows the exact posterior;
    positions that leave in one step do so independently, which is the only error. Source: ancestral sampling of Austin
    et al., arXiv 2107.03006, and Sahoo et al., arXiv 2406.07524.

    >>> import dguide
    >>> dguide.Ancestral(steps=4).times(dguide.Masked(2)).tolist()
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """

    guarantee = "exact given predictions frozen within a step; first order in the steps"
    leaving = Leaving.EXPONENTIAL

    def start(self, process: Process) -> float:
        return 1.0

    def intensity(self, process: Process, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        return process.posterior(tokens, time, earlier, log_p)

    def floored(self, process: Process, time: Tensor, earlier: Tensor, like: Tensor) -> Floored | None:
        told = speaks_for(type(process), "floored_posterior", "posterior", "as_posterior")
        return process.floored_posterior(time, earlier, like) if told else None

    def log_stay(self, log_intensity: Tensor) -> Tensor:
        return Leaving.EXPONENTIAL.log_stay(log_intensity)
