"""The exact posterior of a step against Bayes' rule in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
import torch
from helpers import f64

from dguide import Masked, Uniform
from dguide.noise import Cosine
from dguide.process import Process

LAWS = {
    "mixed": (0.5, 0.125, 0.25, 0.125),
    "with zeros": (0.0, 0.75, 0.0, 0.25),
    "certain": (0.0, 0.0, 1.0, 0.0),
    "nearly certain": (2.0**-40, 1 - 2.0**-39, 2.0**-40, 0.0),
}
INSIDE = [(0.7, 0.3), (0.5, 0.0), (0.9, 0.1), (0.7, 0.7 - 1e-10)]
NEAR_DATA = [(1e-6, 1e-9), (1e-6, 5e-7), (1e-6, 0.0), (1e-9, 0.0), (0.5, 1e-9)]
NEAR_NOISE = [(1.0, 0.5), (1.0, 0.0), (1.0, 1 - 1e-6), (1 - 1e-6, 0.2), (1 - 1e-9, 1 - 1e-6), (1 - 1e-9, 0.0)]


def brute_force(process: Process, here: int, time: float, earlier: float, p: tuple[float, ...]) -> list[Fraction]:
    """P(x_s = y | x_t = here) for every y, with alpha = 1 - t, by Bayes' rule for every x_0."""
    vocab, size = process.vocab_size, process.input_size
    prior = [Fraction(float(x)).limit_denominator(1000) for x in process.kernel(1.0)[0]]

    def step(kept: Fraction, origin: int, to: int) -> Fraction:
        return kept * (origin == to) + (1 - kept) * prior[to]

    alpha_t, alpha_s = 1 - Fraction(time), 1 - Fraction(earlier)
    total = [Fraction(0)] * size
    for x0 in range(vocab):
        if p[x0]:
            evidence = step(alpha_t, x0, here)
            for y in range(size):
                total[y] += Fraction(p[x0]) * step(alpha_t / alpha_s, y, here) * step(alpha_s, x0, y) / evidence
    assert sum(total) == sum(Fraction(x) for x in p)
    return total


def log(x: Fraction) -> float:
    return float(mpmath.log(mpmath.mpf(x.numerator) / x.denominator)) if x else -torch.inf


def hazard(stay: Fraction) -> float:
    """log(-log P(stay))."""
    if stay == 0:
        return torch.inf
    return float(mpmath.log(-mpmath.log(mpmath.mpf(stay.numerator) / stay.denominator))) if stay < 1 else -torch.inf


def assert_matches(process: Process, here: int, time: float, earlier: float, p: tuple[float, ...], rtol: float) -> None:
    exact = brute_force(process, here, time, earlier, p)
    jump = process.posterior(torch.tensor([here]), f64(time), f64(earlier), f64(*p).log().unsqueeze(0))
    with mpmath.workdps(60):
        leave = 1 - exact[here]
        intensity = hazard(exact[here])
        landing = [log(exact[y] / leave) if y != here and leave else -torch.inf for y in range(process.vocab_size)]
    # Logarithms: an absolute error is a relative one of the probabilities.
    torch.testing.assert_close(jump.log_intensity, f64(intensity), rtol=0, atol=rtol)
    if leave:
        torch.testing.assert_close(jump.log_landing[0], f64(*landing), rtol=0, atol=rtol)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("times", INSIDE + NEAR_DATA + NEAR_NOISE, ids=str)
def test_uniform_posterior(times: tuple[float, float], name: str) -> None:
    for here in range(4):
        assert_matches(Uniform(4), here, *times, LAWS[name], rtol=1e-9)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("times", INSIDE + NEAR_DATA + NEAR_NOISE, ids=str)
def test_masked_posterior(times: tuple[float, float], name: str) -> None:
    assert_matches(Masked(4), 4, *times, LAWS[name], rtol=1e-9)


def test_masked_posterior_with_the_mask_among_the_columns() -> None:
    # Column 2 is the mask and has no probability.
    assert_matches(Masked(4, mask_id=2), 2, 0.7, 0.3, (0.5, 0.25, 0.0, 0.25), rtol=1e-12)


def test_decided_tokens_stay() -> None:
    log_p = f64(*LAWS["mixed"]).log().expand(5, 4)
    jump = Masked(4).posterior(torch.arange(5), f64(0.7), f64(0.0), log_p)
    assert jump.log_intensity.tolist()[:4] == [-torch.inf] * 4


def test_two_steps_make_one_when_the_prediction_is_certain() -> None:
    # With x_0 known, the posteriors of steps compose to that of the whole.
    vocab, certain = 3, f64(0, 1, 0).log()
    process = Uniform(vocab)

    def matrix(time: float, earlier: float) -> torch.Tensor:
        jump = process.posterior(torch.arange(vocab), f64(time), f64(earlier), certain.expand(vocab, vocab))
        stay = torch.exp(-torch.exp(jump.log_intensity))
        leaves = torch.where(stay < 1, 1 - stay, 0.0).unsqueeze(-1)
        landing = torch.where(leaves > 0, jump.log_landing.exp(), 0.0)
        return torch.diag(stay) + leaves * landing

    torch.testing.assert_close(matrix(0.9, 0.5) @ matrix(0.5, 0.2), matrix(0.9, 0.2), rtol=1e-12, atol=0)


def test_a_step_between_two_levels_of_almost_pure_noise() -> None:
    # alpha is 0 and 1e-20: wherever the token comes from, it stays with probability 1 / V.
    log_p = f64(*LAWS["mixed"]).log().unsqueeze(0)
    jump = Uniform(4, Cosine()).posterior(torch.tensor([0]), f64(1.0), f64(1 - 1e-10), log_p)
    torch.testing.assert_close(jump.log_intensity.exp(), f64(4).log())
