"""Hooks in the real loops of diffusers and transformers, with tiny random models."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from families import Language
from torch import nn

import dguide
from dguide.adapters import hooks
from dguide.adapters.hooks.installed import of_diffusers
from dguide.errors import MissingExtra

WORDS, MASK = 12, 11
GUIDED = ("GuidedBlockRefinementScheduler", "GuidedDiscreteDDIMScheduler", "GuidedEntropyBoundScheduler")
"""By name: diffusers is imported by the process that runs these tests, not by all that collect them."""


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_guider_follows_its_schedule_and_its_steps():
    guider = hooks.DiscreteGuidance(dguide.RampUp(3.0), stop=0.75)
    batch = {"tokens": torch.arange(3), "labels": (torch.ones(3), torch.zeros(3))}
    cond, ref = logits(3, 5, 7), logits(3, 5, 7, seed=1)
    for step, weight in enumerate((0.375, 1.125, 1.875, 0)):
        guider.set_state(step, 4, None)
        asked = guider.prepare_inputs(batch)
        assert [float(each.labels[0]) for each in asked] == ([1, 0] if weight else [1])
        for each, found in zip(asked, (cond, ref), strict=False):
            each.noise_pred = found
        pred = guider(asked).pred
        if not weight:
            assert pred is cond
        assert torch.softmax(pred, -1).allclose(torch.softmax((1 + weight) * cond - weight * ref, -1), atol=1e-6)
    guider.set_state(1, 4, None)
    assert len(guider.prepare_inputs(batch)) == 2
    guider.disable()
    assert len(guider.prepare_inputs(batch)) == 1


def test_a_guider_for_images_has_its_vocabulary_where_they_have_it():
    cond, ref = logits(2, 7, 4, 4), logits(2, 7, 4, 4, seed=1)
    guider = hooks.DiscreteGuidance(dguide.Linear(1.0), noise="cosine", vocab_dim=1)
    guider.set_state(0, 2, None)
    w = 1 - math.sin(math.pi / 4)  # the mean of 2 (1 - m) down to the level of half the time
    pred = guider.forward(cond, ref).pred
    assert torch.softmax(pred, 1).allclose(torch.softmax((1 + w) * cond - w * ref, 1), atol=1e-6)


def test_all_that_a_guider_cannot_use_is_told_at_once():
    wrong = r"schedule: got 'x'.*noise of the guider: got 3.*vocab_dim: got 'a'.*enabled: got 3"
    with pytest.raises(dguide.InputError, match=f"(?s){wrong}"):
        hooks.DiscreteGuidance("x", noise=3, vocab_dim="a", enabled=3)


@pytest.mark.parametrize("name", ["DiscreteGuidance", *GUIDED])
def test_settings_come_back_from_their_file(name, tmp_path):
    made = getattr(hooks, name)
    guidance = dguide.Normalized(dguide.Piecewise(((0.0, 3.0), (0.5, 1.0), (1.0, 0.0))))
    first = made(guidance)
    first.save_pretrained(tmp_path)
    again = made.from_pretrained(tmp_path)
    assert {name: value for name, value in first.config.items() if name != "_use_default_values"} == again.config
    assert again.config.guidance == str(guidance.weight)
    for refused, expected in ((dguide.Unlocking(1.0), "Normalized"), (dguide.Normalized(torch.ones(2)), "a schedule")):
        with pytest.raises(dguide.InputError, match=expected):
            made(refused)


def test_a_guided_scheduler_is_made_of_the_one_of_a_pipeline():
    from diffusers import BlockRefinementScheduler

    theirs = BlockRefinementScheduler(block_length=8, threshold=0.6)
    ours = hooks.GuidedBlockRefinementScheduler.from_config(theirs.config, guidance=2.0)
    assert ours.config.block_length, ours.config.threshold == (8, 0.6)
    assert ours.config.guidance == "constant:2.0"


class LLaDA2(Language):
    """Called as `LLaDA2Pipeline` calls its model."""

    device = torch.device("cpu")

    def forward(self, ids, attention_mask=None, position_ids=None):
        return super().forward(ids, attention_mask)


def written(scheduler, batch, **rest):
    from diffusers import LLaDA2Pipeline

    pipeline = LLaDA2Pipeline(model=LLaDA2(WORDS).eval(), scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)
    told = {"gen_length": 4, "block_length": 4, "num_inference_steps": 4, "threshold": 2.0, "editing_threshold": None}
    told |= {"mask_token_id": MASK, "eos_early_stop": False, "output_type": "seq"} | rest
    return pipeline(**batch, **told).sequences


def test_the_pipeline_of_llada2_writes_what_dguide_writes():
    prompts = [[3, 1, 4, 1], [5, 9, 2, 6]]
    batch = hooks.paired_prompts(prompts, [[MASK] * 4], pad_id=0)
    found = written(hooks.GuidedBlockRefinementScheduler("ramp-up:3.0"), batch, sampling_method="greedy")
    assert found[:2].equal(found[2:])
    denoiser = dguide.adapt(Language(WORDS).eval(), "llada", vocab_size=WORDS, mask_id=MASK)
    expected = dguide.sample(
        denoiser,
        process=denoiser.process,
        length=4,
        condition=denoiser.prompts(prompts),
        guidance=dguide.Normalized(dguide.RampUp(3.0)),
        sampler=dguide.LowConfidence(steps=4),
        decoding=dguide.Decoding(temperature=0),
    )
    assert found[:2].equal(expected.tokens)


def test_without_weight_the_pipeline_writes_what_it_writes():
    from diffusers import BlockRefinementScheduler

    prompts = [[3, 1, 4], [5, 9, 2]]  # the first block holds the prompt too
    batch = hooks.paired_prompts(prompts, [[2, 7]], pad_id=0)
    rest = {"gen_length": 9, "temperature": 1.0, "editing_threshold": 0.3, "threshold": 0.5, "eos_early_stop": True}
    rest |= {"eos_token_id": 2}  # a negative prompt that holds the end of the text ends nothing
    plain, none, guided = (
        written(scheduler, rows, generator=torch.Generator().manual_seed(3), **rest)
        for scheduler, rows in (
            (BlockRefinementScheduler(), {name: each[:2] for name, each in batch.items()}),
            (hooks.GuidedBlockRefinementScheduler(0.0), batch),
            (hooks.GuidedBlockRefinementScheduler(2.0), batch),
        )
    )
    assert none[:2].equal(plain)
    assert none[2:].equal(plain)
    assert not guided[:2].equal(plain)
    assert guided[:2].equal(guided[2:])


@pytest.mark.parametrize("name", GUIDED)
def test_a_step_without_masks_is_that_of_the_scheduler_with_guided_logits(name):
    scheduler = getattr(hooks, name)(dguide.Linear(1.0), num_inference_steps=4)
    output, canvas = logits(4, 6, 9), torch.arange(6).expand(4, 6)
    weight = 0.75  # the mean of 2 (1 - m) from m = 3/4 to m = 1/2
    told = {"temperature": 1.0} if "Entropy" not in name else {}
    found = scheduler.step(output, 1, canvas, generator=torch.Generator().manual_seed(0), **told)
    theirs = type(scheduler).__bases__[1](num_inference_steps=4)
    logit = hooks.guided_logits(output[:2], output[2:], weight)
    expected = theirs.step(logit, 1, canvas[:2], generator=torch.Generator().manual_seed(0), **told)
    assert found.prev_sample.equal(torch.cat((expected.prev_sample,) * 2))
    assert found.pred_logits[2:].allclose(expected.pred_logits, atol=1e-6)
    other = canvas.clone()
    other[3, 2] = 8
    assert scheduler.step(output, 0, other, **told).prev_sample[0].shape == (6,)  # a canvas of the pipeline
    with pytest.raises(dguide.InputError, match="other tokens in the reference half"):
        scheduler.step(output, 1, other, **told)
    with pytest.raises(dguide.InputError, match="3 rows"):
        scheduler.step(output[:3], 1, canvas[:3], **told)


def test_a_correcting_sweep_is_guided_at_the_level_that_the_step_reached():
    scheduler = hooks.GuidedDiscreteDDIMScheduler(dguide.Linear(1.0), num_inference_steps=4, corrector_k=6)
    output, canvas = logits(2, 6, 9), torch.arange(6).expand(2, 6)
    found = scheduler.step_correct(output, 1, canvas, generator=torch.Generator().manual_seed(0))
    logit = hooks.guided_logits(output[:1], output[1:], 1.0)  # 2 (1 - m) at m = 1/2
    theirs = type(scheduler).__bases__[1](num_inference_steps=4, corrector_k=6)
    expected = theirs.step_correct(logit, 1, canvas[:1], generator=torch.Generator().manual_seed(0))
    assert found.prev_sample.equal(torch.cat((expected.prev_sample,) * 2))
    assert found.sampled_probs[:1].allclose(expected.sampled_probs)


def test_each_block_begins_with_the_masks_that_it_has():
    scheduler = hooks.GuidedBlockRefinementScheduler("ramp-up:2.0", block_length=4)
    scheduler.set_timesteps(2)
    output = logits(2, 4, WORDS)
    output[..., MASK] = torch.tensor([-9.0, -60.0]).view(2, 1)  # noise, which the tilt would make the surest token
    for prompt in (0, 2):  # the second block begins with two tokens of the prompt
        block = torch.full((2, 4), MASK)
        block[:, :prompt] = torch.tensor([[5], [7]])
        found = scheduler.step(output, 0, block, mask_token_id=MASK, prompt_mask=torch.arange(4) < prompt)
        assert found.prev_sample[:, :prompt].equal(block[:, :prompt])  # each half keeps its prompt
        assert found.prev_sample[0, prompt:].equal(found.prev_sample[1, prompt:])
        assert not (found.sampled_tokens == MASK).any()
        law = torch.softmax(found.pred_logits[0, :, :MASK], -1)
        assert law.allclose(torch.softmax((1.5 * output[0] - 0.5 * output[1])[:, :MASK], -1), atol=1e-6)


@pytest.fixture(scope="module")
def gemma():
    """A tiny DiffusionGemma."""
    import transformers

    text = transformers.DiffusionGemmaTextConfig(
        **{"vocab_size": 32, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 8},
        **{"num_attention_heads": 2, "num_key_value_heads": 1, "global_head_dim": 8, "sliding_window": 32},
        **{"num_experts": 2, "top_k_experts": 1, "moe_intermediate_size": 8, "layer_types": ["full_attention"]},
    )
    vision = transformers.Gemma4VisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1, head_dim=8)
    config = transformers.DiffusionGemmaConfig(
        text_config=text, vision_config=vision, canvas_length=6, image_token_id=31, boi_token_id=30, eoi_token_id=29
    )
    torch.manual_seed(0)
    model = transformers.DiffusionGemmaForBlockDiffusion(config).eval()
    with torch.no_grad():
        for each in model.parameters():
            each.mul_(5)  # so that the prompt matters
    # diffusers 0.42.1 calls this one by the name that its argument had before transformers 5.24
    attention = model.model.decoder.create_diffusion_decoder_attention_mask
    model.model.decoder.create_diffusion_decoder_attention_mask = lambda past_key_values=None, **told: attention(
        **({"cache": past_key_values} if past_key_values is not None else {}) | told
    )
    with pytest.MonkeyPatch.context() as patched:  # it only matters to compiled models, and imports their compiler
        patched.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: None)
        yield model


def canvases(model, processor, batch):
    from transformers import LogitsProcessorList

    torch.manual_seed(1)
    told = {
        "max_new_tokens": 12,
        "max_denoising_steps": 4,
        "logits_processor": LogitsProcessorList([processor]),
    }
    with processor.on(model), torch.no_grad():
        found = model.generate(**batch, **told).sequences
    return found[:, batch["input_ids"].shape[1] :]


def test_generate_of_diffusion_gemma_keeps_its_pairs(gemma):
    prompts, others = [[5, 6, 7], [8, 9]], [[4, 3, 2, 2]]
    plain, guided = (
        canvases(gemma, hooks.PairedCanvas(w, steps=4), hooks.paired_prompts(prompts, others, 0)) for w in (0.0, 9.0)
    )
    assert guided[:2].equal(guided[2:])
    assert not guided.equal(plain)
    # a reference that is the prompt changes nothing, if the model has read the same canvas in both halves
    same = hooks.paired_prompts(prompts, prompts, 0)
    assert canvases(gemma, hooks.PairedCanvas(9.0, steps=4), same).equal(
        canvases(gemma, hooks.PairedCanvas(0.0, steps=4), same)
    )


def test_a_processor_refuses_what_it_cannot_guide():
    processor = hooks.PairedCanvas(1.0, steps=4)
    with pytest.raises(dguide.InputError, match=r"outside of on\(model\)"):
        processor(None, logits(2, 3, 5), cur_step=4)
    with processor.on(nn.Identity()), pytest.raises(dguide.InputError, match="guidance_scale of generate"):
        processor(None, logits(2, 5))


class Chat:
    """A processor of prompts that are numbers already."""

    eos_token_id = None

    def apply_chat_template(self, messages, **told):
        rows = [[int(word) for word in each[0]["content"].split()] for each in messages]
        return hooks.paired_prompts(rows[: len(rows) // 2], rows[len(rows) // 2 :], pad_id=0)


@pytest.mark.parametrize("name", GUIDED)
def test_the_pipeline_of_diffusion_gemma_keeps_its_pairs(name, gemma):
    from diffusers import DiffusionGemmaPipeline

    def run(weight, *prompts):
        options = {"corrector_steps": 1} if "DDIM" in name else {}
        pipeline = DiffusionGemmaPipeline(gemma, getattr(hooks, name)(weight, **options), Chat())
        pipeline.set_progress_bar_config(disable=True)
        told = {"gen_length": 12, "num_inference_steps": 5, "output_type": "seq", "confidence_threshold": None}
        generator = torch.Generator().manual_seed(2)
        return pipeline(prompt=list(prompts), generator=generator, **told).sequences

    plain, guided = (run(weight, "5 6 7", "4 3") for weight in (0.0, 9.0))
    assert guided[0].equal(guided[1])
    assert not guided.equal(plain)
    assert run(9.0, "5 6 7", "5 6 7").equal(run(0.0, "5 6 7", "5 6 7"))


def test_an_old_diffusers_is_told_apart_from_none():
    with pytest.raises(MissingExtra, match=r"diffusers 0.* has no Guider: pip install 'diffusers>=0.42'"):
        of_diffusers("Guider", "diffusers.guiders")


PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")


def test_the_page_runs_with_the_real_pipelines(gemma, tmp_path, monkeypatch):
    """Those of its examples that `tests/test_docs.py` leaves, since they import both packages, are run here."""
    from diffusers import BlockRefinementScheduler, DiffusionGemmaPipeline, LLaDA2Pipeline

    monkeypatch.chdir(tmp_path)
    pipelines = (
        LLaDA2Pipeline(LLaDA2(WORDS).eval(), BlockRefinementScheduler()),
        DiffusionGemmaPipeline(gemma, BlockRefinementScheduler(), Chat()),
    )
    for each in pipelines:
        each.set_progress_bar_config(disable=True)
    names = dict(zip(("llada2", "gemma"), pipelines, strict=True))
    blocks = re.findall(r"^```(python|py)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    shapes = []
    for kind, body in blocks:
        exec(compile(body, "hooks.md", "exec", dont_inherit=True), names)
        shapes += [list(names["written"].shape)] if kind == "py" else []
    assert shapes == [[2, 8], [2, 12], [2, 12], [2, 12]]
    assert (tmp_path / "guider" / "guider_config.json").exists()
    assert max(body.strip().count("\n") + 1 for _, body in blocks[1:]) <= 10
    assert all(f"`{name}" in PAGE for name in hooks.__all__)


def test_the_guidance_of_transformers_is_that_of_a_constant_weight():
    from transformers.generation import UnbatchedClassifierFreeGuidanceLogitsProcessor

    cond, ref = logits(2, 9), logits(2, 9, seed=1)
    theirs = UnbatchedClassifierFreeGuidanceLogitsProcessor(dguide.guidance.to_scale(2.0, "diffusers"), model=None)
    theirs.get_unconditional_logits = lambda ids: ref.unsqueeze(1)
    assert theirs(None, cond).allclose(hooks.guided_logits(cond, ref, 2.0), atol=1e-6)
