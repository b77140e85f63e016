"""The judge itself: each classic mistake is made on purpose, and the G-test against the oracle must reject it.

A test that cannot fail proves nothing. The exact law is computed first, by the code as it is; then one mistake is
patched in and samples are drawn.
"""

from __future__ import annotations

import pytest
import torch
from judge import COND, UNCOND, draw, g_test

import dguide
from dguide import exact
from dguide.categorical import tilt, vectorised
from dguide.guidance import Guidance, base
from dguide.process import Process
from dguide.samplers import Run

REJECTED = 1e-12
COUNT = 20_000


def z_left_in(patch):
    patch.setattr(dguide.Normalized, "log_intensity", lambda self, tilted, log_z: tilted + log_z)
    patch.setattr(dguide.Normalized, "keeps_pace", False)


def z_left_out(patch):
    patch.setattr(dguide.Unlocking, "log_intensity", lambda self, tilted, log_z: tilted)


def sign_of_w(patch):
    for module in (base, vectorised):
        patch.setattr(module, "tilt", lambda cond, ref, weight: tilt(cond, ref, -weight))


def scale_for_weight(patch):
    """guidance_scale taken for w: one too little."""
    for module in (base, vectorised):
        patch.setattr(module, "tilt", lambda cond, ref, weight: tilt(cond, ref, weight - 1))


def schedule_reversed(patch):
    at, over = Guidance.weight_at, Guidance.weight_over
    patch.setattr(Guidance, "weight_at", lambda self, level, sample: at(self, 1 - level, sample))
    patch.setattr(Guidance, "weight_over", lambda self, low, high, sample: over(self, 1 - high, 1 - low, sample))


def denoiser_sees_reversed_time(patch):
    predict = Run.predict
    patch.setattr(Run, "predict", lambda self, x, time, query: predict(self, x, 1 - time, query))


def weight_at_the_start_of_the_step(patch):
    over = Guidance.weight_over
    patch.setattr(Guidance, "weight_over", lambda self, low, high, sample: over(self, high, high, sample))


def weight_at_the_end_of_the_step(patch):
    over = Guidance.weight_over
    patch.setattr(Guidance, "weight_over", lambda self, low, high, sample: over(self, low, low, sample))


def one_weight_for_all_jumps_of_a_step(patch):
    patch.setattr(Run, "known_jump_times", False)


RAMP = dguide.RampUp(6.0)
CASES = [
    (z_left_in, dguide.Masked, dguide.Normalized(3.0), dguide.Ancestral(3)),
    (z_left_in, dguide.Masked, dguide.Normalized(3.0), dguide.FirstHitting()),
    (z_left_in, dguide.Uniform, dguide.Normalized(3.0), dguide.Ancestral(3)),
    (z_left_out, dguide.Masked, dguide.Unlocking(3.0), dguide.Ancestral(3)),
    (z_left_out, dguide.Masked, dguide.Unlocking(3.0), dguide.FirstHitting()),
    (z_left_out, dguide.Uniform, dguide.Unlocking(3.0), dguide.Euler(3)),
    (sign_of_w, dguide.Masked, dguide.Normalized(0.5), dguide.FirstHitting()),
    (sign_of_w, dguide.Uniform, dguide.Unlocking(0.5), dguide.Ancestral(3)),
    (scale_for_weight, dguide.Masked, dguide.Normalized(1.0), dguide.FirstHitting()),
    (schedule_reversed, dguide.Masked, dguide.Normalized(RAMP), dguide.FirstHitting()),
    (schedule_reversed, dguide.Masked, dguide.Unlocking(RAMP), dguide.FirstHitting()),
    (schedule_reversed, dguide.Uniform, dguide.Normalized(RAMP), dguide.Ancestral(3)),
    (denoiser_sees_reversed_time, dguide.Uniform, dguide.Normalized(1.0), dguide.Ancestral(3)),
    (weight_at_the_start_of_the_step, dguide.Masked, dguide.Unlocking(RAMP), dguide.Ancestral(3)),
    (weight_at_the_end_of_the_step, dguide.Masked, dguide.Unlocking(RAMP), dguide.Ancestral(3)),
    (weight_at_the_end_of_the_step, dguide.Uniform, dguide.Normalized(RAMP), dguide.Euler(3)),
    (one_weight_for_all_jumps_of_a_step, dguide.Masked, dguide.Normalized(RAMP), dguide.Ancestral(1)),
]


@pytest.mark.parametrize(
    ("mistake", "process", "guidance", "sampler"),
    CASES,
    ids=[f"{m.__name__}-{p.__name__}-{type(s).__name__}-{type(g).__name__}" for m, p, g, s in CASES],
)
def test_a_mistake_is_caught(mistake, process, guidance, sampler, monkeypatch):
    process: Process = process(3)
    if isinstance(sampler, dguide.FirstHitting):
        expected = exact.solve(exact.Problem(process, COND, UNCOND), guidance, tolerance=1e-6).final
    else:
        expected = exact.chain(exact.Problem(process, COND, UNCOND), guidance, sampler)
    assert g_test(draw(process, guidance, sampler, count=COUNT), expected) > 1e-3
    mistake(monkeypatch)
    assert g_test(draw(process, guidance, sampler, count=COUNT), expected) < REJECTED


def test_the_mask_drawn_as_data_is_caught(monkeypatch):
    """The mask is a column that the network gives weight to; forgetting to remove it returns masks as data."""
    process, guidance = dguide.Masked(vocab_size=4, mask_id=3), dguide.Normalized(1.0)
    logits = torch.tensor([0.0, 1.0, 0.5, 1.0])

    def denoiser(tokens, time, condition):
        return logits.expand(*tokens.shape, 4)

    def masks() -> int:
        sampled = dguide.sample(
            denoiser,
            process=process,
            length=2,
            condition=torch.zeros(500, dtype=torch.int64),
            reference=torch.zeros(500, dtype=torch.int64),
            guidance=guidance,
            sampler=dguide.Ancestral(steps=2),
        )
        return int((sampled.tokens == 3).sum())

    assert masks() == 0
    monkeypatch.setattr(dguide.Masked, "excluded", ())
    with pytest.raises(dguide.InputError, match=r"got \d{3,} positions that are masked at the end"):
        masks()
