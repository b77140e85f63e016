"""Oracles of either kind, the posterior and the leave-one-out law, give one law; the wrong reading gives another."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from helpers import table
from judge import COND, UNCOND, distance, draw, g_test

from dguide import (
    Ancestral,
    Euler,
    Normalized,
    RampUp,
    Simple,
    TauLeaping,
    Trapezoidal,
    Uniform,
    Unlocking,
    exact,
    noise,
    sample,
)
from dguide.evaluate import likelihood, read
from dguide.train import loss

POSTERIOR, LOO = Uniform(3), Uniform(3, prediction="leave-one-out")
MECHANISMS = [Normalized, Unlocking, Simple]
COMBINATIONS = [*product(MECHANISMS, (Ancestral, Euler, TauLeaping)), *product(MECHANISMS[:2], (Trapezoidal,))]
"""`Trapezoidal` is for mechanisms that act on rates."""
LEVEL = 0.01
"""Chance of a false alarm in a whole family of tests."""


class Undeclared:
    """An oracle that does not say which law it predicts."""

    time_dependent = True

    def __init__(self, oracle: exact.Oracle) -> None:
        self.oracle = oracle

    def null(self, condition):
        return self.oracle.null(condition)

    def __call__(self, tokens, time, condition):
        return self.oracle(tokens, time, condition)


def four_by_four(prediction: str) -> exact.Problem:
    law = table(4, 2)
    return exact.Problem(Uniform(4, prediction=prediction), law, law)


def test_an_oracle_gives_the_law_of_a_position_without_its_own_token() -> None:
    oracle = exact.Problem(LOO, COND, UNCOND).oracle()
    tokens = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    found = oracle.log_probs(tokens, 0.4, 0).exp()
    kernel = LOO.kernel(0.4)
    for (first, second), law in zip(tokens.tolist(), found, strict=True):
        left, right = COND @ kernel[:, second], COND.T @ kernel[:, first]
        torch.testing.assert_close(law, torch.stack((left / left.sum(), right / right.sum())))


def test_a_converted_oracle_is_the_oracle_of_the_posterior() -> None:
    tokens = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    first, second = (exact.Problem(process, COND, UNCOND).oracle() for process in (POSTERIOR, LOO))
    for time in (1.0, 0.999, 0.5, 1e-3, 1e-9):
        at = torch.tensor(time, dtype=torch.float64)
        found = LOO.log_posterior(second.log_probs(tokens, time, 0), tokens, at)
        torch.testing.assert_close(found, first.log_probs(tokens, time, 0), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("mechanism", "sampler"), COMBINATIONS)
def test_both_kinds_have_the_same_chain(mechanism, sampler) -> None:
    guidance, sampler = mechanism(RampUp(3.0)), sampler(steps=4)
    laws = [exact.chain(exact.Problem(process, COND, UNCOND), guidance, sampler) for process in (POSTERIOR, LOO)]
    assert float((laws[0] - laws[1]).abs().max()) < 1e-10


@pytest.mark.parametrize("mechanism", MECHANISMS[:2])
def test_both_kinds_have_the_same_law_in_continuous_time(mechanism) -> None:
    laws = [exact.solve(exact.Problem(process, COND, UNCOND), mechanism(2.0)).final for process in (POSTERIOR, LOO)]
    assert float((laws[0] - laws[1]).abs().max()) < 1e-8  # the tolerance of the solver


@pytest.mark.parametrize(("mechanism", "sampler"), COMBINATIONS)
def test_samples_of_a_leave_one_out_oracle_follow_the_chain_of_the_posterior(mechanism, sampler) -> None:
    guidance, sampler = mechanism(RampUp(3.0)), sampler(steps=3)
    tokens = draw(LOO, guidance, sampler, count=20_000)
    assert g_test(tokens, exact.chain(exact.Problem(POSTERIOR, COND, UNCOND), guidance, sampler)) > LEVEL / len(
        COMBINATIONS
    )


def test_a_leave_one_out_oracle_read_as_the_posterior_ends_far_from_the_data() -> None:
    """w = 0 and 200 ancestral steps: what is silently wrong without `prediction`, and right with it."""
    right, wrong = four_by_four("leave-one-out"), four_by_four("posterior")
    misread = Undeclared(right.oracle())
    guidance, steps = Normalized(0.0), Ancestral(200)
    assert distance(exact.chain(wrong, guidance, steps, misread), right.cond) > 0.1
    expected = exact.chain(right, guidance, steps, misread)
    assert distance(expected, right.cond) < 0.01
    drawn = [
        sample(
            misread,
            process=problem.process,
            length=2,
            condition=torch.zeros(2000, dtype=torch.int64),
            guidance=guidance,
            sampler=steps,
        ).tokens
        for problem in (right, wrong)
    ]
    chance = [g_test(tokens, expected) for tokens in drawn]
    assert chance[0] > LEVEL
    assert chance[1] < 1e-12


def test_a_network_that_ignores_the_time_is_converted_at_each_time() -> None:
    """One position: the leave-one-out law is that of the data at all times."""
    law = table(4, 1)

    class Constant:
        time_dependent = False

        def null(self, condition):
            return condition

        def __call__(self, tokens, time, condition):
            return law.log().expand(*tokens.shape, 4)

    process = Uniform(4, noise.Cosine(), "leave-one-out")
    found = exact.chain(exact.Problem(process, law, law), Normalized(0.0), Ancestral(5), Constant())
    assert distance(found, law) < 1e-12


def test_likelihood_reading_and_loss_are_those_of_the_posterior() -> None:
    """Up to the time in float32 that networks are told, as against that of the conversion."""
    oracles = [exact.Oracle(process, [COND, COND.T], UNCOND) for process in (POSTERIOR, LOO)]
    tokens, zero = torch.cartesian_prod(torch.arange(3), torch.arange(3)), torch.zeros(9, dtype=torch.int64)
    pairs = list(zip(oracles, (POSTERIOR, LOO), strict=True))
    bits = [likelihood(oracle, process, tokens, zero, passes=4).bits for oracle, process in pairs]
    assert bits[0] == pytest.approx(bits[1], rel=1e-6)
    read_as = [read(oracle, process, tokens, [zero, zero + 1], passes=4).nats for oracle, process in pairs]
    torch.testing.assert_close(*read_as, rtol=1e-5, atol=1e-5)
    losses = [loss(process, oracle, tokens, zero, torch.Generator().manual_seed(0)) for oracle, process in pairs]
    torch.testing.assert_close(*losses, rtol=1e-6, atol=1e-6)


def test_the_wrong_reading_costs_bits() -> None:
    """So held-out data tell which law a network has learnt."""
    law = table(4, 1)
    tokens = torch.multinomial(law, 4000, replacement=True, generator=torch.Generator().manual_seed(0)).unsqueeze(1)
    processes = [Uniform(4), Uniform(4, prediction="leave-one-out")]

    def leave_one_out(noisy, time, condition):  # of one position: that of the data
        return law.log().expand(*noisy.shape, 4)

    def posterior(noisy, time, condition):
        return processes[1].log_posterior(leave_one_out(noisy, time, condition), noisy, time.double())

    for network, right, wrong in ((posterior, *processes), (leave_one_out, *processes[::-1])):
        bits = [likelihood(network, process, tokens, None, passes=8).bits for process in (right, wrong)]
        assert bits[0] == pytest.approx(float(torch.special.entr(law).sum()) / math.log(2), abs=0.06)
        assert bits[1] > bits[0] + 0.2


def test_a_law_that_a_network_declares_is_compared_with_that_of_the_process() -> None:
    problem = exact.Problem(LOO, COND, UNCOND)
    settings = {"length": 2, "condition": torch.zeros(2, dtype=torch.int64), "sampler": Ancestral(2)}
    said = r"prediction of the denoiser: got 'leave-one-out', expected 'posterior', .*prediction='leave-one-out'"
    with pytest.raises(ValueError, match=said):
        sample(problem.oracle(), process=POSTERIOR, guidance=Normalized(1.0), **settings)
    with pytest.raises(ValueError, match=said):
        exact.chain(exact.Problem(POSTERIOR, COND, UNCOND), Normalized(1.0), Ancestral(2), problem.oracle())
    with pytest.raises(ValueError, match=said):
        likelihood(problem.oracle(), POSTERIOR, torch.zeros(2, 2, dtype=torch.int64), settings["condition"])
    other = exact.Problem(POSTERIOR, COND, UNCOND).oracle()
    with pytest.raises(ValueError, match="prediction of the reference: got 'posterior'"):
        sample(problem.oracle(), process=LOO, guidance=Normalized(1.0), reference=other, **settings)
    network = Undeclared(problem.oracle())
    network.prediction = "loo"
    with pytest.raises(ValueError, match="prediction of the denoiser: got 'loo', expected 'posterior' or"):
        sample(network, process=LOO, guidance=Normalized(1.0), **settings)
    network.prediction = torch.nn.Linear(2, 2)  # means something else
    assert sample(network, process=LOO, guidance=Normalized(1.0), **settings).tokens.shape == (2, 2)
