"""Where a batch stands between two steps, and what landed in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

__all__ = ["Landing", "State"]


@dataclass(frozen=True, eq=False)
class State:
    """Where a batch stands.

    Attributes:
        tokens: [B, L] int64.
        clocks: [B, L] float64, what is left of each position's Exp(1) clock; the position jumps when its exit rate has
            used it up.
        jumps: [B, L] int64, how often the clock of each position was replaced; a position that leaves for good needs no
            new one.
        forced: [B] int64, positions that had to leave at the end although their clock had not run out.
        time: [B] float64, 1 at noise, 0 at data.
        index: number of steps taken.
        plan: what the sampler worked out ahead; None to work it out again.
        ancestors: [B], which row of the state before each row comes from; None if each comes from its own.
        log_normalizer: [samples], log of the estimated normalising constant, from the sampler that makes one (`SMC`).
    """

    tokens: Tensor
    clocks: Tensor
    jumps: Tensor
    forced: Tensor
    time: Tensor
    index: int = 0
    plan: Any = None
    ancestors: Tensor | None = None
    log_normalizer: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Landing:
    """Tokens that some positions of a batch took in one step.

    Attributes:
        sample: [N], row in the batch.
        position: [N], position in the sample.
        token: [N], what it became.
        level: [N], noise level at which it did; along a grid with rates that depend on the prediction only the step is
            known, and they are spread evenly over it.
        log_cond: [N], log-probability of the token in the conditional prediction; None if that was not called.
        log_ref: [N], the same in the prediction of the reference.
        log_proposal: [N], log-probability with which it was drawn, given that the position was to take a token.
    """

    sample: Tensor
    position: Tensor
    token: Tensor
    level: Tensor
    log_cond: Tensor | None
    log_ref: Tensor | None
    log_proposal: Tensor
