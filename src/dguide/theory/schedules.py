r"""Schedules of equal mean weight on random problems. One half of the problems is for design, the other is held out.

Each problem is solved exactly in continuous time under each schedule, and the distribution is compared with the tilted
target at the mean weight. A schedule that was chosen on the design half is evaluated on the held-out half only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from ..evaluate import Proportion, proportion
from ..exact import Problem, kl_divergence, solve, total_variation
from ..exact.random_problems import RANDOM_PROBLEMS
from ..guidance import Constant, Interval, InverseLinear, Normalized, Power, RampUp, RateGuidance, Schedule, Unlocking
from ..progress import reporter
from .strength import SHAPES
from .summary import Quartiles, quartiles

__all__ = ["HALVES", "SCHEDULES", "Case", "ScheduleRow", "Schedules", "compute", "problems"]

Choice = Callable[[Problem], Schedule]
SCHEDULES: dict[str, Choice] = {
    "constant": lambda problem: Constant(1.0),
    "ramp-up": lambda problem: RampUp(1.0),
    "interval": lambda problem: Interval(1.0, 0.25, 0.75),
    "inverse": lambda problem: InverseLinear(1.0),
    "power 3/2": lambda problem: Power(1.0, 1.5),
    "power (d-1)/2": lambda problem: Power(1.0, (problem.positions - 1) / 2),
}
"""Schedules by name, as functions of the problem; they are scaled to equal mean."""
HALVES = {"design": range(0, 2), "held-out": range(1000, 1002)}
"""Seeds of the problems, by half."""
_KINDS = ("dirichlet", "mixture", "markov")
_BASE = "ramp-up"


@dataclass(frozen=True)
class Case:
    """One problem under one mechanism and schedule.

    Attributes:
        half: name in `HALVES`.
        problem: name of the problem.
        positions: number of positions, d.
        mechanism: name of the mechanism.
        schedule: name of the schedule.
        distance: total variation to the tilted target.
        divergence: Kullback-Leibler divergence of the target from the distribution, in nats.
    """

    half: str
    problem: str
    positions: int
    mechanism: str
    schedule: str
    distance: float
    divergence: float


@dataclass(frozen=True)
class ScheduleRow:
    """Quartiles over the problems of one half.

    Attributes:
        half, mechanism, schedule: as in `Case`.
        distance, divergence: as in `Case`.
        better: share of problems in which the distance is smaller than under the ramp-up, without ties.
        gain: distance under the ramp-up minus distance under this schedule.
    """

    half: str
    mechanism: str
    schedule: str
    distance: Quartiles
    divergence: Quartiles
    better: Proportion | None
    gain: Quartiles


@dataclass(frozen=True)
class Schedules:
    """All cases at one mean weight, and their table."""

    weight: float
    cases: tuple[Case, ...]

    def rows(self) -> list[ScheduleRow]:
        """One row for each half, mechanism and schedule."""
        groups: dict[tuple[str, str, str], list[Case]] = {}
        for case in self.cases:
            groups.setdefault((case.half, case.mechanism, case.schedule), []).append(case)
        rows = []
        for (half, mechanism, schedule), cases in groups.items():
            base = groups[half, mechanism, _BASE]
            gains = [b.distance - c.distance for b, c in zip(base, cases, strict=True)]
            decided = [g for g in gains if abs(g) > 1e-6]
            rows.append(
                ScheduleRow(
                    half,
                    mechanism,
                    schedule,
                    quartiles([c.distance for c in cases]),
                    quartiles([c.divergence for c in cases]),
                    proportion(sum(g > 0 for g in decided), len(decided)) if decided else None,
                    quartiles(gains),
                )
            )
        return rows


def problems(half: str) -> Iterator[Problem]:
    """The problems of one of `HALVES`: three kinds, 16 to 729 states."""
    for family in _KINDS:
        for n, d in SHAPES:
            for seed in HALVES[half]:
                yield RANDOM_PROBLEMS[family](n, d, seed)


def compute(
    weight: float = 3.0,
    optimum: Callable[[Problem, Callable[[float | Schedule], RateGuidance]], Schedule] | None = None,
    halves: Sequence[str] = tuple(HALVES),
    progress: Callable[[int, int], None] | None = None,
) -> Schedules:
    """Solves the problems of some halves under every schedule and both mechanisms. A half takes about 45 seconds.

    Args:
        weight: mean w of all schedules.
        optimum: finds the best schedule for a problem and a mechanism, for example by `exact.optimal_schedule`. The
            table then has a row for it. Its mean is not scaled.
        halves: names in `HALVES`.
        progress: called with (done, all) after each problem.
    """
    report = reporter(progress)
    work = [(half, problem) for half in halves for problem in problems(half)]
    cases = []
    for done, (half, problem) in enumerate(work, 1):
        target = problem.target(weight)
        for mechanism in (Normalized, Unlocking):
            choices = {name: choice(problem).scaled_to(weight) for name, choice in SCHEDULES.items()}
            if optimum:
                choices["optimum"] = optimum(problem, mechanism)
            for name, schedule in choices.items():
                law = solve(problem, mechanism(schedule), times=torch.ones(1), tolerance=1e-5).final.clamp_min(0)
                cases.append(
                    Case(
                        half,
                        problem.name,
                        problem.positions,
                        mechanism.__name__,
                        name,
                        float(total_variation(law, target)),
                        float(kl_divergence(law, target)),
                    )
                )
        report(done, len(work))
    return Schedules(weight, tuple(cases))
