"""What a search for the best setting chooses from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import cast

from ....categorical import Decoding
from ....errors import Mistakes, bad
from ....guidance import Normalized, Schedule, parse_guidance, parse_schedule
from ....samplers import SAMPLERS
from ....study import Setting
from .search import Space, Value

__all__ = ["Shapes"]


@dataclass(frozen=True)
class Shapes:
    """What a search chooses from.

    Args:
        guidances: Mechanisms, as `dguide.guidance.parse_guidance` reads them.
        schedules: Schedules with any weight above 0, which is scaled to the mean weight of a trial.
        weights: Smallest and largest mean weight.
        samplers: Samplers with their steps.
        decoding: How tokens are drawn from the law, the same for all.

    Raises:
        ValueError: For unknown names and options, all at once, and weights that are no range.
    """

    guidances: tuple[str, ...] = ("normalized",)
    schedules: tuple[str, ...] = ("constant:1", "ramp-up:1", "interval:1,left=0,right=0.5")
    weights: tuple[float, float] = (0.0, 4.0)
    samplers: tuple[str, ...] = ("ancestral:steps=16", "ancestral:steps=32")
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        for guidance in self.guidances:
            mistakes.of(lambda text=guidance: parse_guidance(text, 1.0, typed=True))  # type: ignore[misc]
        for schedule in self.schedules:
            mistakes.of(lambda text=schedule: _scalable(text))  # type: ignore[misc]
        for sampler in self.samplers:
            mistakes.of(lambda text=sampler: SAMPLERS.read(text, typed=True))  # type: ignore[misc]
        mistakes.of(self._range)
        mistakes.settle()

    def _range(self) -> None:
        low, high = self.weights
        if not -1 <= low < high < math.inf:
            raise bad("weights of the search", f"{low:g} to {high:g}", "two numbers from -1 on, the smaller one first")

    @property
    def space(self) -> Space:
        """The parameters, for `search`."""
        return {
            "guidance": list(self.guidances),
            "schedule": list(self.schedules),
            "mean weight": self.weights,
            "sampler": list(self.samplers),
        }

    @property
    def corners(self) -> Iterator[Setting]:
        """Each mechanism, schedule and sampler with the largest mean weight: all kinds of settings of a search."""
        kinds = product(self.guidances, self.schedules, self.samplers)
        for guidance, schedule, sampler in kinds:
            chosen = {"guidance": guidance, "schedule": schedule, "sampler": sampler}
            yield self.setting({**chosen, "mean weight": self.weights[1]})

    def parameters(self, setting: Setting) -> dict[str, Value] | None:
        """The parameters of a setting; None if the search cannot choose it."""
        for guidance, schedule, sampler in product(self.guidances, self.schedules, self.samplers):
            mean = float(cast("Schedule", setting.guidance.weight).mean())
            found: dict[str, Value] = {
                "guidance": guidance,
                "schedule": schedule,
                "mean weight": mean,
                "sampler": sampler,
            }
            if self.weights[0] <= mean <= self.weights[1] and self.setting(found) == setting:
                return found
        return None

    def setting(self, parameters: Mapping[str, Value]) -> Setting:
        """The setting of a trial. Weights are rounded to a hundredth, which no figure can tell apart."""
        mean = round(float(parameters["mean weight"]), 2)
        if mean == 0:  # where all mechanisms and schedules are the same
            return Setting(Normalized(0.0), SAMPLERS.read(str(parameters["sampler"]), typed=True), self.decoding)
        weight = _scalable(str(parameters["schedule"])).scaled_to(mean)
        guidance = parse_guidance(str(parameters["guidance"]), weight, typed=True)
        return Setting(guidance, SAMPLERS.read(str(parameters["sampler"]), typed=True), self.decoding)


def _scalable(text: str) -> Schedule:
    schedule = parse_schedule(text, typed=True)
    if not schedule.mean() > 0:
        raise bad(f"schedule {text}", f"a mean of {float(schedule.mean()):g}", "a mean above 0, which can be scaled")
    return schedule
