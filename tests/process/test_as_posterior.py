"""The leave-one-out law as the posterior, against exact arithmetic: extreme logits, and both ends of time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mpmath
import pytest
import torch
from helpers import f64

from dguide import Masked, Uniform, noise
from dguide.process import Process

LOO = Uniform(4, prediction="leave-one-out")
LAWS = {
    "mixed": (0.5, -1.0, 2.0, 0.0),
    "far apart": (0.0, -600.0, -80.0, -0.5),
    "forbidden tokens": (0.0, -math.inf, -3.0, -math.inf),
    "one token": (-math.inf, -math.inf, 0.0, -math.inf),
    "large": (1e30, 1e30, -1e30, 0.0),
    "all large": (1e30, 1e30, 1e30, 1e30),
}
TIMES = [1.0, 1 - 1e-12, 1 - 1e-6, 0.9, 0.5, 0.01, 1e-6, 1e-12, 1e-300, 0.0]


def reference(logits: tuple[float, ...], here: int, time: float) -> list[float]:
    """log of l(z) (1 + k 1[z = here]), normalised, with 60 digits and alpha = 1 - t; at t = 0 the limit."""
    with mpmath.workdps(60):
        largest = max(logits)
        law = [mpmath.exp(mpmath.mpf(x) - largest) if x > -math.inf else mpmath.mpf(0) for x in logits]
        if time == 0:
            law = [law[z] * (z == here) for z in range(4)] if law[here] else law
        else:
            k = (1 - mpmath.mpf(time)) * 4 / mpmath.mpf(time)
            law = [law[z] * (1 + k * (z == here)) for z in range(4)]
        total = sum(law)
        return [float(mpmath.log(x / total)) if x else -math.inf for x in law]


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-13), (torch.float32, 3e-6)], ids=["double", "float"])
def test_conversion_is_exact_at_extreme_logits_and_both_ends_of_time(name, dtype, close) -> None:
    logits = torch.tensor(LAWS[name], dtype=dtype).expand(4, 4)
    here = torch.arange(4)
    for time in TIMES:
        found = LOO.log_posterior(logits, here, f64(time))
        assert found.dtype == dtype
        expected = f64(*(x for z in range(4) for x in reference(LAWS[name], z, time))).view(4, 4).to(dtype)
        torch.testing.assert_close(found, expected, rtol=close, atol=close)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_first(dtype) -> None:
    logits, here = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)).to(dtype), torch.arange(4)
    found = LOO.log_posterior(logits, here, f64(0.3))
    assert torch.equal(found, LOO.log_posterior(logits.float(), here, f64(0.3)))


def test_one_time_a_sequence_or_a_position() -> None:
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).double()
    tokens, times = torch.tensor([[0, 3, 1], [2, 2, 0]]), f64(0.2, 0.9)
    whole = LOO.log_posterior(logits, tokens, times)
    flat = LOO.log_posterior(logits.flatten(0, 1), tokens.flatten(), times.repeat_interleave(3))
    torch.testing.assert_close(whole.flatten(0, 1), flat, rtol=0, atol=0)
    assert not torch.allclose(whole[0], LOO.log_posterior(logits, tokens, times.flip(0))[0])


def test_large_vocabularies() -> None:
    process = Uniform(262_144, prediction="leave-one-out")
    found = process.log_posterior(torch.zeros(1, 262_144), torch.tensor([7]), f64(0.5))
    assert float(found[0, 7].exp()) == pytest.approx(262_145 / (2 * 262_144), rel=1e-5)  # (1 + V) / (2 V)
    assert float(found.double().exp().sum()) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("schedule", [noise.Linear(), noise.Cosine(), noise.Geometric(1e-3, 8.0)], ids=str)
def test_the_posterior_is_the_prediction_of_pure_noise_carried_to_its_time(schedule) -> None:
    """At t = 1 the token at a position says nothing, and both laws are one."""
    process = Uniform(4, schedule, "leave-one-out")
    law = torch.log_softmax(torch.randn(5, 4, generator=torch.Generator().manual_seed(3)).double(), -1)
    here, one = torch.tensor([0, 1, 2, 3, 0]), f64(1.0)[0]
    torch.testing.assert_close(process.as_posterior(law, here, one), law, rtol=0, atol=1e-15)
    for time in (f64(0.9)[0], f64(0.1)[0], f64(0.0)[0]):
        carried = process.propagated(here, one, time, law)
        torch.testing.assert_close(process.as_posterior(law, here, time), carried, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_at_both_ends(dtype) -> None:
    logits = torch.tensor([[9.0, -700.0, 0.0, -math.inf]] * 4, dtype=dtype, requires_grad=True)
    here, clean = torch.arange(4), torch.zeros(4, dtype=torch.int64)
    for time in (1.0, 0.5, 1e-12, 0.0):
        likely = LOO.log_posterior(logits, here, f64(time))[:, 0]
        (gradient,) = torch.autograd.grad(likely[likely > -math.inf].sum(), logits)
        assert bool(gradient.isfinite().all())
    for time in (1 - 1e-12, 0.5, 1e-12):
        bound = LOO.elbo(LOO.log_posterior(logits, here, f64(time)), clean, here, f64(time))
        (gradient,) = torch.autograd.grad(bound[:3].sum(), logits)
        assert bool(gradient.isfinite().all())


def test_the_posterior_is_read_as_it_is() -> None:
    log_p = torch.randn(3, 4)
    for process in (Uniform(4), Masked(4)):
        assert process.as_posterior(log_p, torch.tensor([0, 1, 2]), f64(0.5)) is log_p


@pytest.mark.parametrize("wrong", ["loo", "Posterior", None, 1])
def test_other_predictions_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"Uniform prediction: got .*, expected 'posterior' or 'leave-one-out'"):
        Uniform(4, prediction=wrong)


@pytest.mark.parametrize("base", [Masked, Uniform])
def test_a_conversion_that_samplers_would_not_call_is_refused(base: type[Process]) -> None:
    @dataclass(frozen=True)
    class Converted(base):
        def as_posterior(self, log_q, tokens, time):
            return log_q.flip(-1)

    with pytest.raises(ValueError, match=r"Converted\.as_posterior: got another law"):
        Converted(4).verify()
    for process in (base(4), LOO):
        process.verify()
