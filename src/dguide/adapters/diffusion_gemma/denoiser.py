"""`DiffusionGemma`: the model of transformers as a denoiser that is sampled canvas by canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...denoiser import Condition
from ...errors import bad
from ...process import Uniform
from ..convention import Convention
from ..prompts import checked, null_prompt, prompts_of
from .canvases import Canvases

__all__ = ["DiffusionGemma"]


class DiffusionGemma(nn.Module):
    """DiffusionGemma as a denoiser: uniform noise, one canvas after the other, prompts.

    An encoder reads the prompt and all canvases that are final, once each. A decoder reads what the encoder kept, and
    the present canvas in both directions. It is told no time. It predicts the posterior: the samplers of transformers
    and of diffusers draw clean tokens from the softmax of its logits. It is sampled by `dguide.Blocks` of its canvas:

        denoiser = dguide.adapters.DiffusionGemma(model)
        sampler = dguide.Blocks(dguide.Ancestral(steps=48), size=denoiser.block_size)

    The model also reads its own last answer in the present canvas (self-conditioning). The conditional reads that of
    the conditional, and the reference that of the reference.

    Args:
        model: `DiffusionGemmaForBlockDiffusion`, in evaluation mode.
        self_conditioning: Whether it reads its own last answer, as in its own generation.
        null_tokens: The prompt that means "no condition". By default the token that begins every text.

    Attributes:
        module: The model.
        process: `dguide.Uniform` of its vocabulary.
        block_size: The length of a canvas.

    Raises:
        ValueError: If it is another model, or in training mode.
    """

    time_dependent = False
    prediction = "posterior"

    def __init__(self, model: Any, *, self_conditioning: bool = True, null_tokens: Sequence[int] | None = None) -> None:
        super().__init__()
        config: Any = getattr(model, "config", None)
        if not isinstance(getattr(config, "canvas_length", None), int):
            raise bad("model", type(model).__name__, "a DiffusionGemmaForBlockDiffusion of transformers")
        if model.training:
            raise bad("model", f"{type(model).__name__} in training mode", "evaluation mode", "Call .eval() on it.")
        text = config.get_text_config()
        self.module, self.self_conditioning = model, self_conditioning
        self.block_size: int | None = config.canvas_length
        self.process = Uniform(text.vocab_size)
        null = (text.bos_token_id,) if null_tokens is None else tuple(null_tokens)
        self.convention = Convention(
            vocab_size=text.vocab_size, null="tokens", null_tokens=null, pad_id=text.pad_token_id or 0
        )
        self.training = False

    def prompts(
        self, rows: Sequence[Sequence[int]], width: int = 0, *, like: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Prompts of any lengths of at least 1 as a condition.

        Args:
            rows: The tokens of the prompt of each sample.
            width: At least so many columns. Needed for a condition whose negative prompts are longer.
            like: The condition to which they are a reference (negative prompts). They get as many columns.

        Returns:
            {"prompt": tokens [B, P] int64, "real": [B, P] bool}.
        """
        made = prompts_of(self.convention, rows, width, like)
        _all_there(made)
        return made

    def null(self, condition: Condition) -> Condition:
        """The condition that means "no condition", with the structure of `condition`."""
        return null_prompt(self.convention, condition)

    def forward(self, tokens: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Logits [B, L, V] of every canvas of `tokens` [B, L], given those before it, without self-conditioning."""
        prefix = self._canvases(condition, tokens.shape[1], False)
        rows, answers = torch.arange(len(tokens), device=tokens.device), []
        for canvas in tokens.split(prefix.length, 1):
            answers.append(prefix(canvas, time, rows))
            prefix.append(canvas)
        return torch.cat(answers, 1)

    def lead(self, condition: Condition, count: int) -> Tensor:
        """None of the columns of the first canvas stand before a sequence, [count] (`dguide.denoiser.BlockCausal`)."""
        return torch.zeros(count, dtype=torch.int64)

    def prefix(self, condition: Condition, count: int, length: int) -> Canvases:
        """What the encoder keeps for sequences of `length` tokens (`dguide.denoiser.BlockCausal`)."""
        return self._canvases(condition, length, self.self_conditioning)

    def _canvases(self, condition: Condition, length: int, self_conditioning: bool) -> Canvases:
        canvas = self.block_size
        assert canvas is not None
        if length % canvas:
            raise bad("length", length, f"a multiple of the canvas, {canvas}")
        prompts = checked(self.convention, condition)
        _all_there(prompts)
        return Canvases(self.module, prompts["prompt"], prompts["real"], canvas, self_conditioning)


def _all_there(prompts: dict[str, Tensor]) -> None:
    """Raise `ValueError` for an empty prompt, which the encoder cannot read."""
    empty = (~prompts["real"].any(1)).nonzero()
    if len(empty):
        raise bad("prompts", f"an empty one for sample {int(empty[0])}", "at least one token, as the first of a text")
