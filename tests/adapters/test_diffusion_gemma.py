"""DiffusionGemma of transformers, tiny and with random weights, as a denoiser."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import dguide
from dguide import Ancestral, Blocks, InputError, Normalized, RampUp, Unlocking
from dguide.adapters import DiffusionGemma

transformers = pytest.importorskip("transformers", minversion="5.20")
VOCAB, CANVAS, LENGTH = 12, 4, 8
PROMPTS = [[2, 3, 4, 5, 6, 7, 8, 9], [2, 5, 3]]  # the first one is longer than the window of the first layer
ALL, TIME = torch.arange(2), torch.ones(2)


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    text = transformers.DiffusionGemmaTextConfig(
        vocab_size=VOCAB,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        layer_types=["sliding_attention", "full_attention"],
        sliding_window=6,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        global_head_dim=8,
        num_experts=2,
        top_k_experts=1,
        moe_intermediate_size=16,
        max_position_embeddings=64,
    )
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, **heads}
    config = transformers.DiffusionGemmaConfig(text_config=text, vision_config=vision, canvas_length=CANVAS)
    made = transformers.DiffusionGemmaForBlockDiffusion(config).eval()
    for weight in made.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.5)
    return made


def draw(model: Any, rows: Any = ALL, guidance: Any = None, **rest: Any) -> Any:
    denoiser = DiffusionGemma(model)
    return dguide.sample(
        denoiser,
        process=denoiser.process,
        length=rest.pop("length", LENGTH),
        condition=denoiser.prompts([PROMPTS[row] for row in rows]),
        guidance=guidance,
        sampler=Blocks(Ancestral(4), rest.pop("size", CANVAS)),
        **rest,
    )


def canvases(seed: int) -> Tensor:
    return torch.randint(0, VOCAB, (2, CANVAS), generator=torch.Generator().manual_seed(seed))


def test_logits_are_those_of_its_own_calls(model: Any) -> None:
    denoiser, (first, second) = DiffusionGemma(model), (canvases(0), canvases(1))
    prefix = denoiser.prefix(denoiser.prompts(PROMPTS), 2, LENGTH)
    with torch.no_grad():
        found = [prefix(first, TIME, ALL), prefix(second, TIME, ALL)]
        prefix.append(first)
        found += [prefix(second[1:], TIME[1:], ALL[1:]), prefix(first, TIME, ALL)]
        whole = denoiser(torch.cat((first, second), 1), TIME, denoiser.prompts(PROMPTS))
        for row, prompt in enumerate(PROMPTS):
            one, two = first[row : row + 1], second[row : row + 1]
            start = model(input_ids=torch.tensor([prompt]), decoder_input_ids=one)
            again = model(cache=start.cache, decoder_input_ids=two, self_conditioning_logits=start.logits)
            later = model(input_ids=one, cache=start.cache, decoder_input_ids=two)
            last = later.logits if row == 1 else None  # the first sample was not asked before
            end = model(cache=later.cache, decoder_input_ids=one, self_conditioning_logits=last)
            pairs = [(found[0][row], start), (found[1][row], again), (found[3][row], end)]
            pairs += [(found[2][0], later)] if row == 1 else []
            pairs += [(whole[row, :CANVAS], start), (whole[row, CANVAS:], later)]
            for mine, own in pairs:
                torch.testing.assert_close(mine, own.logits[0], rtol=1e-4, atol=1e-4)
    assert float((found[0] - found[1]).std()) > 0.5


def test_guided_samples_do_not_depend_on_the_batch(model: Any) -> None:
    plain = draw(model).tokens
    for guidance in (Normalized(RampUp(2.0)), Unlocking(1.0)):
        together = draw(model, guidance=guidance)
        alone = [draw(model, [row], guidance=guidance, first_index=row).tokens for row in range(2)]
        assert torch.equal(together.tokens, torch.cat(alone))
        assert not torch.equal(together.tokens, plain)
        assert together.calls.reference > 0


def test_a_saved_model_gives_the_same_samples(model: Any, tmp_path: Any) -> None:
    model.save_pretrained(tmp_path)
    again = transformers.DiffusionGemmaForBlockDiffusion.from_pretrained(tmp_path).eval()
    assert torch.equal(draw(again, guidance=Normalized(1.0)).tokens, draw(model, guidance=Normalized(1.0)).tokens)


def test_what_it_cannot_be_asked_is_refused(model: Any) -> None:
    with pytest.raises(InputError, match="model: got Linear, expected a DiffusionGemmaForBlockDiffusion"):
        DiffusionGemma(torch.nn.Linear(1, 1))
    with pytest.raises(InputError, match="in training mode"):
        DiffusionGemma(type(model)(model.config).train())
    with pytest.raises(InputError, match="prompts: got an empty one for sample 1"):
        DiffusionGemma(model).prompts([[2], []])
    with pytest.raises(InputError, match="length: got 6, expected a multiple of the canvas, 4"):
        draw(model, length=6)
    with pytest.raises(InputError, match="Blocks size: got 8, expected 4"):
        draw(model, size=8)


def test_check_model_finds_what_its_encoder_keeps_right_and_prompts_as_wide_as_the_condition(model: Any) -> None:
    denoiser = DiffusionGemma(model)
    condition = denoiser.prompts(PROMPTS)
    assert denoiser.prompts([[2], [2, 3]], like=condition)["prompt"].shape == condition["prompt"].shape
    with pytest.raises(InputError, match="at most 8, the columns of the condition"):
        denoiser.prompts([[2] * 9, [2]], like=condition)
    found = dguide.check_model(denoiser, length=LENGTH, condition=condition)
    assert found.ok, found
    assert found["kept blocks"].verdict == found["padding is not read"].verdict == "right"
