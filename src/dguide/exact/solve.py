"""The continuous-time law of guided sampling, solved as a linear differential equation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import bad, require
from ..guidance import Guidance, RateGuidance, Schedule
from ..sample import Ancestral, Denoiser
from .chain import Step
from .predictions import Predictions
from .problem import Problem
from .space import Space

__all__ = ["Solution", "solve"]

_FIRST, _LAST = 1e-12, 1e-9
"""alpha where the integration starts and noise level where it ends: what is left out is of that order."""
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
    guidance: Guidance,
    times: Tensor | None = None,
    tolerance: float = 1e-9,
    denoiser: Denoiser | None = None,
) -> Solution:
    r"""Solve the master equation of the guided reverse process with exact predictions.

    Integrated in $\ell = \log(m / (1 - m))$, in which all rates are bounded, piece by piece between the
    breakpoints of the schedule, with SciPy's DOP853, or BDF where the rates are too fast for an explicit method.

    Args:
        problem: the process and the laws.
        guidance: a mechanism that acts on rates (`Normalized`, `Unlocking`) with a number or a schedule as weight.
        times: where to report the masked fraction; default 101 equidistant times from 1 to 0.
        tolerance: relative tolerance of the integration (absolute: a thousandth of it).
        denoiser: what predicts, with conditions as in `Problem.oracle`; default that oracle.

    Raises:
        ValueError: for a mechanism without a continuous-time form, or a weight per sample.
        MissingExtra: without SciPy.
    """
    integrate = require("scipy.integrate", "exact").solve_ivp
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
    if times is None:
        times = torch.linspace(1, 0, 101, dtype=torch.float64)
    times = times.double().sort(descending=True).values
    if not bool(((times >= 0) & (times <= 1)).all()):
        raise bad("exact.solve times", times.tolist(), "times from 0 to 1")
    process = problem.process
    levels = process.noise.level(times)
    space = Space.of(process, problem.positions)
    predictions = Predictions(space, denoiser or problem.oracle())
    unfinished = space.unfinished().numpy()
    law = space.prior().numpy()
    edges = [_LAST, *(b for b in schedule.breakpoints if _LAST < b < 1), 1 - _FIRST]
    fraction = np.full(len(times), np.nan)
    field = _Field(space, predictions, guidance, schedule)
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
    end = process.noise.time(torch.tensor(_LAST, dtype=torch.float64))
    final = torch.from_numpy(law) @ Step(space, predictions, guidance, Ancestral(steps=1), end, torch.zeros_like(end))
    return Solution(space.data_law(final), times, torch.from_numpy(fraction))


class _Field:
    """Right-hand side of the master equation, d law / d ell."""

    def __init__(self, space: Space, predictions: Predictions, guidance: RateGuidance, schedule: Schedule) -> None:
        self.space, self.predictions, self.guidance, self.schedule = space, predictions, guidance, schedule
        self.piece = (0.0, 1.0)
        self.to = space.destinations()

    def _flows(self, ell: float) -> Tensor:
        """Rates per unit of ell from each pair (state, position) to each token, [N, V]."""
        process = self.space.process
        odds = torch.tensor(ell, dtype=torch.float64)
        level = torch.sigmoid(odds)
        time = process.noise.time(level)
        laws = self.predictions(float(time))
        cond, ref = (process.rates(self.space.here, time, log_p) for log_p in laws)
        # A hair inside the piece, where a jump of w at its end does not count.
        low, high = self.piece
        inset = 1e-12 * (high - low)
        weight = self.schedule(level.clamp(low + inset, high - inset)).expand(len(self.space.state))
        jump = self.guidance.combine(cond, ref, weight)
        speed = torch.exp(jump.log_intensity) * level * torch.sigmoid(-odds)
        return speed.unsqueeze(-1) * jump.log_landing.exp()

    def __call__(self, ell: float, law: NDArray[np.float64]) -> NDArray[np.float64]:
        flow = torch.from_numpy(law)[self.space.state].unsqueeze(-1) * self._flows(ell)
        change = torch.zeros(len(law), dtype=torch.float64)
        change.index_add_(0, self.to.flatten(), flow.flatten())
        change.index_add_(0, self.space.state, -flow.sum(-1))
        return -change.numpy()

    def matrix(self, ell: float, law: NDArray[np.float64]) -> Any:
        """The Jacobian, sparse, from which implicit methods take their linear systems."""
        flow = self._flows(ell)
        source = self.space.state.unsqueeze(-1).expand_as(flow)
        rows = torch.cat((self.to.flatten(), self.space.state)).numpy()
        columns = torch.cat((source.flatten(), self.space.state)).numpy()
        values = torch.cat((-flow.flatten(), flow.sum(-1))).numpy()
        return require("scipy.sparse", "exact").csc_matrix((values, (rows, columns)), shape=(len(law), len(law)))

    def fastest(self, start: float, stop: float) -> float:
        """The largest exit rate of any state, per unit of ell, on a few points between `start` and `stop`."""
        fastest = 0.0
        for ell in np.linspace(start, stop, 17):
            exits = torch.zeros(len(self.space.tokens), dtype=torch.float64)
            exits.index_add_(0, self.space.state, self._flows(float(ell)).sum(-1))
            fastest = max(fastest, float(exits.max()))
        return fastest
