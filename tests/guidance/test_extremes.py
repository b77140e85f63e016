"""Properties that hold for every weight and every logits, forbidden tokens and huge values included."""

from __future__ import annotations

import math

import pytest
import torch
from helpers import f64
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from dguide import Ancestral, Euler, Masked, Normalized, Simple, TauLeaping, Uniform, Unlocking
from dguide.guidance import tilt
from dguide.process import Process
from dguide.samplers import GridSampler

VALUES = st.one_of(st.floats(-100, 100), st.sampled_from([-math.inf, 0.0, 1e30, -1e30, 1e-30]))
WEIGHTS = st.one_of(st.floats(-1, 20), st.sampled_from([-1.0, 0.0, 20.0]))
TIMES = st.sampled_from([(1.0, 0.5), (1.0, 0.0), (0.6, 0.3), (0.5, 0.0), (0.999, 0.9), (1e-6, 0.0), (0.5, 0.4999)])


@st.composite
def logits(draw: st.DrawFn, vocab: int, free: int) -> list[float]:
    """One row with at least one finite value, in the column `free` if nowhere else."""
    row = draw(st.lists(VALUES, min_size=vocab, max_size=vocab))
    return row if any(math.isfinite(x) for x in row) else [0.0 if i == free else x for i, x in enumerate(row)]


@st.composite
def steps(draw: st.DrawFn) -> tuple[Process, Tensor, Tensor, Tensor, Tensor, tuple[float, float]]:
    """A process, a token that can move, the logits of both models, a weight and a step."""
    vocab = draw(st.integers(2, 6))
    mask = draw(st.integers(0, vocab))
    kind = draw(st.sampled_from([Masked(vocab), Uniform(vocab), Masked(vocab, mask_id=mask)]))
    free = 1 if getattr(kind, "mask_id", vocab) == 0 else 0
    rows = f64(*draw(logits(vocab, free))), f64(*draw(logits(vocab, free)))
    if kind.prediction_free_rate and kind.mask_id < vocab:
        for row in rows:
            row[free] = row[free].clamp(-1e30, 1e30)  # a law needs a token besides the mask
        token = kind.mask_id
    else:
        token = kind.mask_id if kind.prediction_free_rate else draw(st.integers(0, vocab - 1))
    return kind, torch.tensor([token]), rows[0], rows[1], f64(draw(WEIGHTS)), draw(TIMES)


@pytest.mark.parametrize("mechanism", [Normalized, Unlocking, Simple])
@pytest.mark.parametrize("sampler", [Ancestral(), Euler(), TauLeaping()], ids=str)
@given(problem=steps())
def test_a_step_is_a_law(mechanism: type, sampler: GridSampler, problem: tuple) -> None:
    process, token, cond_logits, ref_logits, weight, (time, earlier) = problem
    if sampler.start(process) < 1:
        time = min(time, sampler.start(process))
    cond, ref = (process.log_probs(row).unsqueeze(0) for row in (cond_logits, ref_logits))
    law = sampler.transition(process, mechanism(0.0), token, f64(time), f64(earlier), cond, ref, weight)
    stay = law.log_stay.exp()
    assert not law.log_stay.isnan().any()
    assert not law.log_landing.isnan().any()
    assert 0 <= float(stay) <= 1 + 1e-12
    if float(stay) < 1:
        torch.testing.assert_close(law.log_landing.exp().sum(-1), f64(1), rtol=1e-9, atol=0)


@pytest.mark.parametrize("mechanism", [Normalized, Unlocking, Simple])
@given(problem=steps())
def test_forbidden_tokens_stay_forbidden(mechanism: type, problem: tuple) -> None:
    process, token, cond_logits, ref_logits, weight, (time, _) = problem
    cond, ref = (process.log_probs(row).unsqueeze(0) for row in (cond_logits, ref_logits))
    # At the end of time every token is one of those that the conditional allows, or at w = -1 the reference.
    law = Ancestral().transition(process, mechanism(0.0), token, f64(time), f64(0.0), cond, ref, weight)
    forbidden = (ref if float(weight) == -1 else cond)[0] == -math.inf
    stay = float(law.log_stay.exp())
    if stay < 1:
        assert (law.log_landing[0, forbidden] == -math.inf).all()
    if int(token) < process.vocab_size and forbidden[int(token)]:
        assert stay == 0


@given(problem=steps())
def test_a_token_that_only_the_reference_forbids_is_not_tilted(problem: tuple) -> None:
    process, _, cond_logits, ref_logits, weight, _ = problem
    cond, ref = process.log_probs(cond_logits), process.log_probs(ref_logits)
    tilted = tilt(cond, ref, weight)
    assert not tilted.isnan().any()
    if float(weight) != -1:
        only_ref = (ref == -math.inf) & (cond > -math.inf)
        assert torch.equal(tilted[only_ref], cond[only_ref])
        assert (tilted[cond == -math.inf] == -math.inf).all()


@given(problem=steps())
@example(problem=(Masked(3), torch.tensor([3]), f64(0, 1, 0), f64(0, 0, -1e30), f64(1), (1.0, 0.5)))
def test_guidance_prefers_what_the_conditional_prefers(problem: tuple) -> None:
    # For w >= 0 the odds of a against b grow with the advantage that the condition gives a over b.
    process, token, cond_logits, ref_logits, weight, _ = problem
    if not process.prediction_free_rate or float(weight) < 0:
        return
    cond, ref = process.log_probs(cond_logits), process.log_probs(ref_logits)
    law = (
        Ancestral()
        .transition(process, Normalized(0.0), token, f64(0.8), f64(0.4), cond.unsqueeze(0), ref.unsqueeze(0), weight)
        .log_landing[0]
    )
    # Logarithms beyond 1e20 swallow differences of order one: a token that the reference all but forbids does that.
    seen = ((cond > -1e20) & (ref > -1e20) & (law > -1e20)).nonzero().squeeze(-1)
    for a in seen.tolist():
        for b in seen.tolist():
            if cond[a] - ref[a] > cond[b] - ref[b] + 1e-9:
                assert law[a] - law[b] >= cond[a] - cond[b] - 1e-6
