"""The distribution of guided samples in continuous time, solved as a linear differential equation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import bad, number
from ..extension import listed
from ..guidance import Constant, RateGuidance, Schedule
from ..samplers import Denoiser
from .check import check_denoiser, check_guidance, check_times
from .graded import Grades
from .predictions import Predictions
from .problem import Problem, check_problem
from .ratios import Ratios
from .space import Space
from .walk import walk

__all__ = ["Solution", "solve"]

_MANY = 1 << 15


@dataclass(frozen=True, eq=False)
class Solution:
    """The exact distribution of guided samples in continuous time.

    Attributes:
        final: [V] * d, distribution at t = 0.
        times: [K], decreasing.
        masked_fraction: [K], expected masked fraction at `times` (0 for processes without a mask).
    """

    final: Tensor
    times: Tensor
    masked_fraction: Tensor


def solve(
    problem: Problem,
    guidance: RateGuidance,
    times: Tensor | None = None,
    tolerance: float = 1e-9,
    denoiser: Denoiser | None = None,
) -> Solution:
    r"""Solve the master equation of the guided reverse process with exact predictions.

    The method is collocation. An absorbing process (`Masked`) needs one sweep over the grades of the states in each
    step, without iteration (`dguide.exact.graded`). Other processes are solved along the axes of the table
    (`dguide.exact.ratios`). Steps end at the breakpoints of the schedule and are as long as the tolerance allows.

    Args:
        problem: the process and the joint distributions.
        guidance: a mechanism that acts on rates, such as `Normalized` or `Unlocking`, with a number or a schedule as
            weight. For processes that are not absorbing it must land on $q_w$.
        times: the times of the reported masked fractions; by default 101 equidistant times from 1 to 0.
        tolerance: of the distribution in total variation, in each step. At t = 0 the absorbing process is much more
            exact (order 23; the curve in between has order 12).
        denoiser: makes the predictions, with conditions as in `Problem.oracle`; by default this oracle.

    Raises:
        ValueError: for a mechanism without a continuous-time form, or a weight per sample.
        MissingExtra: without SciPy, for processes that are not absorbing.
    """
    check_problem("exact.solve", problem)
    check_guidance("exact.solve", guidance)
    check_denoiser("exact.solve", denoiser, problem.process)
    if not isinstance(guidance, RateGuidance):
        raise bad(
            "exact.solve guidance",
            f"{type(guidance).__name__}, which acts on {guidance.level}",
            listed(RateGuidance),
            "exact.chain takes any mechanism, at finite steps. Simple tends to Unlocking as steps grow.",
        )
    if not (guidance.tilted_landing or problem.process.absorbing):
        raise bad(
            f"exact.solve of {type(problem.process).__name__} with {type(guidance).__name__}",
            "a mechanism whose landing is not q_w",
            f"one that lands on q_w: {listed(RateGuidance, tilted_landing=True)}",
            "exact.chain takes any mechanism, at finite steps.",
        )
    schedule = guidance.weight
    if not isinstance(schedule, Schedule):
        raise bad("exact.solve weight", "a tensor", "a number or a schedule")
    if not 0 < number("exact.solve tolerance", tolerance) < 1:
        raise bad("exact.solve tolerance", tolerance, "a number between 0 and 1")
    if times is None:
        times = torch.linspace(1, 0, 101, dtype=torch.float64)
    times = check_times("exact.solve", times, dims=1).sort(descending=True).values
    return (_by_grades if problem.process.absorbing else _by_ratios)(
        problem, guidance, schedule, times, tolerance, denoiser
    )


def _by_grades(
    problem: Problem,
    guidance: RateGuidance,
    schedule: Schedule,
    times: Tensor,
    tolerance: float,
    denoiser: Denoiser | None,
) -> Solution:
    space = Space.of(problem.process, problem.positions)
    grades = Grades(space, Predictions(space, denoiser or problem.oracle()), guidance)
    law, levels = grades.start(), problem.process.noise.level(times)
    fraction = levels.clone()
    if not isinstance(schedule, Constant) or (len(levels) and not grades.keeps_pace):
        for stretch in walk(grades, schedule, tolerance):
            law = stretch.carried.law
            if not grades.keeps_pace:
                at = grades.coordinate(levels)
                within = at >= stretch.start
                fraction[within] = stretch.undecided(at[within])
        if not grades.keeps_pace:
            fraction[levels < grades.last] = 0.0
    if isinstance(schedule, Constant):
        law = grades.start()  # only the order of the jumps has an effect
    if not grades.keeps_pace or isinstance(schedule, Constant):
        law = grades.exhaust(law, schedule(torch.zeros((), dtype=torch.float64)))
    return Solution(space.data_law(grades.decided(law)), times, fraction)


def _by_ratios(
    problem: Problem,
    guidance: RateGuidance,
    schedule: Schedule,
    times: Tensor,
    tolerance: float,
    denoiser: Denoiser | None,
) -> Solution:
    if denoiser is not None:
        raise bad(
            f"exact.solve denoiser with {type(problem.process).__name__}",
            type(denoiser).__name__,
            "none: rates are taken from ratios of exact marginals",
            "exact.chain takes any.",
        )
    law = problem.cond
    points = 12 if law.numel() <= _MANY else 6  # memory grows with the square of the points
    for stretch in walk(Ratios(problem, guidance), schedule, tolerance, points):
        law = stretch.carried.law[0]
    if not abs(float(law.sum()) - 1) < max(tolerance, 1e-12):
        raise RuntimeError(f"the distribution sums to {float(law.sum())}: these equations have no solution in float64")
    return Solution(law.clamp_min(0), times, torch.zeros_like(times))
