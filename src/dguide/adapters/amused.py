"""`Amused`: the text-to-image models aMUSEd of diffusers as a denoiser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..denoiser import Condition
from ..errors import Mistakes, bad
from ..process import Masked
from .calling import device_of
from .prompts import not_made

__all__ = ["Amused"]

_PARTS = ("transformer", "vqvae", "text_encoder", "tokenizer", "scheduler")


class Amused(nn.Module):
    """aMUSEd as a denoiser: masked tokens of an image, row by row, with a text as the condition (arXiv 2401.01808).

    "No condition" is the empty text, as in the pipeline of diffusers. Its `guidance_scale` s combines
    u + s (c - u), so w = s - 1 (`dguide.guidance.from_scale`). The network is told no time. It is told the size of the
    image, the corner of the crop and a score of the aesthetics of the image; the reference is told the same.

    Args:
        pipeline: `AmusedPipeline` of diffusers, or any object with its parts: transformer, vqvae, text_encoder,
            tokenizer and scheduler.
        shape: Rows and columns of tokens. By default those that the transformer was trained with.
        aesthetic: The score that the network is told.
        crop: The corner of the crop that the network is told.

    Attributes:
        process: `dguide.Masked` of the codes; the mask is the token behind them.
        shape: Rows and columns of tokens.
        length: Tokens of an image.

    Raises:
        ValueError: If a part is missing or in training mode, or the shape is none.

    >>> from dguide.adapters import Amused
    >>> Amused.prediction
    'posterior'
    """

    time_dependent = False
    prediction = "posterior"

    def __init__(
        self,
        pipeline: Any,
        *,
        shape: tuple[int, int] | None = None,
        aesthetic: float = 6.0,
        crop: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        missing = [name for name in _PARTS if getattr(pipeline, name, None) is None]
        if missing:
            got = f"{type(pipeline).__name__} without {', '.join(missing)}"
            raise bad("pipeline", got, "an AmusedPipeline of diffusers")
        mistakes = Mistakes()
        for name in ("transformer", "vqvae", "text_encoder"):
            if getattr(pipeline, name).training:
                mistakes.add(bad(name, "one in training mode", "evaluation mode", f"Call .{name}.eval() on it."))
        side = pipeline.transformer.config.sample_size
        self.shape = (side, side) if shape is None else tuple(shape)
        if len(self.shape) != 2 or not all(type(each) is int and each > 0 for each in self.shape):
            mistakes.add(bad("shape", shape, "rows and columns of tokens, such as (16, 16)"))
        mistakes.settle()
        self.transformer, self.vqvae = pipeline.transformer, pipeline.vqvae
        self.text_encoder, self.tokenizer = pipeline.text_encoder, pipeline.tokenizer
        self.mask_id = int(pipeline.scheduler.config.mask_token_id)
        self.process = Masked(self.transformer.config.codebook_size)
        self.length = self.shape[0] * self.shape[1]
        pixels = 2 ** (len(self.vqvae.config.block_out_channels) - 1)
        # Width before height, as the network was trained.
        self.micro = (float(self.shape[1] * pixels), float(self.shape[0] * pixels), *map(float, crop), float(aesthetic))
        self.training = False  # it has nothing that could be: the parts have modes of their own

    @torch.no_grad()
    def prompts(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Texts as a condition; also what guidance leads away from, as `reference` of `dguide.sample`.

        Args:
            texts: One for each sample. What is longer than the text encoder can read is cut, as in the pipeline.

        Returns:
            {"pooled": [B, D], "hidden": [B, T, E]}, both in the precision of the text encoder.
        """
        if isinstance(texts, str) or not all(isinstance(each, str) for each in texts) or not len(texts):
            raise bad("texts", repr(texts)[:100], "a list of texts, one for each sample")
        encoded = self.tokenizer(
            list(texts),
            return_tensors="pt",
            padding="max_length",
            truncation=True,
            max_length=self.tokenizer.model_max_length,
        )
        ids = encoded.input_ids.to(device_of(self.text_encoder))
        told = self.text_encoder(ids, return_dict=True, output_hidden_states=True)
        return {"pooled": told.text_embeds, "hidden": told.hidden_states[-2]}

    def null(self, condition: Condition) -> dict[str, Tensor]:
        """The empty text for each sample."""
        condition = _checked(condition)
        empty = self.prompts([""])
        return {name: empty[name].to(each).expand_as(each) for name, each in condition.items()}

    def forward(self, tokens: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Logits [B, L, V] from tokens [B, L], time [B] and condition."""
        if tokens.shape[1] != self.length:
            rows, columns = self.shape
            raise bad("length", tokens.shape[1], f"{self.length}, the tokens of {rows} x {columns}", "Pass shape=.")
        condition = _checked(condition)
        ids = torch.where(tokens == self.process.mask_id, self.mask_id, tokens).unflatten(1, self.shape)
        hidden = condition["hidden"].to(self.transformer.dtype)
        logits = self.transformer(
            ids,
            micro_conds=torch.tensor([self.micro], device=ids.device, dtype=hidden.dtype).expand(len(ids), -1),
            pooled_text_emb=condition["pooled"].to(hidden.dtype),
            encoder_hidden_states=hidden,
        )
        return torch.as_tensor(logits).flatten(2).transpose(1, 2)

    @torch.no_grad()
    def pictures(self, tokens: Tensor) -> Tensor:
        """Images [B, 3, height, width] float32 from 0 to 1, from tokens [B, L]."""
        grid = (len(tokens), *self.shape, self.vqvae.config.latent_channels)
        codes = tokens.unflatten(1, self.shape).to(device_of(self.vqvae))
        decoded = self.vqvae.decode(codes, force_not_quantize=True, shape=grid)
        return torch.as_tensor(decoded.sample).float().clamp(0, 1)


def _checked(condition: Any) -> dict[str, Tensor]:
    if isinstance(condition, dict) and condition.keys() == {"pooled", "hidden"}:
        ranks = [(each.ndim, each.is_floating_point()) for each in condition.values() if isinstance(each, Tensor)]
        if sorted(ranks) == [(2, True), (3, True)] and condition["pooled"].ndim == 2:
            return condition
    raise not_made(condition, '{"pooled": [B, D], "hidden": [B, T, E]}')
