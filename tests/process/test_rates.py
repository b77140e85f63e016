from __future__ import annotations

import math

import pytest
import torch
from helpers import PROCESSES, f64, identities, law_on_data, log_law

from dguide import Masked, Uniform, noise
from dguide.exact import Oracle
from dguide.exact.space import Space
from dguide.process import Process

every_process = pytest.mark.parametrize("process", PROCESSES, ids=identities(PROCESSES))
NOISE = [noise.Linear(), noise.Cosine(), noise.Geometric(1e-3, 8.0)]


@pytest.mark.parametrize("schedule", NOISE, ids=identities(NOISE))
@pytest.mark.parametrize("time", [1e-6, 0.3, 0.9])
def test_masked_exit_rate(schedule: noise.Noise, time: float) -> None:
    process, t = Masked(3, noise=schedule), f64(time)
    log_p = log_law(0.2, 0.5, 0.3).expand(2, 3)
    jump = process.rates(torch.tensor([3, 1]), t, log_p)
    hazard = jump.log_intensity.exp() * schedule.slope(t)
    # -alpha' / (1 - alpha) at a mask, nothing at a decided token
    torch.testing.assert_close(hazard, torch.cat((schedule.slope(t) / schedule.level(t), f64(0))), rtol=1e-12, atol=0)
    torch.testing.assert_close(jump.log_landing[0], log_p[0])


@pytest.mark.parametrize("schedule", NOISE, ids=identities(NOISE))
@pytest.mark.parametrize("time", [1e-6, 0.3, 0.9])
def test_uniform_rates_follow_the_formula(schedule: noise.Noise, time: float) -> None:
    vocab, t = 4, f64(time)
    p = f64(0.1, 0.2, 0.7, 0.0)
    alpha, slope = schedule.alpha(t), schedule.slope(t)
    k = alpha * vocab / schedule.level(t)
    for here in range(vocab):
        ratio = 1 + k * p - k / (1 + k) * p[here]
        expected = slope / alpha / vocab * ratio
        expected[here] = 0
        jump = Uniform(vocab, schedule).rates(torch.tensor([here]), t, p.log().unsqueeze(0))
        rates = (jump.log_intensity.unsqueeze(-1) + jump.log_landing).exp() * slope
        # The formula itself cancels: to this much of its terms.
        slack = 1e-15 * float(slope / alpha * (1 + k))
        torch.testing.assert_close(rates[0], expected, rtol=1e-12, atol=slack)
        torch.testing.assert_close(jump.log_landing.exp().sum(), f64(1)[0])


@pytest.mark.parametrize("time", [1e-9, 1e-6])
def test_uniform_rates_of_unlikely_tokens_near_data(time: float) -> None:
    # Where the formula cancels: everything is certain but one token in a million, s_y = k p_y + p_rest + p_x / (1 + k).
    vocab, rare = 3, 1e-12
    p = f64(1 - 2 * rare, rare, rare)
    k = (1 - time) * vocab / time
    jump = Uniform(vocab).rates(torch.tensor([0]), f64(time), p.log().unsqueeze(0))
    ratio = k * rare + 2 * rare + (1 - 2 * rare) / (1 + k)
    expected = math.log(2 * ratio / vocab / (1 - time))
    torch.testing.assert_close(jump.log_intensity, f64(expected), rtol=1e-12, atol=1e-12)


@every_process
@pytest.mark.parametrize("time", [0.05, 0.5, 0.95])
def test_rates_are_forward_rates_times_ratios_of_marginals(process: Process, time: float) -> None:
    """r(x -> x with y at i) = forward rate of (y -> x_i) * p_t(x with y at i) / p_t(x), with exact predictions."""
    law = law_on_data(process, 2, seed=3)
    space, kernel = Space.of(process, 2), process.kernel(time)
    marginal = kernel.T @ law @ kernel
    alpha, prior = float(process.noise.alpha(f64(time))), process.kernel(1.0)[0]
    log_p = Oracle(process, [law], law).log_probs(space.tokens, time, 0)
    checked = 0
    for state, i in zip(space.state.tolist(), space.position.tolist(), strict=True):
        x = space.tokens[state].tolist()
        jump = process.rates(torch.tensor([x[i]]), f64(time), log_p[state, i].unsqueeze(0))
        rates = (jump.log_intensity.unsqueeze(-1) + jump.log_landing).exp()[0]
        for y in range(process.vocab_size):
            if y == x[i]:
                assert rates[y] == 0
                continue
            there = [*x[:i], y, *x[i + 1 :]]
            # The forward process resamples a token at rate -alpha' / alpha: 1 / alpha per unit of noise level.
            expected = prior[x[i]] / alpha * marginal[tuple(there)] / marginal[tuple(x)]
            torch.testing.assert_close(rates[y], expected, rtol=1e-10, atol=1e-14)
            checked += 1
    assert checked > 20


@every_process
@pytest.mark.parametrize("time", [0.1, 0.6, 0.99])
def test_rates_are_the_limit_of_the_posterior(process: Process, time: float) -> None:
    log_p = process.log_probs(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)).double())
    tokens = torch.arange(4) if not process.prediction_free_rate else torch.full((4,), process.mask_id)
    rates = process.rates(tokens, f64(time), log_p)
    errors = []
    for width in (1e-3, 1e-4):
        step = process.posterior(tokens, f64(time), f64(time - width), log_p)
        pace = step.log_intensity.exp() / width  # alpha = 1 - t: width is that of the noise level, too
        law = (pace.log().unsqueeze(-1) + step.log_landing).exp()
        limit = (rates.log_intensity.unsqueeze(-1) + rates.log_landing).exp()
        errors.append(float((law - limit).abs().max() / limit.max()))
    assert errors[1] < 2e-2
    assert errors[1] < 0.2 * errors[0]  # first order in the width


@every_process
def test_decided_or_certain_tokens_do_not_leave(process: Process) -> None:
    certain = torch.full((1, 4), -torch.inf, dtype=torch.float64)
    certain[0, 2] = 0
    step = process.posterior(torch.tensor([2]), f64(0.5), f64(0.0), certain)
    assert step.log_intensity.tolist() == [-torch.inf]


@every_process
def test_movable_tokens_leave_for_where_the_data_is(process: Process) -> None:
    certain = torch.full((1, 4), -torch.inf, dtype=torch.float64)
    certain[0, 2] = 0
    here = torch.tensor([process.mask_id if process.prediction_free_rate else 3])
    step = process.posterior(here, f64(0.5), f64(0.0), certain)
    assert step.log_intensity.tolist() == [torch.inf]
    assert step.log_landing.exp().tolist() == [[0, 0, 1, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_process
def test_arithmetic_is_done_in_the_dtype_of_the_laws(process: Process, dtype: torch.dtype) -> None:
    log_p = process.log_probs(torch.zeros(1, 4, dtype=dtype))
    tokens = torch.tensor([getattr(process, "mask_id", 0)])
    for jump in (process.rates(tokens, f64(0.5), log_p), process.posterior(tokens, f64(0.5), f64(0.25), log_p)):
        assert jump.log_intensity.dtype == dtype
        assert jump.log_landing.dtype == dtype


@every_process
def test_laws_are_normalised_and_staying_is_no_jump(process: Process) -> None:
    log_p = process.log_probs(torch.randn(6, 4, generator=torch.Generator().manual_seed(2)).double())
    tokens = torch.tensor([0, 1, 2, 3, 0, 1]) if not process.prediction_free_rate else torch.full((6,), process.mask_id)
    for jump in (process.rates(tokens, f64(0.7), log_p), process.posterior(tokens, f64(0.7), f64(0.2), log_p)):
        torch.testing.assert_close(jump.log_landing.exp().sum(-1), torch.ones(6, dtype=torch.float64))
        stays = tokens < process.vocab_size
        assert (jump.log_landing[stays].gather(-1, tokens[stays].unsqueeze(-1)) == -torch.inf).all()
