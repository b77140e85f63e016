"""Effects of order, pace and errors: the errors have their parameters, the noncommutativity predicts the distance."""

from __future__ import annotations

import pytest
import torch
from judge import COND, UNCOND

from dguide import Masked, Normalized, Uniform, Unlocking
from dguide.exact import Problem, total_variation
from dguide.exact.random_problems import markov, mixture
from dguide.theory import order_effects
from dguide.theory.jumps import Jumps
from dguide.theory.perturbed import Perturbed
from dguide.theory.summary import quartiles, rank_correlation

W = 3.0


def masked_states(vocab, d):
    return torch.cartesian_prod(*[torch.arange(vocab + 1)] * d).view(-1, d)


def errors_of(denoiser, problem, label):
    """Errors of log-ratios against the exact ones, at masked positions, [N, V - 1]."""
    states = masked_states(problem.process.vocab_size, problem.positions)
    labels, time = torch.full((len(states),), label), torch.ones(len(states))
    masked = states == problem.process.vocab_size
    logits, exact = (f(states, time, labels)[masked] for f in (denoiser, problem.oracle()))
    return (logits - exact).diff(dim=-1), masked.nonzero()[:, 0]


def test_errors_have_the_size_that_was_asked_for():
    problem = mixture(3, 4, 0, overlap=0.5)
    error, _ = errors_of(Perturbed(problem, 0.4, seed=1), problem, 0)
    assert float(error.std()) == pytest.approx(0.4 * 2**0.5, rel=0.1)
    still, _ = errors_of(Perturbed(problem, 0.0), problem, 0)
    assert float(still.abs().max()) < 1e-12


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_errors_are_shared_as_asked(shared):
    problem = mixture(3, 4, 0, overlap=0.5)
    denoiser = Perturbed(problem, 0.4, shared=shared, seed=1)
    cond, ref = (errors_of(denoiser, problem, label)[0] for label in (0, 1))
    correlation = torch.corrcoef(torch.stack((cond.flatten(), ref.flatten())))[0, 1]
    assert float(correlation) == pytest.approx(shared, abs=0.1)


def test_errors_are_small_where_much_was_seen():
    problem = mixture(3, 4, 0, overlap=0.5)
    denoiser = Perturbed(problem, 1.0, examples=50.0, seed=1)
    error, state = errors_of(denoiser, problem, 0)
    seen = denoiser.deviation[0, state]
    assert float(denoiser.deviation[0, -1]) == pytest.approx(51**-0.5)  # all masked: every example has this context
    often, seldom = error[seen < seen.median()], error[seen >= seen.median()]
    assert float(often.std()) < 0.6 * float(seldom.std())


def test_smoothing_leads_to_the_uniform_law():
    problem = mixture(3, 3, 0)
    denoiser = Perturbed(problem, 1e6, smoothing=1.0)
    denoiser.errors.zero_()
    law = denoiser(torch.full((1, 3), 3), torch.ones(1), torch.zeros(1, dtype=torch.int64)).softmax(-1)
    assert torch.allclose(law, torch.full_like(law, 1 / 3), atol=1e-6)


@pytest.mark.parametrize("bad", [{"shared": 1.5}, {"smoothing": -0.1}, {"examples": -1.0}])
def test_errors_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        Perturbed(mixture(2, 2, 0), 0.5, **bad)


def test_the_mask_may_be_any_token():
    last = mixture(3, 2, 0)
    pad = torch.nn.functional.pad
    first = Problem(Masked(4, mask_id=0), *(pad(t, (1, 0, 1, 0)) for t in (last.cond, last.uncond)))
    a, b = (Perturbed(p, 1.0, examples=50.0, smoothing=1.0, seed=1) for p in (last, first))
    to_first = torch.tensor([1, 2, 3, 0])
    states = masked_states(3, 2)
    code = (to_first[states] * torch.tensor([4, 1])).sum(-1)
    assert torch.allclose(a.deviation, b.deviation[:, code], atol=1e-12)
    for denoiser in (a, b):
        denoiser.errors.zero_()
    time, labels = torch.ones(len(states)), torch.zeros(len(states), dtype=torch.int64)
    moved = b(to_first[states], time, labels).softmax(-1)
    masked = states == 3
    assert torch.allclose(a(states, time, labels).softmax(-1)[masked], moved[masked][:, 1:], atol=1e-12)


def test_errors_are_for_masks():
    with pytest.raises(ValueError, match="Masked"):
        Perturbed(Problem(Uniform(3), COND, UNCOND), 0.5)


def test_a_single_position_has_no_noncommutativity():
    with pytest.raises(ValueError, match="at least 2"):
        order_effects.noncommutativity(Jumps.of(markov(3, 1, 0), W))


def test_of_two_positions_the_noncommutativity_is_the_distance_between_the_mechanisms():
    for problem in (Problem(Masked(3), COND, UNCOND), markov(4, 2, 3), mixture(3, 2, 1)):
        jumps = Jumps.of(problem, W)
        apart = float(total_variation(jumps.sequential(Normalized), jumps.sequential(Unlocking)))
        assert order_effects.noncommutativity(jumps) == pytest.approx(apart, abs=1e-12)


@pytest.fixture(scope="module")
def small():
    seen = []
    result = order_effects.compute(
        steps=4, seeds=range(100, 102), progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(k, 50) for k in range(1, 51)]
    return result


def test_without_errors_the_order_of_unlocking_is_no_worse_and_independent_errors_turn_it(small):
    rows = {(r.errors, r.order): r for r in small.rows() if r.steps is None}
    for errors in ("none", "shared"):
        assert rows[errors, "unlocking"].distance.median < rows[errors, "normalized"].distance.median
    assert rows["independent", "unlocking"].distance.median > rows["independent", "normalized"].distance.median
    assert rows["independent", "unlocking"].worse.value >= 0.7
    apart = small.apart()
    assert apart["independent"].median > 2 * apart["none"].median


def test_pace_alone_harms_at_few_steps(small):
    rows = {(r.pace, r.order): r for r in small.rows() if r.errors == "none" and r.steps == 4}
    assert rows["unlocking", "normalized"].worse.value >= 0.9
    assert rows["normalized", "normalized"].worse.value == 0


def test_the_noncommutativity_predicts_how_far_they_part(small):
    prediction = small.prediction()
    assert set(prediction) == set(order_effects.ERRORS)
    assert {correlation.count for correlation in prediction.values()} == {10}
    assert sum(correlation.value for correlation in prediction.values()) / len(prediction) > 0.5


def test_summaries():
    spread = quartiles([4.0, 1.0, 3.0, 2.0, 5.0])
    assert (spread.low, spread.median, spread.high, spread.count) == (2.0, 3.0, 4.0, 5)
    with pytest.raises(ValueError, match="at least one"):
        quartiles([])


def test_rank_correlation_agrees_with_scipy_and_covers():
    from scipy.stats import spearmanr

    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 8, (30,), generator=generator).double()
    y = x + torch.randint(-4, 5, (30,), generator=generator).double()
    correlation = rank_correlation(x.tolist(), y.tolist())
    assert correlation.value == pytest.approx(float(spearmanr(x, y).statistic), abs=1e-12)
    hits = 0
    for _ in range(300):
        pair = torch.randn(2, 40, generator=generator, dtype=torch.float64)
        inside = rank_correlation(pair[0].tolist(), (0.75 * pair[0] + pair[1]).tolist())
        hits += inside.low < 0.58 < inside.high  # 6/pi asin(r/2) with r = 0.6
    assert 0.9 < hits / 300 < 0.99
    with pytest.raises(ValueError, match="all alike"):
        rank_correlation([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0])
