"""The time as a model is told it."""

from __future__ import annotations

from torch import Tensor

from ..noise import Noise
from .convention import Convention

__all__ = ["told_time"]


def told_time(convention: Convention, noise: Noise, time: Tensor) -> Tensor | None:
    r"""What the model is told at `time` t [B], in the dtype of `time`; step numbers as int64; None for nothing.

    The $\sigma = -\log \alpha(t)$ of the noise schedule is computed in float64 and limited to `longest`.
    """
    if convention.time == "none":
        return None
    if convention.time == "step":
        steps = convention.steps
        assert steps is not None
        return (time.double() * steps).ceil().long().clamp(1, steps) - 1 + convention.first_step
    if convention.time == "sigma":
        assert convention.longest is not None
        moment = time.double()
        alpha, level = noise.alpha(moment), noise.level(moment)
        log_alpha = (-level).log1p().where(level < 0.5, alpha.log())
        return (-log_alpha).clamp_max(convention.longest).to(time.dtype)
    return time if convention.time == "t" else 1 - time
