"""Difficult cases for the solver: thin boundary layers, very large weights, many states."""

from __future__ import annotations

import pytest
import torch
from judge import COND, COND3, UNCOND, UNCOND3, distance

from dguide import (
    Cosine,
    Interval,
    InverseLinear,
    Linear,
    Masked,
    Normalized,
    Piecewise,
    Power,
    Uniform,
    Unlocking,
    exact,
)
from dguide.exact.collocation import radau
from dguide.exact.random_problems import dirichlet

MASKED = exact.Problem(Masked(3), COND, UNCOND)
UNIFORM = exact.Problem(Uniform(3), COND, UNCOND)
MECHANISMS = pytest.mark.parametrize("mechanism", [Normalized, Unlocking])


@pytest.mark.parametrize("order", [3, 5, 12])
def test_collocation_has_its_order(order: int) -> None:
    points = radau(order)
    powers = torch.arange(2 * order - 1, dtype=torch.float64).unsqueeze(1)
    integrals = points.points**powers @ points.integral[-1]
    torch.testing.assert_close(integrals, 1 / (powers.squeeze(1) + 1), rtol=0, atol=1e-14)
    at = torch.rand(7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ends = torch.cat((torch.zeros(1, dtype=torch.float64), points.points))
    torch.testing.assert_close(points.between(ends**order, at), at**order, rtol=0, atol=1e-13)


@MECHANISMS
@pytest.mark.parametrize(
    "schedule", [Cosine(10.0), InverseLinear(10.0), InverseLinear(40.0), Interval(20.0, 0.2, 0.6)], ids=str
)
@pytest.mark.parametrize("problem", [MASKED, UNIFORM], ids=["masked", "uniform"])
def test_weights_beyond_all_measure(problem: exact.Problem, schedule, mechanism) -> None:
    loose, tight = (exact.solve(problem, mechanism(schedule), tolerance=t) for t in (1e-7, 1e-10))
    assert distance(loose.final, tight.final) < 1e-8
    torch.testing.assert_close(loose.masked_fraction, tight.masked_fraction, rtol=0, atol=1e-6)
    assert float(tight.final.min()) >= 0
    assert abs(float(tight.final.sum()) - 1) < 1e-9


def test_what_leaves_at_once_goes_where_the_jump_chain_says() -> None:
    # At w = 40 everything is decided before m falls below 0.99, at a weight between 39.6 and 40.
    steep = Unlocking(Piecewise(((0.0, 40.0), (0.5, 40.0), (1.0, 40.0 - 1e-9))))
    assert distance(exact.solve(MASKED, steep).final, exact.jump_chain(MASKED, Unlocking(40.0))) < 1e-8


@MECHANISMS
@pytest.mark.parametrize("w", [0.5, 1.0, 2.0, 300.0])
@pytest.mark.parametrize(
    ("cond", "uncond"),
    [
        ([1.0, 0.0], [0.5, 0.5]),
        ([1 - 1e-8, 1e-8], [0.5, 0.5]),
        ([[0.5, 0.0], [0.0, 0.5]], [[0.25, 0.25], [0.25, 0.25]]),
        ([[1 / 3, 0.0, 0.0], [0.0, 1 / 3, 0.0], [0.0, 0.0, 1 / 3]], [[1 / 9] * 3] * 3),
    ],
    ids=["one", "nearly one", "diagonal", "three"],
)
def test_laws_with_zeros_of_the_uniform_process(cond, uncond, w, mechanism) -> None:
    laws = [torch.tensor(x, dtype=torch.float64) for x in (cond, uncond)]
    problem = exact.Problem(Uniform(len(cond)), *laws)
    final = exact.solve(problem, mechanism(w)).final
    assert abs(float(final.sum()) - 1) < 1e-12
    assert float(final[problem.cond == 0].sum()) < 1e-12


def test_weights_that_vary_wildly_under_the_uniform_process() -> None:
    steep = Normalized(Piecewise(((0.0, 30.0), (1.0, -0.9))))
    assert distance(exact.solve(UNIFORM, steep).final, exact.solve(UNIFORM, steep, tolerance=1e-11).final) < 1e-9


@MECHANISMS
def test_relative_error_with_many_states(mechanism) -> None:
    problem = dirichlet(3, 6, seed=1)
    loose, tight = (exact.solve(problem, mechanism(Linear(2.0)), tolerance=t).final for t in (1e-9, 1e-12))
    large = tight > 1e-12
    assert int(large.sum()) > 700
    assert float(((loose - tight).abs() / tight)[large].max()) < 1e-8


def test_relative_error_of_the_uniform_process() -> None:
    tables = dirichlet(3, 4, seed=0)
    problem = exact.Problem(Uniform(3), tables.cond, tables.uncond)
    for w, law in ((0.0, problem.cond), (-1.0, problem.uncond)):
        final = exact.solve(problem, Normalized(w)).final
        assert float(((final - law).abs() / law).max()) < 1e-8


def test_with_two_tokens_the_mechanisms_are_one() -> None:
    law = torch.softmax(torch.arange(2.0**9, dtype=torch.float64) / 2**9, 0).view([2] * 9)
    problem = exact.Problem(Uniform(2), law, law.flip(0))
    final = exact.solve(problem, Unlocking(1.0), tolerance=1e-5).final
    assert distance(final, exact.solve(problem, Normalized(1.0), tolerance=1e-5).final) < 1e-6


@MECHANISMS
def test_a_schedule_without_a_derivative_at_noise(mechanism) -> None:
    problem = exact.Problem(Masked(2), COND3, UNCOND3)
    law = exact.solve(problem, mechanism(Power(2.0, 0.5))).final
    nearly = Piecewise(tuple((m, 3.0 * (1 - m) ** 0.5) for m in (1 - (torch.linspace(1, 0, 120) ** 2)).tolist()))
    assert distance(law, exact.solve(problem, mechanism(nearly), tolerance=1e-7).final) < 1e-4


def test_no_times_need_no_curve() -> None:
    solution = exact.solve(MASKED, Unlocking(2.0), times=torch.zeros(0))
    assert len(solution.masked_fraction) == 0
    assert distance(solution.final, exact.jump_chain(MASKED, Unlocking(2.0))) < 1e-12
