"""Separate order and pace: exact distributions against the solver and the chain, and the sampler against them."""

from __future__ import annotations

import itertools

import pytest
import torch
from judge import COND, UNCOND, g_test

from dguide import Ancestral, FirstHitting, Masked, Normalized, Simple, Uniform, Unlocking, sample
from dguide.data import Split
from dguide.exact import Oracle, Problem, chain, solve, total_variation
from dguide.exact.random_problems import markov, mixture
from dguide.samplers import Observer
from dguide.theory.jumps import Jumps
from studies.decoupled import Decoupled
from studies.kernel import Kernel, bell

W = 3.0
JUDGE = Problem(Masked(3), COND, UNCOND, "two positions that do not commute")
PROBLEMS = [JUDGE, mixture(3, 3, 0, overlap=0.1, spread=1.0), markov(2, 4, 1)]
every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)


@every_problem
@pytest.mark.parametrize("mechanism", [Normalized, Unlocking])
def test_one_at_a_time_is_continuous_time(problem, mechanism):
    law = Jumps.of(problem, W).sequential(mechanism)
    assert total_variation(law, solve(problem, mechanism(W)).final) < 1e-8


@every_problem
def test_pace_and_order_of_normalized_are_ancestral_steps(problem):
    law = Jumps.of(problem, W).stepwise(Normalized, Normalized, 5)
    assert total_variation(law, chain(problem, Normalized(W), Ancestral(5))) < 1e-12


@every_problem
def test_pace_and_order_of_unlocking_are_nearly_ancestral_steps(problem):
    law = Jumps.of(problem, W).stepwise(Unlocking, Unlocking, 16)
    assert 1e-4 < total_variation(law, chain(problem, Unlocking(W), Ancestral(16))) < 0.05


@pytest.mark.parametrize(("pace", "order"), list(itertools.product([Normalized, Unlocking], repeat=2)))
def test_steps_grow_short_and_only_the_order_is_left(pace, order):
    jumps = Jumps.of(JUDGE, W)
    limit = jumps.sequential(order)
    near, nearer = (total_variation(jumps.stepwise(pace, order, T), limit) for T in (256, 1024))
    assert nearer < 0.35 * near
    assert nearer < 0.02


def test_pace_matters_at_few_steps_and_order_at_any():
    jumps = Jumps.of(JUDGE, W)
    laws = {(p, o): jumps.stepwise(p, o, 8) for p in (Normalized, Unlocking) for o in (Normalized, Unlocking)}
    for order in (Normalized, Unlocking):
        assert total_variation(laws[Normalized, order], laws[Unlocking, order]) > 0.1
    for pace in (Normalized, Unlocking):
        assert total_variation(laws[pace, Normalized], laws[pace, Unlocking]) > 0.05


@pytest.mark.parametrize(
    ("pace", "order"),
    [(Normalized, Unlocking), (Unlocking, Normalized), (Unlocking, Unlocking)],
    ids=lambda m: m.__name__,
)
def test_the_sampler_follows_the_exact_law(pace, order):
    count = 60_000
    drawn = sample(
        JUDGE.oracle(),
        process=JUDGE.process,
        length=2,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=Normalized(W),
        sampler=Decoupled(6, pace, order),
        seed=3,
    )
    jumps = Jumps.of(JUDGE, W)
    assert g_test(drawn.tokens, jumps.stepwise(pace, order, 6)) > 1e-3
    assert g_test(drawn.tokens, jumps.stepwise(order, pace, 6) if pace != order else jumps.sequential(order)) < 1e-9
    assert not bool((drawn.tokens == JUDGE.process.mask_id).any())


def test_the_sampler_is_for_masks():
    with pytest.raises(ValueError, match="Masked"):
        Decoupled(4, Normalized, Unlocking).check(Uniform(3), Normalized(1.0), JUDGE.oracle())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((0, Normalized, Unlocking), "steps"),
        ((4, Normalized(1.0), Unlocking), "pace"),
        ((4, Normalized, Simple), "order"),
    ],
)
def test_what_makes_no_decoupled_sampler_is_refused(arguments, what):
    with pytest.raises(ValueError, match=what):
        Decoupled(*arguments)


def test_the_sampler_tells_observers_of_every_landing():
    count, heard = 200, []

    class Ear(Observer):
        def landed(self, run, landing):
            heard.append(landing)

    drawn = sample(
        JUDGE.oracle(),
        process=JUDGE.process,
        length=2,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=Normalized(W),
        sampler=Decoupled(4, Normalized, Unlocking),
        callback=Ear(),
    )
    assert sum(len(landing.token) for landing in heard) == 2 * count
    tokens = torch.full_like(drawn.tokens, -1)
    for landing, low in zip(heard, (0.75, 0.5, 0.25, 0.0), strict=True):
        tokens[landing.sample, landing.position] = landing.token
        assert bool(((landing.level > low) & (landing.level < low + 0.25)).all())
    assert torch.equal(tokens, drawn.tokens)


def test_jumps_are_for_masks():
    problem = Problem(Uniform(3), COND, UNCOND)
    with pytest.raises(ValueError, match="Masked"):
        Jumps.of(problem, W)


def test_a_blurred_data_set_has_the_scores_of_its_joint_table():
    examples = torch.tensor([[0, 1, 2], [2, 1, 0], [1, 1, 1], [0, 0, 2]])
    labels = torch.tensor([0, 1, 1, 0])
    kernel = bell(3, 0.7, 0.1)
    assert torch.allclose(kernel.sum(-1), torch.ones(3, dtype=torch.float64))
    tables = [torch.einsum("a,b,c->abc", *kernel[y]) for y in examples]
    cond = [sum(t for t, c in zip(tables, labels, strict=True) if c == k) / 2 for k in (0, 1)]
    oracle = Oracle(Masked(3), cond, sum(tables) / 4)
    states = torch.cartesian_prod(*[torch.arange(4)] * 3)
    denoiser = Kernel(Split(examples, labels), kernel, 2)
    masked = states == 3
    for label in (0, 1, 2):
        condition = torch.full((len(states),), label)
        logits = denoiser(states, torch.ones(len(states)), condition)
        assert torch.allclose(logits[masked], oracle(states, torch.ones(len(states)), condition)[masked], atol=1e-10)
    assert denoiser.null(labels).tolist() == [2] * 4


def test_first_hitting_is_one_at_a_time():
    drawn = sample(
        JUDGE.oracle(),
        process=JUDGE.process,
        length=2,
        condition=torch.zeros(20_000, dtype=torch.int64),
        guidance=Unlocking(W),
        sampler=FirstHitting(),
        seed=0,
    )
    assert g_test(drawn.tokens, Jumps.of(JUDGE, W).sequential(Unlocking)) > 1e-3
