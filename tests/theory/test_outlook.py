"""Signals before sampling, against problems whose truth is known."""

from __future__ import annotations

import math

import pytest
import torch

from dguide import Masked
from dguide.exact import Oracle, Problem
from dguide.exact.random_problems import dirichlet, mixture
from dguide.noise import Cosine
from dguide.theory import order_effects
from dguide.theory.jumps import Jumps
from dguide.theory.outlook import outlook
from dguide.theory.perturbed import Perturbed

W = 2.0


def held_out(problem, count=2000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    code = torch.multinomial(problem.cond.flatten(), count, replacement=True, generator=generator)
    vocab = problem.process.vocab_size
    return code.unsqueeze(-1) // vocab ** torch.arange(problem.positions - 1, -1, -1) % vocab, torch.zeros_like(code)


def looked_at(problem, denoiser=None, levels=(1.0,), weight=W, **options):
    tokens, labels = held_out(problem)
    options = {"sequences": 2000} | options
    return outlook(
        denoiser or problem.oracle(), problem.process, tokens, labels, weight=weight, levels=levels, **options
    )


def test_exact_predictions_have_no_inconsistency_and_claim_what_is_confirmed():
    found = looked_at(dirichlet(3, 4, 0), levels=(1.0, 0.5))
    for signals in found.levels:
        assert max(signals.error_cond, signals.error_ref, signals.error_ratio) < 1e-12
        assert abs(signals.claimed - signals.confirmed) < 4 * signals.unsure
        assert signals.claimed > 10 * signals.unsure


def test_clash_is_the_noncommutativity_at_pure_noise():
    for seed in (0, 1):
        problem = dirichlet(3, 3, seed)
        clash = looked_at(problem, weight=3.0).levels[0].clash
        assert clash == pytest.approx(order_effects.noncommutativity(Jumps.of(problem, 3.0)), rel=0.1)


def test_log_z_is_that_of_each_position():
    problem = mixture(3, 3, 0)
    cond, ref = (problem.oracle().log_probs(torch.full((1, 3), 3), 0.5, k)[0] for k in (0, 1))
    log_z = torch.logsumexp((1 + W) * cond - W * ref, -1)
    signals = looked_at(problem).levels[0]
    assert signals.log_z == pytest.approx(float(log_z.mean()))
    assert signals.spread == pytest.approx(float(log_z.std()))
    assert torch.allclose(signals.positions.sort(-1).values, log_z.sort().values)


def test_positions_that_leave_together_are_those_of_the_mechanisms():
    problem = mixture(3, 3, 0)
    signals = looked_at(problem).levels[0]
    normalized, unlocking = signals.leaving(8)
    assert normalized == pytest.approx(3 / 8)
    assert unlocking == pytest.approx(float((1 - (7 / 8) ** signals.positions.exp()).sum(-1).mean()))
    assert signals.leaving(10**6)[1] < 0.01
    assert signals.leaving(1) == (3.0, 3.0)


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_inconsistency_finds_planted_errors_and_what_they_share(shared):
    problem = mixture(3, 4, 0, overlap=0.8)
    found = [
        looked_at(problem, Perturbed(problem, 0.1, shared=shared, seed=seed), sequences=200).levels[0]
        for seed in range(12)
    ]
    # A log-probability has the error of its logit less the mean of all three: 2/3 of the variance for even laws.
    expected = 0.1 * math.sqrt(2 / 3)
    for side in ("error_cond", "error_ref"):
        assert sum(getattr(signals, side) for signals in found) / 12 == pytest.approx(expected, rel=0.2)
    assert sum(signals.shared for signals in found) / 12 == pytest.approx(shared, abs=0.15)


def test_errors_of_the_condition_are_claimed_and_not_confirmed():
    problem = mixture(3, 4, 0, overlap=0.8)
    excess = []
    for seed in range(8):
        signals = looked_at(problem, Perturbed(problem, 0.3, seed=seed), levels=(0.5,)).levels[0]
        excess.append(signals.claimed - signals.confirmed)
    # E[e_c (e_c - e_u)] is the variance of the error of a log-probability.
    assert sum(excess) / 8 == pytest.approx(0.3**2 * 2 / 3, rel=0.4)


def test_overclaim_is_zero_where_more_is_confirmed():
    law = torch.tensor([[0.7, 0.1], [0.1, 0.1]], dtype=torch.float64)
    # The prediction is less sure than the held-out tokens, all of which are 0.
    problem = Problem(Masked(2), law, torch.full((2, 2), 0.25))
    tokens, labels = torch.zeros(50, 2, dtype=torch.int64), torch.zeros(50, dtype=torch.int64)
    found = outlook(problem.oracle(), problem.process, tokens, labels, weight=1.0, levels=[0.5])
    assert found.levels[0].confirmed > found.levels[0].claimed > 0
    assert found.levels[0].overclaim == 0.0


def test_a_condition_that_changes_nothing_has_no_signals():
    law = torch.tensor([[0.7, 0.1], [0.1, 0.1]], dtype=torch.float64)
    tokens, labels = torch.zeros(50, 2, dtype=torch.int64), torch.zeros(50, dtype=torch.int64)
    assert outlook(Oracle(Masked(2), [law], law), Masked(2), tokens, labels, weight=1.0).mean(
        lambda s: abs(s.log_z) + s.clash + abs(s.claimed)
    ) == pytest.approx(0, abs=1e-12)


def test_depends_on_the_seed_and_not_on_the_batch():
    problem = dirichlet(3, 4, 0)
    tokens, labels = held_out(problem)
    one, two, other = (
        outlook(problem.oracle(), problem.process, tokens, labels, weight=W, seed=seed, batch_size=size)
        for seed, size in ((0, 256), (0, 7), (1, 256))
    )
    assert str(one) == str(two) != str(other)
    assert one.rows == 2 * 64 * (5 + 4 + 3 + 3)  # as many positions are filled as are masked
    assert one.sequences == 64


@pytest.mark.filterwarnings("error")
def test_one_sequence_is_looked_at_without_a_standard_error():
    problem = dirichlet(3, 4, 0)
    assert math.isnan(looked_at(problem, sequences=1).levels[0].unsure)


def test_each_sequence_is_judged_under_its_own_condition():
    """Positions are independent, and each label has its favourite token, which all of its sequences are made of."""
    first = torch.tensor([0.9, 0.1], dtype=torch.float64)
    laws = [law.unsqueeze(1) * law for law in (first, first.flip(0))]
    process, labels = Masked(2), torch.tensor([0, 1, 1, 0, 1, 1, 1])
    oracle = Oracle(process, laws, torch.full((2, 2), 0.25, dtype=torch.float64))
    tokens = labels.unsqueeze(1).repeat(1, 2)
    signals = outlook(oracle, process, tokens, labels, weight=1.0, levels=[1.0], batch_size=3).levels[0]
    assert signals.confirmed == pytest.approx(math.log(0.9 / 0.5))
    assert signals.unsure == pytest.approx(0, abs=1e-12)
    assert max(signals.error_cond, signals.error_ref, signals.dependence) < 1e-12


def test_the_network_is_asked_at_the_time_of_the_level_about_as_many_masks():
    asked = []

    class Asked:
        time_dependent = True

        def __call__(self, tokens, time, condition):
            asked.append((time.unique().tolist(), (tokens == 2).sum(1).tolist()))
            return torch.zeros(*tokens.shape, 2)

        def null(self, condition):
            return condition

    process = Masked(2, noise=Cosine())
    tokens, labels = torch.zeros(3, 10, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
    outlook(Asked(), process, tokens, labels, weight=1.0, levels=[0.26])
    time = float(process.noise.time(torch.tensor(0.26, dtype=torch.float64)))
    assert all(times == pytest.approx([time]) for times, _ in asked)
    assert {count for _, counts in asked for count in counts} == {3, 2}  # and one is filled in


def test_what_cannot_be_looked_at_is_refused():
    problem = dirichlet(3, 4, 0)
    tokens, labels = held_out(problem, 10)

    def refused(match, process=problem.process, tokens=tokens, labels=labels, denoiser=None, **options):
        with pytest.raises(ValueError, match=match):
            outlook(denoiser or problem.oracle(), process, tokens, labels, **{"weight": 1.0} | options)

    refused("without null", denoiser=lambda x, t, y: torch.zeros(*x.shape, 3))
    refused("tokens", tokens=tokens.double())
    refused("without masks", tokens=torch.full_like(tokens, 3))
    refused("condition", labels=labels[:4])
    refused("outlook weight", weight=0.0)
    refused("outlook level: got 0.0", levels=[0.0])
    refused("outlook positions", positions=1)
    refused("outlook sequences", sequences=0)
    refused("tokens: got values from 4 to 6", tokens=tokens + 4)
    refused("tokens: got values from -1", tokens=tokens - 1)
    refused("seed: got -1", seed=-1)
    refused(r"outlook levels: got 0\.5, expected some", levels=0.5)
    refused("device: got 'nowhere'", device="nowhere")
    refused(r"seed: got 'x'[\s\S]*outlook level: got 2[\s\S]*outlook weight: got -1", seed="x", levels=[2], weight=-1)

    class Bare(Perturbed):
        def null(self, condition):
            return None

    refused(r"null\(condition\): got None, expected torch.int64", denoiser=Bare(problem, 0.1))
    with pytest.raises(ValueError, match="steps: got 0, expected an int of at least 1"):
        looked_at(problem, sequences=2).levels[0].leaving(0)
