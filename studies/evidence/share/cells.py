"""Cells of the study: a mechanism with its weight, and a sampler with its number of network calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from dguide.guidance import MECHANISMS, Guidance
from dguide.samplers import Sampler
from dguide.theory.strength import SCHEDULES
from studies.evidence.share.samplers import SAMPLERS, made

__all__ = ["BOTH", "FIRST_HITTING", "MEANS", "STEPS", "Cell", "gap"]

STEPS, MEANS = (8, 16, 32, 64, 128), (1.0, 3.0, 5.0)
FIRST_HITTING = "FirstHitting"
BOTH = ("Normalized", "Unlocking")


@dataclass(frozen=True)
class Cell:
    """A setting. `steps` is T, the number of network calls; None for `FirstHitting`."""

    mechanism: str
    sampler: str
    steps: int | None
    schedule: str = "constant"
    mean: float = 3.0

    def guidance(self) -> Guidance:
        return MECHANISMS[self.mechanism](SCHEDULES[self.schedule].scaled_to(self.mean))

    def made(self) -> Sampler:
        return made(self.sampler, self.steps)

    def about(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def several(
        cls,
        mechanisms: Iterable[str],
        samplers: Iterable[str],
        steps: Iterable[int],
        schedule: str = "constant",
        mean: float = 3.0,
    ) -> list[Cell]:
        """All combinations. `FirstHitting` has no number of steps, and no meaning for `Simple`."""
        chosen, found = list(steps), []
        for mechanism, sampler in product(mechanisms, list(samplers)):
            if sampler in SAMPLERS:
                found += [cls(mechanism, sampler, t, schedule, mean) for t in chosen]
            elif mechanism in BOTH:
                found.append(cls(mechanism, sampler, None, schedule, mean))
        return found


def gap(
    sampler: str, steps: int | None, schedule: str = "constant", mean: float = 3.0, sign: int = 1
) -> list[tuple[int, Cell]]:
    """`Unlocking` minus `Normalized` with one sampler, as signed cells."""
    less, more = (Cell(name, sampler, steps, schedule, mean) for name in BOTH)
    return [(sign, more), (-sign, less)]
