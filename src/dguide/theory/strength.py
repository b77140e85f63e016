r"""Distance of guided samples to the tilted target, by strength of guidance, kind of problem, schedule and steps.

Each problem is solved exactly for all mechanisms and three schedules of equal mean weight, in continuous time
(`exact.solve`) and with T steps (`exact.chain` with `Ancestral`). The distribution is compared with the tilted target
$p_c^{1+w} p_u^{-w} / Z$ at the mean weight. $\log Z_w = w D_{1+w}(p_c \Vert p_u)$ measures the strength of guidance;
problems are grouped by it. `Simple` has no form in continuous time: it tends to `Unlocking`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..exact import Problem, chain, kl_divergence, solve, total_variation
from ..exact.random_problems import RANDOM_PROBLEMS
from ..guidance import (
    MECHANISMS,
    Constant,
    InverseLinear,
    Normalized,
    RampUp,
    RateGuidance,
    Schedule,
    Unlocking,
)
from ..progress import reporter
from ..samplers import Ancestral
from .limits import limit
from .summary import Quartiles, quartiles

__all__ = [
    "LOG_Z_BINS",
    "SCHEDULES",
    "SHAPES",
    "STEPS",
    "Case",
    "Strength",
    "StrengthRow",
    "compute",
    "log_z_bin",
    "problems",
]

SCHEDULES: dict[str, Schedule] = {
    "constant": Constant(1.0),
    "ramp-up": RampUp(1.0),
    "inverse": InverseLinear(1.0),
}
"""Constant, late and early schedules by name; they are scaled to equal mean."""
STEPS = (2, 4, 8, 16, 32, 64)
LOG_Z_BINS = {"0 to 1": 1.0, "1 to 3": 3.0, "3 or more": float("inf")}
"""Bins of log Z_w by name, each with its upper end."""
_STRENGTHS: dict[str, tuple[dict[str, Any], ...]] = {
    "dirichlet": ({"concentration": 12.0}, {"concentration": 3.0}, {"concentration": 0.3}),
    "mixture": ({"overlap": 0.9}, {"overlap": 0.65}, {"overlap": 0.2}),
    "markov": ({"concentration": 30.0}, {"concentration": 5.0}, {"concentration": 0.3}),
    "ising": ({"field": 0.3}, {"field": 0.8}, {"field": 3.0}),
}
"""Parameters of each kind of problem. At w = 3 they give log Z_w in about the three bins, in this order."""
SHAPES = ((2, 4), (4, 2), (3, 3), (2, 6), (3, 4), (3, 5), (3, 6))
"""Numbers of tokens and of positions."""
_STEPPED = [
    *((family, 3, 3, strength) for family, strengths in _STRENGTHS.items() for strength in strengths),
    *((family, 2, 4, strengths[-1]) for family, strengths in _STRENGTHS.items()),
]
_LARGE = [("ising", 2, 9, _STRENGTHS["ising"][-1])]


@dataclass(frozen=True)
class Case:
    """One problem under one schedule, with one number of steps.

    Attributes:
        family: kind of random problem.
        n, d: numbers of tokens and of positions.
        log_z: log Z_w of the joint distributions at the mean weight.
        schedule: name in `SCHEDULES`.
        steps: T, or None for continuous time.
        distance: total variation to the tilted target, by mechanism. In continuous time only those with a `limit`.
        divergence: Kullback-Leibler divergence of the target from the distribution in nats, by mechanism.
        apart: total variation between the distributions of `Normalized` and `Unlocking`.
        masked: expected masked fraction at noise level 1/2, by mechanism; empty for a finite number of steps.
    """

    family: str
    n: int
    d: int
    log_z: float
    schedule: str
    steps: int | None
    distance: Mapping[str, float]
    divergence: Mapping[str, float]
    apart: float
    masked: Mapping[str, float]


@dataclass(frozen=True)
class StrengthRow:
    """Quartiles over the problems of one group (a bin of log Z_w, or a kind), schedule and number of steps."""

    group: str
    schedule: str
    steps: int | None
    distance: Mapping[str, Quartiles]
    divergence: Mapping[str, Quartiles]
    apart: Quartiles
    masked: Mapping[str, Quartiles]

    @property
    def count(self) -> int:
        """Number of problems."""
        return self.apart.count


@dataclass(frozen=True)
class Strength:
    """All cases at one mean weight, and their tables."""

    weight: float
    cases: tuple[Case, ...]

    def rows(self, group: Callable[[Case], str] = lambda case: log_z_bin(case.log_z)) -> list[StrengthRow]:
        """One row for each group of problems (by default the bins of log Z_w), number of steps and schedule."""
        names = sorted({group(case) for case in self.cases})
        steps = sorted({case.steps for case in self.cases}, key=lambda t: t or 1 << 30)
        rows = []
        for name in names:
            for t in steps:
                for schedule in SCHEDULES:
                    cases = [c for c in self.cases if (group(c), c.steps, c.schedule) == (name, t, schedule)]
                    if cases:
                        rows.append(_row(name, schedule, t, cases))
        return rows


def log_z_bin(log_z: float) -> str:
    """The name in `LOG_Z_BINS` of the bin that contains `log_z`."""
    return next(name for name, end in LOG_Z_BINS.items() if log_z < end)


def problems(seed: int = 0) -> tuple[list[tuple[str, Problem]], list[tuple[str, Problem]]]:
    """(kind, problem) of the problems for continuous time, and of the problems for a finite number of steps."""
    grid = [(f, n, d, strength) for f, strengths in _STRENGTHS.items() for n, d in SHAPES for strength in strengths]
    limits, stepped = (
        [(family, RANDOM_PROBLEMS[family](n, d, seed, **strength)) for family, n, d, strength in which]
        for which in (grid + _LARGE, _STEPPED)
    )
    return limits, stepped


def compute(weight: float = 3.0, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> Strength:
    """Solves all problems: 85 with 16 to 729 states in continuous time, 16 with 16 or 27 states with `STEPS` steps.

    Args:
        weight: mean w of all schedules.
        seed: seed of all problems.
        progress: called with (done, all) after each problem.
    """
    report = reporter(progress)
    limits, stepped = problems(seed)
    work = [(f, p, None) for f, p in limits] + [(f, p, t) for f, p in stepped for t in STEPS]
    cases: list[Case] = []
    for done, (family, problem, steps) in enumerate(work, 1):
        cases += [_case(family, problem, weight, schedule, steps) for schedule in SCHEDULES]
        report(done, len(work))
    return Strength(weight, tuple(cases))


def _case(family: str, problem: Problem, weight: float, schedule: str, steps: int | None) -> Case:
    target = problem.target(weight)
    laws: dict[str, Tensor] = {}
    masked: dict[str, float] = {}
    for name, mechanism in MECHANISMS.items():
        guidance = mechanism(SCHEDULES[schedule].scaled_to(weight))
        if steps is not None:
            laws[name] = chain(problem, guidance, Ancestral(steps))
        elif isinstance(guidance, RateGuidance):
            half = problem.process.noise.time(torch.tensor([0.5], dtype=torch.float64))
            solution = solve(problem, guidance, times=half, tolerance=1e-6)
            laws[name], masked[name] = solution.final, float(solution.masked_fraction[0])
        elif (tends_to := limit(mechanism)) is not None:
            laws[name] = laws[tends_to.__name__]
    return Case(
        family,
        problem.process.vocab_size,
        problem.positions,
        problem.log_z(weight),
        schedule,
        steps,
        {name: float(total_variation(law, target)) for name, law in laws.items()},
        {name: float(kl_divergence(law.clamp_min(0), target)) for name, law in laws.items()},
        float(total_variation(laws[Normalized.__name__], laws[Unlocking.__name__])),
        masked,
    )


def _row(group: str, schedule: str, steps: int | None, cases: Sequence[Case]) -> StrengthRow:
    def each(values: Callable[[Case], Mapping[str, float]]) -> dict[str, Quartiles]:
        return {name: quartiles([values(case)[name] for case in cases]) for name in values(cases[0])}

    return StrengthRow(
        group,
        schedule,
        steps,
        each(lambda case: case.distance),
        each(lambda case: case.divergence),
        quartiles([case.apart for case in cases]),
        each(lambda case: case.masked),
    )
