r"""The schedule w(m) whose samples are closest to a target distribution, found by gradients through the solver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import bad, choose, in_tensor, number, require, with_data
from ..guidance import Constant, Linear, Piecewise, RateGuidance, Schedule
from .check import check_law
from .collocation import radau
from .graded import Grades
from .predictions import Predictions
from .problem import Problem, check_problem
from .solve import solve
from .space import Space
from .walk import walk

__all__ = ["OBJECTIVES", "Optimum", "kl_divergence", "optimal_schedule", "total_variation"]

_ORDER, _TOLERANCE = 5, 1e-3
_HIGHEST = 5.0
_EFFORT = {"maxiter": 60, "maxfun": 120, "ftol": 1e-7}
"""Limits of the search. Total variation has kinks, at which it would not converge to the last digit."""


def total_variation(law: Tensor, target: Tensor) -> Tensor:
    r"""$\frac12 \sum_x |p(x) - q(x)|$ of two joint tables. Raises `ValueError` for different shapes."""
    _check_shapes(law, target)
    return (law - target).abs().sum() / 2


def kl_divergence(law: Tensor, target: Tensor) -> Tensor:
    r"""$KL(q \Vert p) = \sum_x q(x) \log (q(x) / p(x))$ in nats, with the target q and the distribution p.

    Raises `ValueError` for different shapes.
    """
    _check_shapes(law, target)
    # Where the target is 0, `law` has no effect, and may be 0 too.
    held = target > 0
    return (target[held] * (target[held].log() - law[held].log())).sum()


def _check_shapes(law: Tensor, target: Tensor) -> None:
    for table in (law, target):
        if not isinstance(table, Tensor):
            raise bad("distributions to compare", type(table).__name__, "tensors", in_tensor(table))
        with_data("distributions to compare", table)
    if law.shape != target.shape:
        raise bad("distributions to compare", (tuple(law.shape), tuple(target.shape)), "tables of one shape")


OBJECTIVES = {"total-variation": total_variation, "kl": kl_divergence}


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best schedule of the search, and its distance to the target.

    Attributes:
        schedule: w(m), linear between its knots.
        distance: distance of its exact distribution to the target.
        constant: distance with the constant weight of the target.
        evaluations: number of evaluations of the distribution and its gradient.
    """

    schedule: Piecewise
    distance: float
    constant: float
    evaluations: int


def optimal_schedule(
    problem: Problem,
    weight: float,
    guidance: Callable[[float | Schedule], RateGuidance],
    objective: str = "total-variation",
    knots: int | Sequence[float] = 8,
    target: Tensor | None = None,
    lowest: float = 0.0,
) -> Optimum:
    r"""Find the schedule w(m) whose samples have the distribution closest to a target.

    w is linear between knots and free at each knot, from `lowest` to 5 (1 + `weight`). Its mean is free too. The
    distribution is differentiated by torch through the collocation of `dguide.exact.graded`. SciPy's L-BFGS-B minimises
    the distance from two starts, a constant and a ramp. The result is a local optimum. `solve` gives its distance.

    Args:
        problem: the process (absorbing) and the joint distributions.
        weight: w of the tilted target $p_c^{1+w} p_u^{-w} / Z$, and of the two starts.
        guidance: the mechanism, as a function of its weight: `Normalized` or `Unlocking`.
        objective: "total-variation", or "kl" for $KL(\text{target} \Vert \text{distribution})$.
        knots: the number of pieces of equal length, or the noise levels of the knots, from 0 to 1.
        target: joint table [V] * d; by default the tilted target.
        lowest: the smallest weight that is allowed, above -1. Below 0 w may move towards the reference.

    Raises:
        ValueError: for a process that is not absorbing, an unknown objective, or a wrong weight, knots or target.
        MissingExtra: without SciPy.
    """
    minimize = require("scipy.optimize", "exact").minimize
    check_problem("optimal_schedule", problem)
    distance = OBJECTIVES[choose("objective", objective, OBJECTIVES)]
    levels = _levels(knots)
    highest = _HIGHEST * (number("weight", weight) + 1)
    if not -1 < number("lowest", lowest) <= number("weight", weight) < np.inf:
        raise bad("weight and lowest", (weight, lowest), "-1 < lowest <= weight, finite")
    if not problem.process.absorbing:
        raise bad("optimal_schedule process", type(problem.process).__name__, "an absorbing one: Masked")
    goal = problem.target(weight) if target is None else check_law(problem.process, target, "target")
    if goal.ndim != problem.positions:
        raise bad("target", f"{goal.ndim} positions", f"{problem.positions}")
    space = Space.of(problem.process, problem.positions)
    mechanism = guidance(weight) if callable(guidance) else guidance
    if not callable(guidance) or not isinstance(mechanism, RateGuidance):
        raise bad(
            "optimal_schedule guidance", repr(guidance), "a mechanism without its weight: Normalized or Unlocking"
        )
    grades = Grades(space, Predictions(space, problem.oracle()), mechanism)
    best: Any = None
    evaluations = 0
    for start in (Constant(float(weight)), Linear(float(weight))):
        path = _Path(grades, levels, start(levels).clamp_min(lowest))

        def loss(values: NDArray[np.float64], path: _Path = path) -> tuple[float, NDArray[np.float64]]:
            w = torch.from_numpy(values).requires_grad_()
            result = distance(space.data_law(path(w)), goal)
            result.backward()
            assert w.grad is not None
            return float(result.detach()), w.grad.numpy()

        minimum = minimize(
            loss,
            start(levels).clamp_min(lowest).numpy(),
            jac=True,
            method="L-BFGS-B",
            bounds=[(lowest, highest)] * len(levels),
            options=_EFFORT,
        )
        evaluations += minimum.nfev
        best = minimum if best is None or minimum.fun < best.fun else best
    if not np.isfinite(best.fun):
        raise bad("target", "probability where no schedule has any", "a distribution that some schedule can reach")
    schedule = _schedule(levels, torch.from_numpy(best.x))

    def reached(w: float | Schedule) -> float:
        return float(distance(solve(problem, guidance(w), times=torch.zeros(0)).final, goal))

    return Optimum(schedule, reached(schedule), reached(weight), evaluations)


def _levels(knots: int | Sequence[float]) -> Tensor:
    if isinstance(knots, int) and not isinstance(knots, bool) and 1 <= knots <= 1000:
        return torch.linspace(0, 1, knots + 1, dtype=torch.float64)
    try:
        levels = torch.tensor([number("knots", k) for k in knots], dtype=torch.float64)  # type: ignore[union-attr]
    except TypeError:
        levels = torch.zeros(0)
    if len(levels) < 2 or levels[0] != 0 or levels[-1] != 1 or not bool((levels.diff() > 0).all()):
        raise bad("knots", repr(knots), "a number of pieces up to 1000, or increasing noise levels from 0 to 1")
    return levels


def _schedule(levels: Tensor, weights: Tensor) -> Piecewise:
    return Piecewise(tuple(zip(levels.tolist(), weights.tolist(), strict=True)))


class _Path:
    """The final distribution as a differentiable function of w at the knots. The steps do not depend on w."""

    def __init__(self, grades: Grades, levels: Tensor, weights: Tensor) -> None:
        self.grades, self.order = grades, radau(_ORDER)
        self.steps = []
        for stretch in walk(grades, _schedule(levels, weights), _TOLERANCE, _ORDER):
            at = grades.level(stretch.start + stretch.width * self.order.points)
            self.steps.append((at, _hats(levels, at), stretch.width))

    def __call__(self, weights: Tensor) -> Tensor:
        law = self.grades.start()
        for at, hats, width in self.steps:
            law = self.grades.carry(law, at, hats @ weights, width, self.order).law
        if not self.grades.keeps_pace:
            law = self.grades.exhaust(law, weights[0])
        return self.grades.decided(law)


def _hats(levels: Tensor, at: Tensor) -> Tensor:
    """[M, knots], the share of each knot in the value at `at` [M] of a function that is linear between knots."""
    right = torch.searchsorted(levels, at).clamp(1, len(levels) - 1)
    share = (at - levels[right - 1]) / (levels[right] - levels[right - 1])
    hats = torch.zeros(len(at), len(levels), dtype=torch.float64)
    hats.scatter_(1, right.unsqueeze(1), share.unsqueeze(1))
    return hats.scatter_add_(1, (right - 1).unsqueeze(1), (1 - share).unsqueeze(1))
