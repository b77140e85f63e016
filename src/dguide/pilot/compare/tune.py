"""Searches mechanism, schedule, weight and steps for the best setting, and judges the winner again on fresh seeds.

The best of many settings looks better than it is: its samples were lucky too. So its figure from the search is not
reported alone. The winner and the baseline are drawn again from seeds that the search has not used, and their figures
and the difference come from these samples only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...data import Codec
from ...errors import Mistakes, bad, positive
from ...evaluate import Estimate
from ...guidance import Schedule, parse_guidance, parse_schedule
from ...samplers import SAMPLERS
from ...spec import Call
from ...study import Executor, Here, Results, Setting, Store, digest_of, execute
from .comparison import Compared
from .question import Question
from .run import answer, judged
from .search import Space, Trial, Value, rungs, search

__all__ = ["JOURNAL", "Shapes", "Tuned", "tune"]

JOURNAL = "tuning.journal"
"""Name of the file of the search, which Optuna reads."""


@dataclass(frozen=True)
class Shapes:
    """What a search chooses from.

    Args:
        guidances: Mechanisms, as `dguide.guidance.parse_guidance` reads them.
        schedules: Schedules with any weight above 0, which is scaled to the mean weight of a trial.
        weights: Smallest and largest mean weight.
        samplers: Samplers with their steps.

    Raises:
        ValueError: For unknown names and options, all at once, and weights that are no range.
    """

    guidances: tuple[str, ...] = ("normalized",)
    schedules: tuple[str, ...] = ("constant:1", "ramp-up:1", "interval:1,left=0,right=0.5")
    weights: tuple[float, float] = (0.0, 4.0)
    samplers: tuple[str, ...] = ("ancestral:steps=16", "ancestral:steps=32")

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

    def setting(self, parameters: Mapping[str, Value]) -> Setting:
        """The setting of a trial. Weights are rounded to a hundredth, which no figure can tell apart."""
        weight = _scalable(str(parameters["schedule"])).scaled_to(round(float(parameters["mean weight"]), 2))
        guidance = parse_guidance(str(parameters["guidance"]), weight, typed=True)
        return Setting(guidance, SAMPLERS.read(str(parameters["sampler"]), typed=True))


def _scalable(text: str) -> Schedule:
    schedule = parse_schedule(text, typed=True)
    if not schedule.mean() > 0:
        raise bad(f"schedule {text}", f"a mean of {float(schedule.mean()):g}", "a mean above 0, which can be scaled")
    return schedule


@dataclass(frozen=True, eq=False)
class Tuned:
    """The result of a search.

    Args:
        winner: The best setting.
        searched: Its figure in the search, which is too good.
        fresh: The comparison of the winner with the baseline on fresh seeds; None if the baseline won.
        trials: All trials.
        main: Name of the figure.
    """

    winner: Setting
    searched: Estimate
    fresh: Compared | None
    trials: tuple[Trial, ...]
    main: str

    @property
    def figure(self) -> Estimate:
        """The figure of the winner on fresh seeds."""
        if self.fresh is None:
            return self.searched
        return self.fresh.row(list(self.fresh.settings)[1], self.main).figure
