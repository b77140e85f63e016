"""A step of many positions on the CPU in C, by `floored_step.c`: who leaves by what the rows say, and where they land.

It knows the formulas below. What has another one finds the sums of `floored_sums`, and goes on in PyTorch.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import torch
from torch import Tensor

from . import compiled, floored_compiled
from .floor import FlooredRequest
from .floored import implementation
from .law import tilt

__all__ = ["Clocks", "Combination", "Leaving", "floored_step", "log_leave", "steps_at_once"]

_STEP = struct.Struct("=qqdqQ8q")
"""What `struct step` of the source has after `struct floored_task`."""
_LEFT_OUT, _NOT_LANDED = 0, 2
"""What a step leaves in `served`."""
_NO_MEMORY, _NO_ROW = -2, -3
_NOTHING = torch.zeros(0, dtype=torch.int64, device="cpu")


class Leaving(IntEnum):
    r"""What becomes of an integrated exit rate $\Lambda$: a token stays with probability $e^{-\Lambda}$,
    $1 - \min(1, \Lambda)$, or $1 - \Lambda e^{-\Lambda}$."""

    EXPONENTIAL = 0
    LINEAR = 1
    SINGLE = 2

    def log_stay(self, log_intensity: Tensor) -> Tensor:
        r"""log-probability to stay, from $\log \Lambda$."""
        if self is Leaving.EXPONENTIAL:
            return -torch.exp(log_intensity)
        if self is Leaving.LINEAR:
            return torch.log1p(-torch.exp(log_intensity.clamp_max(0.0)))
        return torch.log1p(-torch.exp(log_intensity - torch.exp(log_intensity)))


def log_leave(log_stay: Tensor) -> Tensor:
    """log-probability to leave."""
    return torch.log(-torch.expm1(log_stay))


class Combination(NamedTuple):
    r"""How two integrated exit rates and $Z_w$ make one step.

    Attributes:
        share: s. The exit rate is $\lambda_c^{1+w} \lambda_u^{-w} Z_w^s$.
        whole: whether instead the probabilities to stay and to leave are tilted, the second times $Z_w$, and then
            divided by their sum.
    """

    share: float
    whole: bool = False

    def log_stay(
        self, cond: Tensor, ref: Tensor, weight: Tensor, log_z: Tensor, log_stay: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """log-probability to stay in the step, [N]; arguments as of `Guidance.combined_log_stay`."""
        if not self.whole:
            return log_stay(tilt(cond, ref, weight) + self.share * log_z)
        c, u = log_stay(cond), log_stay(ref)
        stays, leaves = tilt(c, u, weight), tilt(log_leave(c), log_leave(u), weight) + log_z
        return stays - torch.logaddexp(stays, leaves)


class Clocks(NamedTuple):
    """Positions of a batch whose clocks run, and what decides where they land.

    Attributes:
        draw: address of `dguide_uniforms` of random.c.
        seed: the key.
        landing, clock: the first word of the counters of either stream, before the number of the draw is added.
        flat: [N] int64, which entry of the tensors below each position is.
        sample, position: [N] int64, the other words of its counter; the first is the global index of the sample.
        tokens, jumps: int64, as `clocks` of a whole batch, one after the other in memory; they are changed.
        clocks: float64, what is left of each clock.
    """

    draw: int
    seed: int
    landing: int
    clock: int
    flat: Tensor
    sample: Tensor
    position: Tensor
    tokens: Tensor
    jumps: Tensor
    clocks: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return self[4:]


_KINDS = (*(torch.int64,) * 5, torch.float64)


def steps_at_once(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether `floored_step` can do anything with logits of this kind."""
    return implementation(device, dtype) is floored_compiled.fast


def floored_step(
    asked: FlooredRequest, combination: Combination, leaving: Leaving, clocks: Clocks
) -> tuple[Tensor, Tensor] | None:
    """Let the positions of N rows stay, or leave and land.

    Args:
        asked: the rows, with `exits`, and with `partition` if the combination needs $Z_w$. The present tokens are those
            of `clocks`; `uniforms` and `known` are not looked at.
        combination: how the two predictions make one step.
        leaving: what becomes of an integrated exit rate.
        clocks: the positions.

    Returns:
        Which rows were not served and are as they were, [M], and which left and have no token yet, [K]. None where
        nothing could be done: for tensors that are laid out otherwise.
    """
    code, count, vocab = floored_compiled.library(), len(asked.cond), asked.cond.values.shape[-1]
    laid_out = all(x.dtype == kind and x.is_cpu and x.is_contiguous()
                   for x, kind in zip(clocks.tensors, _KINDS, strict=True))  # fmt: skip
    if code is None or not laid_out or not all(compiled.readable(rows, count, vocab) for rows in asked.predictions):
        return None
    served = torch.empty(count, dtype=torch.uint8, device="cpu")
    task, used = floored_compiled.told(asked, None, served, None)
    addresses = (x.data_ptr() for x in clocks.tensors)
    task += _STEP.pack(combination.whole, leaving, combination.share, *clocks[:4], *addresses)
    work = (1 + asked.partition) * vocab + floored_compiled.ROW
    result = compiled.run(code.dguide_floored_step, task, count, work, [*used, *clocks.tensors])
    if result == _NO_MEMORY:
        raise MemoryError("no memory to draw tokens in")
    if result == _NO_ROW:
        raise IndexError("rows or tokens that there are not")
    if result == 0:
        return _NOTHING, _NOTHING
    left, late = ((served == which).nonzero().squeeze(-1) for which in (_LEFT_OUT, _NOT_LANDED))
    return left, late
