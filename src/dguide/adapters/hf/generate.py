"""`generate`: guided text of a language model of transformers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...categorical import Decoding
from ...errors import switch
from ...guidance import Guidance
from ...samplers import Calls, Sampler, sample
from ...samplers.check import Request
from ..convention import Convention
from .request import request_of
from .streaming import Streamer, stream_of
from .texts import Prompt

__all__ = ["Generated", "generate"]

_PLAIN = Decoding()


@dataclass(frozen=True)
class Generated:
    """What `generate` returns.

    Attributes:
        texts: For each prompt what was written behind it; or the whole text, if the masks of the prompt were filled in.
        tokens: The tokens that were drawn for each prompt, up to the end of its text.
        ended: Whether each text came to an end by itself.
        calls: Forward passes of a batch, conditional and reference; a stacked call is one of each.
        seconds: How long the sampling took.

    >>> Generated(("a cat",), ((7, 8, 9, 5),), (True,), Calls(2, 2), 0.1).tokens_per_forward
    2.0
    """

    texts: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]
    ended: tuple[bool, ...]
    calls: Calls
    seconds: float

    @property
    def tokens_per_forward(self) -> float:
        """Tokens of a text, up to its end, for each forward pass of its batch: the mean over texts."""
        passes = max(self.calls.conditional, self.calls.reference)
        return sum(map(len, self.tokens)) / len(self.tokens) / max(passes, 1)


def generate(
    model: Any,
    tokenizer: Any,
    prompts: str | Prompt | Sequence[Prompt],
    *,
    guidance: Guidance | None = None,
    sampler: Sampler | None = None,
    negative_prompts: str | Prompt | Sequence[Prompt] | None = None,
    max_new_tokens: int | None = None,
    block: int | None = None,
    chat: bool = False,
    stop: Sequence[int | str] | None = None,
    decoding: Decoding = _PLAIN,
    streamer: Streamer | Any = None,
    convention: Convention | str | None = None,
    seed: int = 0,
    first_index: int = 0,
    batch_size: int | None = None,
    progress: bool = False,
) -> Generated:
    r"""Guided text of a diffusion language model, or of a masked language model, of transformers.

    Either writes on: `max_new_tokens` tokens behind each prompt, up to the end of the text. Or fills in the masks of
    the prompts, as in "The [MASK] sat". Prompts of different lengths are one batch; each gives what it gives alone, up
    to the rounding of the network. Guidance tilts the prediction given the prompt away from that without it (the prompt
    masked) or from that given a negative prompt.

    Args:
        model: The loaded model, in evaluation mode: any `AutoModelForMaskedLM`, LLaDA, Dream, or another one with its
            `convention`. It stays as it is.
        tokenizer: Its tokenizer.
        prompts: Texts, or conversations for the chat template, [{"role": "user", "content": ...}, ...]. If the last
            message is the assistant's, it is gone on with. A single one is a batch of one.
        guidance: As of `dguide.sample`; None for none.
        sampler: As of `dguide.sample`. By default `LowConfidence`, one token a step.
        negative_prompts: What guidance tilts away from: one, or one for each prompt, of any length; with as many masks.
        max_new_tokens: Tokens to write behind each prompt at most. None to fill in masks.
        block: Write in blocks of so many tokens, from left to right (`Blocks`). `steps` of the sampler are of a block.
            A block-causal model is always written in its own blocks, and keeps what it computed for earlier ones.
        chat: Texts are what a user says: they go through the chat template.
        stop: Tokens that end a text, by number or as text. By default those that tokenizer and config name, and the one
            with which the chat template ends an answer. A masked language model has none without a conversation. What
            ended is not asked for any more; in masks that are filled in these tokens are never drawn.
        decoding: Temperature, top-k, top-p and forbidden tokens, as of `dguide.sample`.
        streamer: A `Streamer`, which is shown drafts; or for one prompt one of transformers, such as `TextStreamer`.
        convention: What the model means, if its config does not say: a name in `FAMILIES` ("llada", "dream",
            "masked-lm") for a model that is called as those are, or a `dguide.Convention`.
        seed: As of `dguide.sample`.
        first_index: As of `dguide.sample`: the number of the first prompt.
        batch_size: As of `dguide.sample`.
        progress: Show a progress bar.

    Returns:
        `Generated`: `texts`, `tokens`, `calls`, `tokens_per_forward` and more.

    Raises:
        ValueError: With all that is wrong, before the model is called: an unknown family, no mask token, the tokenizer
            of another model, training mode, prompts longer than the context, no chat template, and what `dguide.sample`
            refuses.
    """
    asked = request_of(
        model,
        tokenizer,
        prompts,
        guidance=guidance,
        sampler=sampler,
        negative_prompts=negative_prompts,
        max_new_tokens=max_new_tokens,
        block=block,
        chat=chat,
        stop=stop,
        convention=convention,
    )
    stream = None if streamer is None else stream_of(streamer, asked)
    condition, reference = asked.conditions()
    lengths = asked.lengths
    longest = int(lengths.values.max())
    drawing: dict[str, Any] = {
        "process": asked.denoiser.process,
        "length": longest,
        "condition": condition,
        "reference": reference,
        "guidance": guidance,
        "sampler": asked.sampler,
        "lengths": None if bool((lengths.values == longest).all()) else lengths,
        "decoding": decoding,
        "seed": seed,
        "first_index": first_index,
        "batch_size": batch_size,
    }
    switch("progress", progress)
    Request(denoiser=asked.denoiser, **drawing).checked()  # called() may call the model
    began = time.perf_counter()
    drawn = sample(asked.called(), progress=progress, callback=stream, **drawing)
    seconds = time.perf_counter() - began
    rows = drawn.tokens.tolist()
    tokens = tuple(asked.kept(number, row) for number, row in enumerate(rows))
    made = Generated(
        tuple(asked.text(number, row, draft=False) for number, row in enumerate(rows)),
        tokens,
        tuple(len(kept) < count for kept, count in zip(tokens, lengths.values.tolist(), strict=True)),
        drawn.calls,
        seconds,
    )
    if stream is not None:
        stream.close(made.texts, tokens[0])
    return made
