"""The cells of the grid: mechanism, schedule, mean weight, steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dguide import Ancestral
from dguide.guidance import (
    MECHANISMS,
    Constant,
    Guidance,
    Interval,
    InverseLinear,
    Normalized,
    Power,
    RampUp,
    Schedule,
)
from dguide.study import Setting

__all__ = ["NAMES", "NONE", "SCHEDULES", "Cell"]

NAMES = ("Normalized", "Unlocking", "Simple")
"""The mechanisms."""
SCHEDULES: dict[str, Callable[[float], Schedule]] = {
    "constant": Constant,
    "ramp-up": lambda mean: RampUp(2 * mean),
    "interval": lambda mean: Interval(2 * mean, 0.25, 0.75),
    "inverse": InverseLinear,
    "power-1.5": lambda mean: Power(mean, 1.5),
}
"""Schedules by name, each with a given mean over the noise level."""
NONE = "none"
"""In place of a schedule, where there is no guidance."""


@dataclass(frozen=True, order=True)
class Cell:
    """One setting of the grid, drawn by `Ancestral`.

    Attributes:
        mechanism: name in `NAMES`.
        schedule: name in `SCHEDULES`, or `NONE`.
        mean: mean of w over the noise level; 0 without guidance.
        steps: number of steps.
    """

    mechanism: str
    schedule: str
    mean: float
    steps: int

    @classmethod
    def unguided(cls, steps: int) -> Cell:
        return cls("Normalized", NONE, 0.0, steps)

    @property
    def guidance(self) -> Guidance:
        if self.schedule == NONE:
            return Normalized(0.0)
        return MECHANISMS[self.mechanism](SCHEDULES[self.schedule](self.mean))

    @property
    def setting(self) -> Setting:
        return Setting(self.guidance, Ancestral(self.steps))

    @property
    def key(self) -> list[str | float | int]:
        """The cell in a file of results."""
        return [self.mechanism, self.schedule, self.mean, self.steps]

    @property
    def words(self) -> str:
        if self.schedule == NONE:
            return f"no guidance, {self.steps} steps"
        return f"`{self.mechanism}`, {self.schedule}, mean {self.mean:g}, {self.steps} steps"
