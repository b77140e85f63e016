"""Grids: equal work in every step, and what that buys."""

from __future__ import annotations

import pytest
import torch
from judge import COND, UNCOND, distance

import dguide
from dguide import Ancestral, Diagnostics, Masked, Normalized, Unlocking, equal_work_grid, noise
from dguide.exact import Problem, chain, solve
from dguide.exact.random_problems import dirichlet, markov

LEVELS = torch.linspace(0, 1, 11, dtype=torch.float64)
SCHEDULES = [noise.Linear(), noise.Cosine(), noise.Polynomial(3.0), noise.Geometric()]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_equal_work_is_equal_steps_of_the_noise_level(schedule) -> None:
    process = Masked(3, noise=schedule)
    for sampler in (Ancestral(8, "work"), Ancestral(grid=equal_work_grid(process, LEVELS, LEVELS, 8))):
        level = process.noise.level(sampler.times(process))
        torch.testing.assert_close(level, 1 - torch.arange(9, dtype=torch.float64) / 8, rtol=0, atol=1e-9)


def test_equal_work_makes_the_noise_schedule_irrelevant() -> None:
    laws = [chain(Problem(Masked(3, noise=s), COND, UNCOND), Normalized(2.0), Ancestral(5, "work")) for s in SCHEDULES]
    assert all(distance(laws[0], law) < 1e-9 for law in laws)
    uniform = chain(Problem(Masked(3, noise=noise.Cosine()), COND, UNCOND), Normalized(2.0), Ancestral(5))
    assert distance(laws[0], uniform) > 1e-3


@pytest.mark.parametrize("table", [dirichlet(3, 3, 0), markov(3, 3, 0)], ids=lambda p: p.name)
def test_no_power_of_the_level_does_much_better_with_normalized(table) -> None:
    """Whoever looks for the best grid finds the uniform one, within two percent."""
    guidance = Normalized(0.0)
    best = min(
        distance(chain(table, guidance, Ancestral(grid=[*((1 - k / 8) ** p for k in range(8)), 0.0])), table.cond)
        for p in (0.7, 0.8, 0.9, 1.1, 1.25, 1.5)
    )
    uniform = distance(chain(table, guidance, Ancestral(8)), table.cond)
    assert best > 0.98 * uniform
    assert distance(chain(table, guidance, Ancestral(8, "cosine")), table.cond) > 1.1 * uniform


def test_equal_work_pays_with_unlocking() -> None:
    table, guidance = dirichlet(3, 3, 0), Unlocking(3.0)
    solution = solve(table, guidance)
    grid = equal_work_grid(table.process, table.process.noise.level(solution.times), solution.masked_fraction, 16)
    even, fair = (distance(chain(table, guidance, Ancestral(16, g)), solution.final) for g in ("uniform", grid))
    assert fair < 0.8 * even


def test_the_pace_may_come_from_a_pilot() -> None:
    table, guidance = dirichlet(3, 3, 0), Unlocking(3.0)
    diagnostics = Diagnostics()
    dguide.sample(
        table.oracle(),
        process=table.process,
        length=3,
        condition=torch.zeros(2_000, dtype=torch.int64),
        guidance=guidance,
        sampler=Ancestral(20),
        callback=diagnostics,
    )
    seen = diagnostics.table()
    solution = solve(table, guidance)
    grid, wanted = (
        torch.tensor(equal_work_grid(table.process, *curve, 8))
        for curve in ((seen.edges, seen.masked_fraction), (solution.times, solution.masked_fraction))
    )
    assert float((grid - wanted).abs().max()) < 0.05
    assert float((wanted - torch.linspace(1, 0, 9)).abs().max()) > 0.05


def test_a_curve_that_stands_still_has_a_grid() -> None:
    grid = equal_work_grid(Masked(3), torch.tensor([0.0, 0.4, 0.6, 1.0]), torch.tensor([0.0, 0.5, 0.5, 1.0]), 2)
    assert grid[0] == 1.0
    assert grid[2] == 0.0
    assert 0.4 <= grid[1] <= 0.6
    Ancestral(grid=grid)


@pytest.mark.parametrize(
    ("levels", "fraction", "steps", "message"),
    [
        ([0.0, 1.0], [0.0, 1.0], 0, "equal_work_grid steps: got 0"),
        ([0.0, 0.5], [0.0, 1.0], 4, "equal_work_grid levels"),
        ([0.0, 1.0], [0.0, 0.5, 1.0], 4, "equal_work_grid levels"),
        ([0.0, 0.5, 1.0], [0.0, 0.7, 0.6], 4, "equal_work_grid masked_fraction"),
        ([0.0, 1.0], [0.0, 0.9], 4, "equal_work_grid masked_fraction"),
    ],
)
def test_what_is_no_curve_is_refused(levels, fraction, steps, message) -> None:
    with pytest.raises(ValueError, match=message):
        equal_work_grid(Masked(3), torch.tensor(levels), torch.tensor(fraction), steps)
