"""The continuous-time law of guided sampling, solved as a linear differential equation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..errors import bad, number, require
from ..guidance import Constant, RateGuidance, Schedule
from ..sample import Ancestral, Denoiser
from .chain import Step
from .field import Field
from .graded import Grades
from .predictions import Predictions
from .problem import Problem
from .space import Space
from .walk import walk

__all__ = ["Solution", "solve"]

_FIRST, _LAST = 1e-12, 1e-9
"""alpha where an integration starts that cannot start at noise, and the noise level where integrations end."""
_STIFF = 2000.0
"""Jumps at the fastest pace along a piece, from which on an implicit method is the cheaper one."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The exact law of guided sampling in continuous time.

    Attributes:
        final: [V] * d, law at t = 0.
        times: [K], decreasing.
        masked_fraction: [K], expected share of masked positions at `times` (zero for processes without a mask).
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

    For an absorbing process (`Masked`) by collocation, in one sweep over the grades of the state space a step, with
    nothing left to solve iteratively (`dguide.exact.graded`). Otherwise in $\ell = \log(m / (1 - m))$, in which all
    rates are bounded, with SciPy's DOP853, or BDF where the rates are too fast for an explicit method. Piece by piece
    between the breakpoints of the schedule in either case.

    Args:
        problem: the process and the laws.
        guidance: a mechanism that acts on rates (`Normalized`, `Unlocking`) with a number or a schedule as weight.
        times: where to report the masked fraction; default 101 equidistant times from 1 to 0.
        tolerance: of the law in total variation, at each step along the way. At t = 0 the absorbing process is far
            more exact (order 23, where the curve in between has order 12).
        denoiser: what predicts, with conditions as in `Problem.oracle`; default that oracle.

    Raises:
        ValueError: for a mechanism without a continuous-time form, or a weight per sample.
        MissingExtra: without SciPy, for processes that are not absorbing.
    """
    if not isinstance(guidance, RateGuidance):
        raise bad(
            "exact.solve guidance",
            f"{type(guidance).__name__}, which acts on {guidance.level}",
            "Normalized or Unlocking",
            "Simple tends to Unlocking as steps grow; exact.chain gives its law at finite steps.",
        )
    schedule = guidance.weight
    if not isinstance(schedule, Schedule):
        raise bad("exact.solve weight", "a tensor", "a number or a schedule")
    if not 0 < number("exact.solve tolerance", tolerance) < 1:
        raise bad("exact.solve tolerance", tolerance, "a number between 0 and 1")
    if times is None:
        times = torch.linspace(1, 0, 101, dtype=torch.float64)
    times = times.double().sort(descending=True).values
    if not bool(((times >= 0) & (times <= 1)).all()):
        raise bad("exact.solve times", times.tolist(), "times from 0 to 1")
    process = problem.process
    space = Space.of(process, problem.positions)
    predictions = Predictions(space, denoiser or problem.oracle())
    along = _by_grades if process.absorbing else _integrated
    law, fraction = along(space, predictions, guidance, process.noise.level(times), tolerance)
    return Solution(space.data_law(law), times, fraction)


def _by_grades(
    space: Space, predictions: Predictions, guidance: RateGuidance, levels: Tensor, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Final law [S] and masked fraction at `levels` of an absorbing process."""
    schedule = guidance.weight
    assert isinstance(schedule, Schedule)
    grades = Grades(space, predictions, guidance)
    law, fraction = grades.start(), levels.clone()
    if not isinstance(schedule, Constant) or (len(levels) and not grades.paced):
        for stretch in walk(grades, schedule, tolerance):
            law = stretch.carried.law
            if not grades.paced:
                high, low = stretch.levels[0], stretch.levels[-1]
                within = (levels <= high) & (levels >= low)
                share = (high / levels[within]).log() / stretch.width
                fraction[within] = stretch.fraction(share.clamp(0, 1))
                fraction[levels < low] = 0.0
    if isinstance(schedule, Constant):
        law = grades.start()  # nothing but the order of the jumps matters
    elif grades.paced:
        return grades.decided(law), fraction
    return grades.decided(grades.exhaust(law, schedule(torch.zeros((), dtype=torch.float64)))), fraction


def _integrated(
    space: Space, predictions: Predictions, guidance: RateGuidance, levels: Tensor, tolerance: float
) -> tuple[Tensor, Tensor]:
    """The same for any other process."""
    integrate = require("scipy.integrate", "exact").solve_ivp
    schedule = guidance.weight
    assert isinstance(schedule, Schedule)
    unfinished = space.unfinished().numpy()
    law = space.prior().numpy()
    edges = [_LAST, *(b for b in schedule.breakpoints if _LAST < b < 1), 1 - _FIRST]
    fraction = np.full(len(levels), np.nan)
    field = Field(space, predictions, guidance, schedule)
    for low, high in reversed(list(pairwise(edges))):
        field.piece = (low, high)
        inside = ((levels > low) & (levels <= high)).nonzero().squeeze(-1)
        start, stop = (float(torch.logit(torch.tensor(x, dtype=torch.float64))) for x in (high, low))
        # An explicit method needs steps of the order of the shortest waiting time, an implicit one does not.
        stiff = field.fastest(start, stop) * (start - stop) > _STIFF
        method = {"method": "BDF", "jac": field.matrix} if stiff else {"method": "DOP853"}
        at = np.append(torch.logit(levels[inside]).numpy(), stop)
        result = integrate(field, (start, stop), law, t_eval=at, rtol=tolerance, atol=tolerance / 1e3, **method)
        if not result.success:
            raise RuntimeError(f"integration failed between noise levels {high} and {low}: {result.message}")
        law = result.y[:, -1]
        fraction[inside.numpy()] = unfinished @ result.y[:, :-1]
    fraction[levels.numpy() > edges[-1]] = unfinished @ space.prior().numpy()
    fraction[levels.numpy() <= _LAST] = 0.0
    end = space.process.noise.time(torch.tensor(_LAST, dtype=torch.float64))
    final = torch.from_numpy(law) @ Step(space, predictions, guidance, Ancestral(steps=1), end, torch.zeros_like(end))
    return final, torch.from_numpy(fraction)
