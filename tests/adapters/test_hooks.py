"""Hooks: the guided law inside loops of others is that of dguide, and no guidance changes nothing."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from families import Language
from torch.nn.functional import pad

import dguide
from dguide.adapters import hooks
from dguide.adapters.hooks.levels import of_masks, of_step
from dguide.categorical import LogitRows, guided_draw

WORDS, MASK = 12, 11
PROMPTS = [[3, 1, 4], [5, 9]]
RAMP = "ramp-up:3.0"


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("forbidden", [(), (3,)])
def test_guided_logits_are_the_law_that_dguide_draws_from(forbidden):
    cond, ref = logits(6, 9), logits(6, 9, seed=1)
    cond[2, 0] = ref[3, 1] = ref[4, :8] = -math.inf  # forbidden by one of the two
    weight = torch.tensor([0.5, 2.0, 3.0, 4.0, 1.0, -1.0], dtype=torch.float64)
    rows, columns = torch.arange(6), torch.tensor(forbidden, dtype=torch.int64)
    both = [LogitRows(each, rows) for each in (cond, ref)]
    drawn = guided_draw(*both, weight, torch.full((6,), 0.4, dtype=torch.float64), forbidden=columns, spread=True)
    found = torch.log_softmax(hooks.guided_logits(cond, ref, weight, forbidden=forbidden), -1)
    assert found[rows, drawn.token] == pytest.approx(drawn.log_tilted, abs=2e-6)
    assert found.amax(-1) == pytest.approx(drawn.log_max, abs=2e-6)


def test_without_weight_logits_stay_bit_for_bit():
    cond, ref = logits(2, 3, 5).bfloat16(), logits(2, 3, 5, seed=1).bfloat16()
    assert hooks.guided_logits(cond, ref, 0.0) is cond
    mixed = hooks.guided_logits(cond, ref, torch.tensor([0.0, 1.0]))
    assert mixed.dtype == torch.float32  # a tilt in half precision would round
    assert mixed[0].equal(cond[0].float())
    assert not mixed[1].equal(cond[1].float())


@pytest.mark.parametrize("noise", [dguide.noise.Linear(), dguide.noise.Cosine()])
def test_all_steps_together_have_the_mean_of_the_schedule(noise):
    guidance = dguide.Normalized(dguide.RampUp(2.0, right=0.3))
    levels = [of_step(index, 5, noise) for index in range(5)]
    shares = torch.stack([each.high - each.low for each in levels])
    weights = torch.cat([each.weight(guidance, 1) for each in levels])
    assert float(levels[0].low) == pytest.approx(float(noise.level(torch.tensor(0.8, dtype=torch.float64))))
    assert float((shares * weights).sum()) == pytest.approx(guidance.weight.mean())
    if noise == dguide.noise.Linear():  # a loop that unmasks equally many each step has the same levels
        counted = [of_masks(torch.tensor([10 - 2 * k]), torch.tensor([10]), 5).weight(guidance, 1) for k in range(5)]
        assert torch.cat(counted).allclose(weights)


class Cached(Language):
    def forward(self, ids, past_key_values=None, **told):
        return super().forward(ids, **told)


class Loop:
    """Greedy loops as Dream (shifted, padded on the left) and LLaDA (aligned) publish them; one token a step."""

    def __init__(self, shifted: bool) -> None:
        self.model, self.shifted = Language(WORDS).eval(), shifted
        self.denoiser = dguide.adapt(self.model, "dream" if shifted else "llada", vocab_size=WORDS, mask_id=MASK)

    @torch.no_grad()
    def __call__(self, prompts, length, hook=None):
        batch = hooks.paired_prompts(prompts, prompts, pad_id=0)
        ids, real = (each[: len(prompts)] for each in batch.values())
        x = pad(ids, (0, length), value=MASK)
        told = {}
        if not bool(real.all()):
            real = pad(real, (0, length), value=1)
            told = {"position_ids": (real.cumsum(-1) - 1).masked_fill(real == 0, 1)}
            told["attention_mask"] = (real[:, None, None] & real[:, None, :, None]).bool() | torch.eye(len(x[0])).bool()
        for step in range(length):
            found = self.model(x, **told).logits
            if self.shifted:
                found = torch.cat((found[:, :1], found[:, :-1]), 1)
            if hook is not None:
                found = hook(step, x, found)
            found[..., MASK] = -math.inf
            sure, token = found.softmax(-1).max(-1)
            place = sure.masked_fill(x != MASK, -1).argmax(-1, keepdim=True)
            x = x.scatter(1, place, token.gather(1, place))
        return x[:, -length:]

    def sampled(self, prompts, length, guidance, **more):
        """The same by dguide."""
        rest = {"sampler": dguide.LowConfidence(steps=length), "decoding": dguide.Decoding(temperature=0), **more}
        rest |= {"process": self.denoiser.process, "condition": prompts, "guidance": guidance}
        return dguide.sample(self.denoiser, length=length, **rest).tokens


def test_a_loop_of_dream_with_the_hook_writes_what_dguide_writes():
    loop = Loop(shifted=True)
    batch = hooks.paired_prompts(PROMPTS, PROMPTS, pad_id=0)
    rest = {"prompt_length": 3, "attention_mask": batch["attention_mask"][:2], "steps": 5}
    guidance, rows = dguide.Normalized(dguide.RampUp(3.0)), loop.denoiser.prompts(PROMPTS, width=4)
    plain = loop(PROMPTS, 5)
    assert plain.equal(loop(PROMPTS, 5, hooks.SecondCall(loop.denoiser, 0.0, **rest)))
    guided = loop(PROMPTS, 5, hooks.SecondCall(loop.denoiser, guidance, **rest))
    assert guided.equal(loop.sampled(rows, 5, guidance))
    assert not guided.equal(plain)
    negative = loop.denoiser.prompts([[8, 10, 6, 8]] * 2, width=4)
    told = hooks.SecondCall(loop.denoiser, guidance, reference=loop.denoiser.prompts([[8, 10, 6, 8]]), **rest)
    against = loop(PROMPTS, 5, told)
    assert against.equal(loop.sampled(rows, 5, guidance, reference=negative))
    assert not against.equal(guided)


def test_a_loop_without_a_hook_is_guided_through_its_model():
    loop, prompts = Loop(shifted=False), [[3, 1, 4], [5, 9, 2]]
    hook = hooks.SecondCall(loop.denoiser, RAMP, prompt_length=3, steps=5)
    plain = loop(prompts, 5)
    with hook.on(loop.model):
        guided = loop(prompts, 5)
    assert guided.equal(loop.sampled(loop.denoiser.prompts(prompts), 5, dguide.Normalized(dguide.RampUp(3.0))))
    assert not guided.equal(plain)
    assert plain.equal(loop(prompts, 5))  # it is gone afterwards


def test_only_masks_of_the_answer_are_guided():
    loop = Loop(shifted=False)
    tokens = torch.tensor([[3, MASK, 4, 7, MASK, 2]])
    found = loop.model(tokens).logits.detach()
    guided = hooks.SecondCall(loop.denoiser, 2.0, prompt_length=3).guided(tokens, found)
    assert (guided != found).any(-1).tolist() == [[False, False, False, False, True, False]]
    assert guided[0, 4, MASK] == -math.inf


@pytest.mark.parametrize("guidance", [dguide.Unlocking(1.0), dguide.Simple(1.0)])
def test_mechanisms_that_set_the_pace_are_refused(guidance):
    with pytest.raises(dguide.InputError, match=f"got {type(guidance).__name__}, expected Normalized"):
        hooks.SecondCall(Loop(shifted=False).denoiser, guidance, prompt_length=2)


def test_what_does_not_fit_is_told_at_once():
    loop = Loop(shifted=True)
    with pytest.raises(dguide.InputError, match=r"prompt_length.*\n.*steps.*\n.*attention_mask"):
        hooks.SecondCall(loop.denoiser, 1.0, prompt_length=0, steps=-1, attention_mask=torch.ones(1, 3))
    with pytest.raises(dguide.InputError, match="one without a mask, prompts"):
        hooks.SecondCall(dguide.adapt(loop.model, "duo", vocab_size=WORDS), 1.0, prompt_length=2)
    hook = hooks.SecondCall(loop.denoiser, 1.0, prompt_length=2)
    with pytest.raises(dguide.InputError, match="output i predicts token i \\+ 1"), hook.on(loop.model):
        pass
    with pytest.raises(dguide.InputError, match="with the whole sequence"):
        hook(0, torch.full((1, 2), MASK), logits(1, 2, WORDS))
    model = Cached(WORDS).eval()
    aligned = hooks.SecondCall(dguide.adapt(model, "llada", vocab_size=WORDS, mask_id=MASK), 1.0, prompt_length=2)
    with aligned.on(model), pytest.raises(dguide.InputError, match="a cache in past_key_values"):
        model(torch.full((1, 4), MASK), past_key_values=[])
    with pytest.raises(dguide.InputError, match="a number, or one for each of 2 rows"):
        hooks.guided_logits(logits(2, 5), logits(2, 5), torch.ones(3))
    with pytest.raises(dguide.InputError, match=r"weight: got RampUp.*schedule\.average\(low, high\)"):
        hooks.guided_logits(logits(2, 5), logits(2, 5), dguide.RampUp(1.0))
    with aligned.on(model), pytest.raises(dguide.InputError, match="tokens, first or as input_ids"):
        model(ids=torch.full((1, 4), MASK))
    with pytest.raises(dguide.InputError, match=r"got list, expected prompts, as the method prompts\(\)"):
        hooks.SecondCall(loop.denoiser, 1.0, prompt_length=2, reference=[[3, 4]])
    three = hooks.SecondCall(loop.denoiser, 1.0, prompt_length=2, reference=loop.denoiser.prompts([[1], [2], [3]]))
    with pytest.raises(dguide.InputError, match="3 rows, expected one for each of 2 sequences"):
        three.guided(torch.full((2, 4), MASK), logits(2, 4, WORDS))
    with pytest.raises(dguide.InputError, match="2 for 3 prompts"):
        hooks.paired_prompts([[1], [2], [3]], [[1], [2]], pad_id=0)


def test_a_model_with_columns_without_a_token_is_guided_and_never_draws_them():
    model, tokens = Language(WORDS + 3).eval(), torch.tensor([[3, 4, MASK, 5]])
    llada = dguide.adapters.CONVENTIONS.call("llada").having(vocab_size=WORDS, mask_id=MASK)()
    denoiser = dguide.adapt(model, dataclasses.replace(llada, columns=WORDS + 3))
    plain, null = (model(ids).logits for ids in (tokens, torch.tensor([[MASK, MASK, MASK, 5]])))
    guided = hooks.SecondCall(denoiser, 2.0, prompt_length=2).guided(tokens, plain)
    wanted = hooks.guided_logits(plain[:, 2, :WORDS], null[:, 2, :WORDS], 2.0, forbidden=[MASK])
    assert guided[:, 2].softmax(-1).allclose(pad(wanted.softmax(-1), (0, 3)))
    assert guided[:, [0, 1, 3]].equal(plain[:, [0, 1, 3]])


LLADA = Loop(shifted=False).denoiser
SDAR = dguide.adapt(lambda ids, **told: ids, "sdar", vocab_size=WORDS, mask_id=MASK)
HOOK, TWO = hooks.SecondCall(LLADA, 1.0, prompt_length=1), torch.zeros(1, 2)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: hooks.SecondCall(LLADA, 1.0, prompt_length=2, attention_mask=[[1, 1]]), "attention_mask: got list"),
        (lambda: hooks.SecondCall(LLADA, 1.0, prompt_length=2, reference=[[1]]), "reference of a hook: got list"),
        (lambda: hooks.SecondCall(SDAR, 1.0, prompt_length=2), "one without attention in both directions"),
        (lambda: hooks.guided_logits(TWO, TWO, RAMP), "weight: got 'ramp-up:3.0', .*schedule.average"),
        (lambda: hooks.guided_logits(TWO, [1.0], 1.0), "logits of the reference: got list"),
        (lambda: hooks.guided_logits(TWO.long(), TWO, 1.0), "conditional logits: got torch.int64"),
        (lambda: hooks.paired_prompts([["a"]], 3, 0), "(?s)prompts: got for sample 0.*references: got 3"),
        (lambda: hooks.paired_prompts([[1]], [[2]], None), "pad_id: got None"),
        (lambda: HOOK.guided([[1, 2]], TWO), "tokens of the loop: got list"),
        (
            lambda: HOOK.guided(TWO.long(), TWO),
            r"logits of the loop: got shape \[1, 2\], expected",
        ),
        (lambda: HOOK.on(3).__enter__(), "model: got int, expected the model that the loop calls"),
        (lambda: hooks.PairedCanvas(1.0, 2).on(len).__enter__(), "model: got builtin_function_or_method"),
    ],
)
def test_what_no_hook_can_use_is_refused(made, said):
    with pytest.raises(dguide.InputError, match=said):
        made()


def test_the_reference_is_told_the_time_of_the_step():
    told = []

    def model(ids, time):
        told.append(time)
        return torch.zeros(*ids.shape, WORDS)

    means = dguide.Convention(vocab_size=WORDS, mask_id=MASK, time="t", null="mask", noise=dguide.noise.Cosine())
    tokens = torch.tensor([[3, MASK, MASK, MASK, 5], [3, 4, 5, 6, MASK]])
    hooks.SecondCall(dguide.adapt(model, means), 1.0, prompt_length=1).guided(tokens, torch.zeros(2, 5, WORDS))
    wanted = means.noise.time(torch.tensor([0.75, 0.25], dtype=torch.float64))
    assert torch.cat(told).double().allclose(wanted)
