r"""Reverse rates of two predictions at some positions, and what guidance makes of them.

Guidance tilts rates, not predictions. r(y) is the rate at which a position jumps to the token y,
$\lambda = \sum_y r(y)$ its exit rate, and $q(y) = r(y) / \lambda$ the law of its landing, so that

$$\log Z_w = \log \sum_y q_c(y)^{1+w} q_u(y)^{-w}$$

is taken of the landings. Of a mask the landing is the prediction, and both predictions give the same exit rate. Of a
token of the uniform process neither is so: the landing leaves out the present token, and the exit rate says how sure
the prediction is of it. Then `Normalized` changes the pace of the conditional model by
$\log (\lambda_c^{1+w} \lambda_u^{-w} / \lambda_c) = w \log (\lambda_c / \lambda_u)$ too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...categorical import normalise, tilt
from ...process import Jump, Process
from .contexts import Contexts

__all__ = ["Rates", "log_rates"]


@dataclass(frozen=True, eq=False)
class Rates:
    """At positions [...]; laws are [..., V], and rates are per unit of noise level.

    Attributes:
        cond, ref: jumps under each prediction.
        guided: those of `Normalized`; those of `Unlocking` have an exit rate $Z_w$ times as large.
        log_z: $\\log Z_w$, the logarithm of this factor.
        log_p: $\\log p(x_0 \\mid x_t)$ of both predictions, of which the rates are.
    """

    cond: Jump
    ref: Jump
    guided: Jump
    log_z: Tensor
    log_p: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, process: Process, contexts: Contexts, log_p: tuple[Tensor, Tensor], weight: float) -> Rates:
        """Of both predictions [N, M, V] at the positions that `contexts` looks at."""
        w = torch.tensor(weight, dtype=torch.float64)
        cond, ref = (process.rates(contexts.here, contexts.time, law) for law in log_p)
        landing, log_z = normalise(tilt(cond.log_landing, ref.log_landing, w))
        guided = Jump(tilt(cond.log_intensity, ref.log_intensity, w), landing)
        return cls(cond, ref, guided, log_z, log_p)

    @property
    def pace(self) -> Tensor:
        r"""$w \log (\lambda_c / \lambda_u)$: log of the pace of `Normalized`, as a multiple of the conditional one."""
        return self.guided.log_intensity - self.cond.log_intensity

    def at(self, columns: Tensor) -> Rates:
        """At `columns` [N, K] of the positions [N, M] only."""

        def some(law: Tensor) -> Tensor:
            return law.gather(1, columns.unsqueeze(-1).expand(-1, -1, law.shape[-1]))

        def jump(each: Jump) -> Jump:
            return Jump(each.log_intensity.gather(1, columns), some(each.log_landing))

        cond, ref = (some(law) for law in self.log_p)
        return Rates(jump(self.cond), jump(self.ref), jump(self.guided), self.log_z.gather(1, columns), (cond, ref))


def log_rates(jump: Jump) -> Tensor:
    """log r(y), [..., V]; -inf where there is no jump."""
    return jump.log_intensity.unsqueeze(-1) + jump.log_landing
