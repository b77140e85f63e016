"""Tests of `exact.optimal_schedule`: gradients, objectives, bad input."""

from __future__ import annotations

import math

import pytest
import torch
from judge import COND, COND3, UNCOND, UNCOND3

import dguide
from dguide import exact
from dguide.exact.graded import Grades
from dguide.exact.optimal import _Path
from dguide.exact.predictions import Predictions

PROBLEM = exact.Problem(dguide.Masked(3), COND, UNCOND)
MILD = exact.Problem(dguide.Masked(2), COND3, UNCOND3)
MECHANISMS = [dguide.Normalized, dguide.Unlocking]
LEVELS = torch.linspace(0, 1, 5, dtype=torch.float64)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("problem", [PROBLEM, MILD], ids=["two positions", "three"])
def test_gradients_are_those_of_the_law(problem: exact.Problem, mechanism: type) -> None:
    space = exact.Space.of(problem.process, problem.positions)
    grades = Grades(space, Predictions(space, problem.oracle()), mechanism(1.0))
    weights = torch.tensor([2.0, 0.5, 1.5, 0.2, 1.0], dtype=torch.float64)
    path = _Path(grades, LEVELS, weights)
    w = weights.clone().requires_grad_()
    ((path(w) * torch.arange(len(space.tokens))).sum()).backward()
    for j in range(len(weights)):
        change = torch.zeros(5, dtype=torch.float64).index_fill(0, torch.tensor(j), 1e-4)
        slope = (path(weights + change) - path(weights - change)) / 2e-4 * torch.arange(len(space.tokens))
        assert math.isclose(float(w.grad[j]), float(slope.sum()), rel_tol=1e-5, abs_tol=1e-7)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_what_is_differentiated_is_the_law(mechanism: type) -> None:
    space = exact.Space.of(PROBLEM.process, 2)
    grades = Grades(space, Predictions(space, PROBLEM.oracle()), mechanism(1.0))
    weights = torch.tensor([2.0, 0.5, 1.5, 0.2, 1.0], dtype=torch.float64)
    schedule = dguide.Piecewise(tuple(zip(LEVELS.tolist(), weights.tolist(), strict=True)))
    law = space.data_law(_Path(grades, LEVELS, weights)(weights))
    assert exact.total_variation(law, exact.solve(PROBLEM, mechanism(schedule)).final) < 1e-5


@pytest.mark.parametrize(
    ("mechanism", "objective", "distance"),
    [
        (dguide.Normalized, "total-variation", exact.total_variation),
        (dguide.Unlocking, "kl", exact.kl_divergence),
    ],
    ids=["Normalized", "Unlocking"],
)
def test_the_optimum_beats_constant_and_ramp(mechanism: type, objective: str, distance) -> None:
    optimum = exact.optimal_schedule(MILD, 2.0, mechanism, objective, knots=4)
    goal = MILD.target(2.0)
    own, constant, ramp = (
        float(distance(exact.solve(MILD, mechanism(w)).final, goal))
        for w in (optimum.schedule, 2.0, dguide.Linear(2.0))
    )
    assert own == pytest.approx(optimum.distance, abs=1e-9)
    assert constant == pytest.approx(optimum.constant, abs=1e-9)
    assert own < 0.6 * constant
    assert own <= ramp + 1e-9
    assert min(w for _, w in optimum.schedule.knots) >= 0


def test_no_guidance_is_found_for_the_conditional_law() -> None:
    optimum = exact.optimal_schedule(MILD, 1.0, dguide.Normalized, "kl", knots=3, target=COND3)
    assert optimum.distance < 1e-6 < optimum.constant
    assert max(abs(w) for _, w in optimum.schedule.knots) < 0.05


def test_less_than_nothing_early_may_be_better() -> None:
    free = exact.optimal_schedule(MILD, 2.0, dguide.Normalized, "kl", knots=4, lowest=-0.9)
    held = exact.optimal_schedule(MILD, 2.0, dguide.Normalized, "kl", knots=4)
    assert free.distance < held.distance
    assert min(w for _, w in free.schedule.knots) < 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": "hellinger"}, "unknown objective: got 'hellinger', expected one of kl, total-variation"),
        ({"knots": 0}, "knots: got 0, expected a number of pieces up to 1000, or increasing noise levels from 0 to 1"),
        ({"knots": 100_000}, "knots: got 100000, expected a number of pieces up to 1000"),
        ({"guidance": dguide.Simple}, "guidance: got .*Simple.*expected a mechanism without its weight"),
        ({"guidance": dguide.Normalized(2.0)}, "guidance: got Normalized.*expected a mechanism without its weight"),
        ({"knots": [0.0, 0.7, 0.5, 1.0]}, "knots: got .*increasing"),
        ({"weight": -2.0}, "weight and lowest: got"),
        ({"weight": math.inf}, "weight and lowest: got"),
        ({"lowest": 3.0}, "weight and lowest: got"),
        ({"target": torch.ones(3, 3)}, "target: got .*sum 9.0, expected probabilities"),
        ({"target": torch.ones(3) / 3}, "target: got 1 positions, expected 2"),
        ({"problem": exact.Problem(dguide.Uniform(3), COND, UNCOND)}, "process: got Uniform, expected .*Masked"),
    ],
    ids=str,
)
def test_bad_input(change: dict, message: str) -> None:
    arguments = {"problem": PROBLEM, "weight": 2.0, "guidance": dguide.Normalized, **change}
    with pytest.raises(ValueError, match=message):
        exact.optimal_schedule(**arguments)


def test_a_target_out_of_reach_is_refused() -> None:
    law = torch.tensor([[0.5, 0.0], [0.0, 0.5]], dtype=torch.float64)
    problem = exact.Problem(dguide.Masked(2), law, law)
    with pytest.raises(ValueError, match="target: got probability where no schedule has any"):
        exact.optimal_schedule(problem, 1.0, dguide.Normalized, "kl", target=torch.full((2, 2), 0.25))


def test_laws_of_different_shapes_are_not_compared() -> None:
    for distance in (exact.total_variation, exact.kl_divergence):
        with pytest.raises(
            ValueError, match=r"distributions to compare: got \(\(3,\), \(3, 3\)\), expected tables of one shape"
        ):
            distance(torch.ones(3) / 3, torch.ones(3, 3) / 9)
