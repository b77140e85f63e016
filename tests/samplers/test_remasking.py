"""Remasking against the exact law of its steps, `Ancestral` where nothing is masked again, and the tilted target."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from helpers import Network
from judge import COND, COND3, UNCOND, UNCOND3, distance, draw, g_test

import dguide
from dguide import Ancestral, Masked, Normalized, RampUp, Remasking, Simple, Uniform, Unlocking, noise
from dguide.exact import Problem, chain, solve
from dguide.exact.random_problems import dirichlet, ising, mixture

MECHANISMS = pytest.mark.parametrize("mechanism", [Normalized, Unlocking, Simple])
PROBLEM = Problem(Masked(3), COND, UNCOND)


@MECHANISMS
@pytest.mark.parametrize("weight", [0.0, 2.0, RampUp(2.0)], ids=str)
@pytest.mark.parametrize(
    "sampler",
    [Remasking(4), Remasking(4, rate=math.inf), Remasking(5, cap=0.1, rate=math.inf, window=(0, 0.7))],
    ids=["rate", "most", "cap"],
)
def test_samples_follow_the_law_of_the_steps(sampler, weight, mechanism) -> None:
    tokens = draw(Masked(3), mechanism(weight), sampler, count=40_000)
    assert g_test(tokens, chain(PROBLEM, mechanism(weight), sampler)) > 1e-4


def test_the_law_of_the_steps_is_one_that_could_be_missed() -> None:
    tokens = draw(Masked(3), Normalized(2.0), Remasking(4), count=40_000)
    for other in (Ancestral(4), Remasking(4, rate=1.0)):
        assert g_test(tokens, chain(PROBLEM, Normalized(2.0), other)) < 1e-4


@MECHANISMS
@pytest.mark.parametrize("nothing", [{"rate": 0.0}, {"cap": 0.0}, {"share": 0.0}, {"window": (0.0, 0.0)}], ids=str)
def test_where_nothing_is_masked_again_it_is_ancestral(mechanism, nothing) -> None:
    guidance = mechanism(RampUp(2.0))
    tokens = [draw(Masked(3), guidance, sampler, count=5_000) for sampler in (Ancestral(6), Remasking(6, **nothing))]
    assert torch.equal(*tokens)
    laws = [chain(PROBLEM, guidance, sampler) for sampler in (Ancestral(6), Remasking(6, **nothing))]
    assert distance(*laws) < 1e-14


@pytest.mark.parametrize("schedule", [noise.Linear(), noise.Cosine()], ids=str)
@pytest.mark.parametrize("sampler", [Remasking(8), Remasking(8, rate=math.inf), Remasking(8, share=0.3)], ids=str)
def test_the_share_of_masks_is_kept(sampler, schedule) -> None:
    process, count, length = Masked(3, noise=schedule), 4_000, 10
    samples = dguide.sample(
        Network(vocab=3),
        process=process,
        length=length,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=Normalized(2.0),
        sampler=sampler,
        trajectory=True,
    )
    assert samples.trajectory is not None
    level = process.noise.level(samples.trajectory.times[:, 0])
    seen = (samples.trajectory.tokens == 3).double().mean((1, 2))
    deviation = (level * (1 - level) / (count * length)).sqrt()
    assert bool(((seen - level).abs() <= 4 * deviation + 1e-12).all())
    decided = samples.trajectory.tokens != 3
    assert bool((decided[:-1] & ~decided[1:]).any())  # and some were masked again


def test_without_guidance_it_tends_to_the_conditional_law() -> None:
    problem = Problem(Masked(2), COND3, UNCOND3)
    for sampler in (lambda k: Remasking(k, rate=2.0), lambda k: Remasking(k, cap=1 / k, rate=math.inf)):
        errors = [distance(chain(problem, Normalized(0.0), sampler(k)), COND3) for k in (16, 32, 64)]
        assert all(1.7 < a / b < 2.3 for a, b in pairwise(errors))
        assert errors[-1] < 0.01


@pytest.mark.parametrize("mechanism", [Normalized, Unlocking])
def test_with_guidance_it_comes_nearer_to_the_target(mechanism) -> None:
    for problem in (ising(2, 4, 0), mixture(3, 3, 0), dirichlet(3, 2, 1, concentration=5.0)):
        target = problem.target(3.0)
        far = distance(solve(problem, mechanism(3.0)).final, target)
        assert distance(chain(problem, mechanism(3.0), Remasking(64)), target) < 0.6 * far


def test_late_remasking_is_gibbs_sampling_of_the_target() -> None:
    """Four hundred short steps near data, in each of which hardly more than one position is masked."""
    times = [1.0, *(0.02 * (1 - k / 400) for k in range(400)), 0.0]
    sampler = Remasking(grid=times, cap=0.02, rate=math.inf)
    problem = dirichlet(3, 2, 1, concentration=5.0)
    target = problem.target(3.0)
    assert distance(solve(problem, Normalized(3.0)).final, target) > 0.09
    assert distance(chain(problem, Normalized(3.0), sampler), target) < 0.01


def test_no_single_change_leads_from_one_mode_to_another() -> None:
    """What the target likes best differs in both positions: masking one at a time does not help there."""
    target = PROBLEM.target(3.0)
    far = distance(solve(PROBLEM, Normalized(3.0)).final, target)
    assert distance(chain(PROBLEM, Normalized(3.0), Remasking(64)), target) > 0.9 * far


def test_given_tokens_are_never_masked() -> None:
    initial = torch.tensor([[4, 2, 4, 0, 4]]).repeat(200, 1)
    fixed = torch.tensor([[False, True, False, False, False]]).repeat(200, 1)
    for held in (None, fixed):
        samples = dguide.sample(
            Network(vocab=4),
            process=Masked(4),
            length=5,
            condition=torch.zeros(200, dtype=torch.int64),
            guidance=Normalized(2.0),
            sampler=Remasking(12, rate=math.inf),
            initial=initial,
            fixed=held,
            trajectory=True,
        )
        assert samples.trajectory is not None
        kept = initial < 4
        assert bool((samples.trajectory.tokens[:, kept] == initial[kept]).all())
        assert int(samples.tokens.max()) < 4
        assert int(samples.forced.sum()) == 0


def test_samples_do_not_depend_on_the_batch() -> None:
    def tokens(count: int, first: int) -> torch.Tensor:
        return dguide.sample(
            Network(vocab=4),
            process=Masked(4),
            length=6,
            condition=torch.arange(first, first + count) % 3,
            guidance=Unlocking(2.0),
            sampler=Remasking(5),
            first_index=first,
        ).tokens

    assert torch.equal(tokens(9, 0), torch.cat([tokens(1, 0), tokens(5, 1), tokens(3, 6)]))


def test_processes_without_decided_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="Remasking with the process: got Uniform, expected Masked"):
        draw(Uniform(3), Normalized(1.0), Remasking(4), count=1)
    with pytest.raises(ValueError, match="Remasking with the process"):
        chain(Problem(Uniform(3), COND, UNCOND), Normalized(1.0), Remasking(4))


def test_particles_cannot_be_weighed_by_it() -> None:
    with pytest.raises(ValueError, match="SMC sampler: got Remasking"):
        draw(Masked(3), Normalized(1.0), dguide.SMC(2, Remasking(2)), count=1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cap": 1.5}, "Remasking cap: got 1.5"),
        ({"share": -0.1}, "Remasking share: got -0.1"),
        ({"rate": math.nan}, "Remasking rate: got nan"),
        ({"window": (0.5, 0.2)}, "Remasking window: got"),
        ({"grid": "fast"}, "grid"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong, message) -> None:
    with pytest.raises(ValueError, match=message):
        Remasking(4, **wrong)
