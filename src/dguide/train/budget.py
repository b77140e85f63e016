r"""How long a run lasts, and the learning rate along it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from .config import TrainConfig

__all__ = ["Budget", "Minutes", "Steps", "budget", "rate"]


class Budget(Protocol):
    """A length of training."""

    def fraction(self, step: int, seconds: float) -> float:
        """Share of the run that is over after `step` steps and `seconds` of work; the run ends at 1."""


@dataclass(frozen=True)
class Steps:
    """A number of steps: the same weights on any machine of the same arithmetic, however fast."""

    total: int

    def fraction(self, step: int, seconds: float) -> float:
        """`step / total`."""
        return min(1.0, step / self.total)


@dataclass(frozen=True)
class Minutes:
    """A time of work, stops not counted."""

    total: float

    def fraction(self, step: int, seconds: float) -> float:
        """`seconds / (60 total)`."""
        return min(1.0, seconds / (60 * self.total))


def budget(config: TrainConfig) -> Budget:
    """The budget that a configuration asks for."""
    if config.steps is not None:
        return Steps(config.steps)
    assert config.minutes is not None  # the configuration has exactly one of the two
    return Minutes(config.minutes)


def rate(peak: float, warmup: int, step: int, fraction: float, decay: str = "cosine") -> float:
    r"""Learning rate $\rho \min(1, (s + 1) / w) \cdot d(f)$: warm-up, then $d = \frac12 (1 + \cos \pi f)$ or 1.

    Args:
        peak: $\rho$.
        warmup: Number w of steps of warm-up; 0 for none.
        step: Steps s done so far.
        fraction: Share f of the run that is over.
        decay: `cosine`, which ends at 0, or `constant`.
    """
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return peak * rise * (0.5 * (1 + math.cos(math.pi * fraction)) if decay == "cosine" else 1.0)
