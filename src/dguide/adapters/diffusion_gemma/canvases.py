"""What the encoder of DiffusionGemma keeps, and the last answers of its decoder."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

__all__ = ["Canvases"]


class Canvases:
    """`dguide.denoiser.Prefix` of DiffusionGemma: the prompts, canvases that are final, and the present one.

    Rows are [padding, prompt, canvases], so that canvases begin at the same column in every row.

    Args:
        model: `DiffusionGemmaForBlockDiffusion`.
        prompt: [R, P].
        real: [R, P] bool, which of its tokens count.
        length: Of a canvas.
        self_conditioning: Whether the decoder reads its own last answer.
    """

    def __init__(self, model: Any, prompt: Tensor, real: Tensor, length: int, self_conditioning: bool) -> None:
        self.model, self.length, self.self_conditioning = model, length, self_conditioning
        order = real.to(torch.int8).argsort(dim=1, stable=True)[:, -int(real.sum(1).max()) :]
        self.prompt, self.real = prompt.gather(1, order), real.gather(1, order)
        self.begin = (~self.real).sum(1)
        self.cache: Any = None
        self.filled = 0
        self.last: Tensor | None = None
        self.answered = torch.zeros_like(self.begin, dtype=torch.bool)

    def append(self, tokens: Tensor) -> None:
        """The present canvas, and any behind it, are final: `tokens` [R, n length] of all rows."""
        self._read_prompts()
        self._encode(tokens)
        self.last = None
        self.answered.zero_()

    def __call__(self, tokens: Tensor, time: Tensor, rows: Tensor) -> Tensor:
        """Logits [r, length, V] of the present canvas from its `tokens` [r, length]."""
        self._read_prompts()
        stop = self.filled + tokens.shape[1]
        logits: Tensor = self.model(
            decoder_input_ids=tokens,
            cache=self.cache if len(rows) == len(self.begin) else _chosen(self.cache, rows),
            decoder_attention_mask=self._mask(stop, rows),
            decoder_position_ids=self._places(self.filled, stop)[rows],
            **self._last_answers(rows),
        ).logits
        if self.self_conditioning:
            if self.last is None:
                dtype = self.model.model.decoder.embed_tokens.weight.dtype
                self.last = logits.new_zeros(len(self.begin), *logits.shape[1:], dtype=dtype)
            self.last[rows] = logits.to(self.last.dtype)
            self.answered[rows] = True
        return logits

    def _last_answers(self, rows: Tensor) -> dict[str, Tensor]:
        """What the decoder is told of its own last answers; some rows may have none."""
        if self.last is None:
            return {}
        told = {"self_conditioning_logits": self.last[rows]}
        return told if bool(self.answered[rows].all()) else told | {"self_conditioning_mask": self.answered[rows]}

    def _read_prompts(self) -> None:
        """Encode the prompts, once."""
        if self.cache is None:
            self._encode(self.prompt)

    def _encode(self, tokens: Tensor) -> None:
        stop = self.filled + tokens.shape[1]
        self.cache = self.model.model.encoder(
            input_ids=tokens,
            attention_mask=self._mask(stop, slice(None)),
            position_ids=self._places(self.filled, stop),
            cache=self.cache,
        ).cache
        self.filled = stop

    def _mask(self, stop: int, rows: Tensor | slice) -> Tensor | None:
        """Which of the columns before `stop` hold a token, [r, stop] bool; None if all of them do."""
        there = torch.arange(stop, device=self.begin.device) >= self.begin.unsqueeze(1)
        return None if bool(there.all()) else there[rows]

    def _places(self, first: int, stop: int) -> Tensor:
        """Position numbers of columns, [R, stop - first]: tokens are counted from 0."""
        return (torch.arange(first, stop, device=self.begin.device) - self.begin.unsqueeze(1)).clamp_min(0)


def _chosen(cache: Any, rows: Tensor) -> Any:
    """Some rows of a cache. The decoder does not change it, so tensors need no copy beyond that of the rows."""
    chosen = copy.copy(cache)
    chosen.layers = [copy.copy(layer) for layer in cache.layers]
    chosen.batch_select_indices(rows)
    return chosen
