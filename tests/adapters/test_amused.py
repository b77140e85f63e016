"""aMUSEd of diffusers, with tiny random parts of the real classes."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import dguide
from dguide.adapters import Amused
from dguide.errors import InputError

CODES, MASK, SIDE = 10, 12, 2


class Letters:
    """The call of a tokenizer, with a token for each letter."""

    model_max_length = 6

    def __call__(self, texts: list[str], max_length: int, **_: Any) -> SimpleNamespace:
        ids = [[*(ord(each) % 20 for each in text), *[20] * max_length][:max_length] for text in texts]
        return SimpleNamespace(input_ids=torch.tensor(ids))


@pytest.fixture(scope="module")
def pipeline() -> SimpleNamespace:
    diffusers = pytest.importorskip("diffusers", reason="needs diffusers")
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    torch.manual_seed(0)
    width = {"hidden_size": 16, "block_out_channels": 16, "in_channels": 16, "encoder_hidden_size": 8}
    width |= {"cond_embed_dim": 8, "micro_cond_encode_dim": 4, "micro_cond_embed_dim": 20, "intermediate_size": 16}
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "block_num_heads": 2, "num_res_blocks": 1}
    transformer = diffusers.UVit2DModel(
        **width, **sizes, vocab_size=MASK + 1, codebook_size=CODES, sample_size=SIDE, use_bias=True
    )
    vqvae = diffusers.VQModel(
        block_out_channels=(4, 4),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=3,
        norm_num_groups=2,
        num_vq_embeddings=CODES,
        lookup_from_codebook=True,
        mid_block_add_attention=False,
    )
    text = transformers.CLIPTextConfig(
        vocab_size=21,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=8,
        max_position_embeddings=6,
        eos_token_id=20,
    )
    encoder = transformers.CLIPTextModelWithProjection(text)
    with torch.no_grad():  # as initialised, everything but the tokens is too small to matter
        for each in (*transformer.parameters(), *encoder.parameters()):
            each.add_(0.3 * torch.randn_like(each))
    scheduler = diffusers.AmusedScheduler(mask_token_id=MASK)
    return diffusers.AmusedPipeline(vqvae.eval(), Letters(), encoder.eval(), transformer.eval(), scheduler)


def watched(pipeline: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Any, Any]:
    """The image of the pipeline, and the guided logits in its last step."""
    seen = []
    step = pipeline.scheduler.step

    def look(model_output: torch.Tensor, **rest: Any) -> Any:
        seen.append((model_output, rest["sample"]))
        return step(model_output, **rest)

    monkeypatch.setattr(pipeline.scheduler, "step", look)
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(num_inference_steps=2, generator=torch.Generator().manual_seed(0), output_type="pt", **options)
    return image.images, seen


@pytest.mark.parametrize("negative", [None, "no"])
def test_predictions_are_those_of_the_pipeline(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch, negative: str | None
) -> None:
    texts, scale = ["a cat", "tree"], 3.0
    size, avoided = {"height": 4, "width": 8}, None if negative is None else [negative] * 2
    _, seen = watched(pipeline, monkeypatch, prompt=texts, negative_prompt=avoided, guidance_scale=scale, **size)
    denoiser = Amused(pipeline, shape=(2, 4))
    condition = denoiser.prompts(texts)
    reference = denoiser.null(condition) if negative is None else denoiser.prompts([negative] * 2)
    w = dguide.guidance.from_scale(scale, "diffusers")
    for guided, sample in seen:
        tokens = torch.where(sample == MASK, CODES, sample).flatten(1)
        cond, ref = (denoiser(tokens, torch.ones(2), each) for each in (condition, reference))
        assert not torch.allclose(cond, ref, atol=1e-3)
        torch.testing.assert_close((1 + w) * cond - w * ref, guided.flatten(2).transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_images_are_those_of_the_decoder(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = watched(pipeline, monkeypatch, prompt=["a cat"], guidance_scale=0.0)
    latents = pipeline(["a cat"], num_inference_steps=2, generator=torch.Generator().manual_seed(0),
                       guidance_scale=0.0, output_type="latent").images  # fmt: skip
    torch.testing.assert_close(Amused(pipeline).pictures(latents.flatten(1)), image.clamp(0, 1))


def test_guided_images_are_drawn(pipeline: Any) -> None:
    denoiser = Amused(pipeline)
    drawn = dguide.sample(
        denoiser,
        process=denoiser.process,
        length=denoiser.length,
        condition=denoiser.prompts(["a cat", "a cat", "tree"]),
        guidance=dguide.Normalized(dguide.RampUp(3.0)),
        sampler=dguide.Halton(steps=2, shape=denoiser.shape),
        batch_size=2,
    )
    assert drawn.tokens.max() < CODES
    assert denoiser.pictures(drawn.tokens).shape == (3, 3, 4, 4)


def test_the_page_runs_with_the_pipeline(pipeline: Any) -> None:
    page = (Path(dguide.__file__).parents[2] / "docs" / "guide-your-model.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```py\n(.*?Amused.*?)^```", page.split("## aMUSEd")[1], re.MULTILINE | re.DOTALL)
    names = {"pipeline": pipeline}
    exec(compile(block, "guide-your-model.md", "exec", dont_inherit=True), names)
    assert names["images"].shape == (2, 3, 4, 4)
    assert block.strip().count("\n") + 1 <= 10


WRONG = [
    ({"transformer": None, "scheduler": None}, {}, "pipeline: got SimpleNamespace without transformer, scheduler"),
    ({}, {"shape": (2, 0)}, r"shape: got (2, 0), expected rows and columns"),
]


@pytest.mark.parametrize(("parts", "options", "said"), WRONG)
def test_a_wrong_pipeline_is_refused(pipeline: Any, parts: Any, options: Any, said: str) -> None:
    there = {name: getattr(pipeline, name) for name in ("transformer", "vqvae", "text_encoder", "tokenizer")}
    with pytest.raises(InputError, match=re.escape(said)):
        Amused(SimpleNamespace(**{**there, "scheduler": pipeline.scheduler, **parts}), **options)


def test_other_mistakes_are_told(pipeline: Any) -> None:
    denoiser = Amused(pipeline)
    with pytest.raises(InputError, match="a list of texts"):
        denoiser.prompts("a cat")
    with pytest.raises(InputError, match=r"condition: got NoneType.*prompts\(\)"):
        denoiser(torch.zeros(1, 4, dtype=torch.int64), torch.ones(1), None)
    with pytest.raises(InputError, match="length: got 5, expected 4, the tokens of 2 x 2"):
        denoiser(torch.zeros(1, 5, dtype=torch.int64), torch.ones(1), denoiser.prompts(["a"]))
    pipeline.vqvae.train()
    with pytest.raises(InputError, match=r"vqvae: got one in training mode"):
        Amused(pipeline)
    pipeline.vqvae.eval()
