"""A small problem: a process, and the joint distributions with and without the condition."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..categorical import normalise, tilt
from ..errors import bad, number
from ..process import Process
from .check import check_law
from .oracle import Oracle

__all__ = ["Problem", "check_problem"]


@dataclass(frozen=True, eq=False)
class Problem:
    """Joint distributions of d positions with V tokens each, small enough to enumerate.

    Args:
        process: `Masked` or `Uniform`.
        cond: p(x | c), joint table [V] * d.
        uncond: p(x), joint table [V] * d, positive wherever `cond` is.
        name: short name, for tables and captions.

    Raises:
        ValueError: for tables that are no distributions, differ in shape, or where only `uncond` is zero.
    """

    process: Process
    cond: Tensor
    uncond: Tensor
    name: str = ""

    def __post_init__(self) -> None:
        for what in ("cond", "uncond"):
            object.__setattr__(self, what, check_law(self.process, getattr(self, what), what))
        if self.cond.ndim != self.uncond.ndim:
            raise bad("tables", [self.cond.ndim, self.uncond.ndim], "the same number of positions in both")
        lost = (self.cond > 0) & (self.uncond == 0)
        if bool(lost.any()):
            raise bad(
                "uncond",
                f"probability zero at {lost.nonzero()[0].tolist()} where cond has {float(self.cond[lost][0]):.3g}",
                "a distribution that is positive wherever cond is",
                "Every class is part of the whole: mix some of cond into it.",
            )

    @property
    def positions(self) -> int:
        """The number of positions, d."""
        return self.cond.ndim

    def target(self, weight: float) -> Tensor:
        r"""The tilted distribution $p_c^{1+w} p_u^{-w} / Z$, joint table [V] * d."""
        return self._tilted(weight)[0]

    def log_z(self, weight: float) -> float:
        r"""$\log \sum_x p_c(x)^{1+w} p_u(x)^{-w}$, which is $w D_{1+w}(p_c \Vert p_u)$."""
        return float(self._tilted(weight)[1])

    def _tilted(self, weight: float) -> tuple[Tensor, Tensor]:
        w = torch.tensor(number("weight", weight), dtype=torch.float64)
        if not bool(torch.isfinite(w)) or float(w) < -1:
            raise bad("weight", weight, "a finite number of at least -1")
        law, log_z = normalise(tilt(self.cond.log(), self.uncond.log(), w).flatten())
        return law.exp().view_as(self.cond), log_z

    def oracle(self) -> Oracle:
        """The exact denoiser: label 0 is the condition, label 1 is "no condition"."""
        return Oracle(self.process, [self.cond], self.uncond)


def check_problem(what: str, problem: Problem) -> None:
    """Raises `ValueError` unless `problem` is a `Problem`."""
    if not isinstance(problem, Problem):
        raise bad(f"{what} problem", type(problem).__name__, "an exact.Problem(process, cond, uncond)")
