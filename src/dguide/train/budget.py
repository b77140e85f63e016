r"""The length of a run, and its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from .config import Settings

__all__ = ["Budget", "Minutes", "Steps", "budget", "rate"]


class Budget(Protocol):
    """A length of training."""

    def fraction(self, step: int, seconds: float) -> float:
        """Completed share of the run after `step` steps and `seconds` of work. The run ends at 1."""


@dataclass(frozen=True)
class Steps:
    """A number of steps. Machines with the same arithmetic get the same weights."""

    total: int

    def fraction(self, step: int, seconds: float) -> float:
        """`step / total`."""
        return min(1.0, step / self.total)


@dataclass(frozen=True)
class Minutes:
    """A working time in minutes, without interruptions. Of it, `last` seconds are for the evaluations at the end."""

    total: float
    last: float = 0.0

    def fraction(self, step: int, seconds: float) -> float:
        """`seconds / (60 total - last)`. At least half of the time is for training."""
        whole = 60 * self.total
        return min(1.0, seconds / max(whole - self.last, whole / 2))


def budget(config: Settings, last: float = 0.0) -> Budget:
    """The budget of a configuration. The evaluations at the end of the run take `last` seconds."""
    if config.steps is not None:
        return Steps(config.steps)
    assert config.minutes is not None  # the configuration has exactly one of the two
    return Minutes(config.minutes, last)


def rate(peak: float, warmup: int, step: int, fraction: float, decay: str = "cosine") -> float:
    r"""Learning rate $\rho \min(1, (s + 1) / w) \cdot d(f)$ with decay $d(f) = \frac12 (1 + \cos \pi f)$ or 1.

    Args:
        peak: $\rho$.
        warmup: Number w of steps of warm-up; 0 for none.
        step: Steps s done so far.
        fraction: Completed share f of the run.
        decay: `cosine`, which ends at 0, or `constant`.
    """
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return peak * rise * (0.5 * (1 + math.cos(math.pi * fraction)) if decay == "cosine" else 1.0)
