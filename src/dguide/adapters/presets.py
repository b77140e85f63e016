"""Conventions of published families, by name. The numbers of a checkpoint are options."""

from __future__ import annotations

import math
from typing import Literal

from ..errors import choose
from ..noise import Linear
from ..spec import Registry
from .convention import Attention, Cache, Convention

__all__ = [
    "CONVENTIONS",
    "bd3lm",
    "dream",
    "duo",
    "flow_matching",
    "llada",
    "llada2",
    "masked_lm",
    "mdlm",
    "sdar",
    "udlm",
]

_LONGEST = -math.log(1e-3)
"""The largest sigma in training with the log-linear noise of MDLM: alpha = 1 - (1 - 0.001) t."""


def llada(vocab_size: int = 126464, mask_id: int = 126336) -> Convention:
    """LLaDA: aligned, no time, prompts; the null condition is the prompt masked (arXiv 2502.09992)."""
    return Convention(vocab_size=vocab_size, mask_id=mask_id, attention="padding", null="mask")


def dream(vocab_size: int = 152064, mask_id: int = 151666) -> Convention:
    """Dream: output i - 1 predicts token i; attention is "full" or a square mask (arXiv 2508.15487).

    It has no published null condition. Here it is the prompt masked, as for LLaDA.
    """
    return Convention(
        vocab_size=vocab_size,
        mask_id=mask_id,
        shifted=True,
        attention="square",
        positions_as="position_ids",
        null="mask",
    )


def mdlm(vocab_size: int = 50258, mask_id: int = 50257) -> Convention:
    """MDLM as published for transformers: told sigma, which it ignores; no condition (arXiv 2406.07524)."""
    return _with_sigma(vocab_size, mask_id=mask_id, time_dependent=False)


def udlm(vocab_size: int, classes: int = 0) -> Convention:
    """UDLM: uniform noise, sigma, the leave-one-out law; the null label is `classes` (arXiv 2412.10193)."""
    labels = {"null": "label", "null_label": classes, "condition_as": "cond"} if classes else {}
    return _with_sigma(vocab_size, prediction="leave-one-out", **labels)


def duo(vocab_size: int) -> Convention:
    """Duo: uniform noise, sigma, the leave-one-out law; no condition (arXiv 2506.10892)."""
    return _with_sigma(vocab_size, prediction="leave-one-out")


def bd3lm(vocab_size: int = 50258, mask_id: int = 50257, block: int | None = None) -> Convention:
    """BD3LM: masks, block by block from the left: sample by `dguide.Blocks` of its block size (arXiv 2503.09573).

    It is called in its mode for sampling. With `block`, the `block_size` of its configuration, it keeps earlier blocks.
    """
    kept = {} if block is None else {"block": block, "cache": "inside"}
    rest = {"time_dependent": False, "arguments": {"sample_mode": True}, **kept}
    return _with_sigma(vocab_size, mask_id=mask_id, **rest)


def llada2(vocab_size: int = 157184, mask_id: int = 156895, block: int = 32, cached: bool = False) -> Convention:
    """LLaDA2: block-causal, aligned, no time, prompts, an added mask [B, 1, S, S] (arXiv 2512.15745).

    It has no published null condition. Here it is the prompt dropped: earlier blocks are never masked in training.
    `cached` is for code that accepts masks of fewer tokens that ask than are seen; the published one refuses them.
    """
    return _block_causal(vocab_size, mask_id, block, "blocks-added", "past" if cached else "none")


def sdar(vocab_size: int = 151936, mask_id: int = 151669, block: int = 4) -> Convention:
    """SDAR: block-causal, aligned, no time, prompts, `past_key_values` with `store_kv` (arXiv 2510.06303).

    It has no published null condition. Here it is the prompt dropped: earlier blocks are never masked in training.
    """
    return _block_causal(vocab_size, mask_id, block, "blocks", "past-stored")


def _block_causal(vocab_size: int, mask_id: int, block: int, attention: Attention, cache: Cache) -> Convention:
    """Called as `model(input_ids=, attention_mask=, position_ids=)`, with prompts."""
    return Convention(
        vocab_size=vocab_size,
        mask_id=mask_id,
        attention=attention,
        block=block,
        cache=cache,
        tokens_as="input_ids",
        positions_as="position_ids",
        null="drop",
    )


def _with_sigma(vocab_size: int, **rest: object) -> Convention:
    """Called as `model(input_ids=, timesteps=sigma)`."""
    return Convention(
        vocab_size=vocab_size,
        time="sigma",
        longest=_LONGEST,
        tokens_as="input_ids",
        time_as="timesteps",
        **rest,  # type: ignore[arg-type]
    )


def masked_lm(vocab_size: int, mask_id: int, special: tuple[int, ...] = (), pad_id: int = 0) -> Convention:
    """A masked language model of transformers: aligned, no time, prompts.

    The `special` tokens of the tokenizer are never drawn, and stay when the prompt is masked.
    """
    forbidden = tuple(token for token in special if token != mask_id)
    return Convention(
        vocab_size=vocab_size,
        mask_id=mask_id,
        forbidden=forbidden,
        attention="padding",
        tokens_as="input_ids",
        null="mask",
        kept=tuple(special),
        pad_id=pad_id,
    )


def flow_matching(vocab_size: int, source: Literal["mask", "uniform"] = "mask") -> Convention:
    """The package flow_matching: probabilities; time from 0 (noise) to 1 (data) (arXiv 2407.15595).

    The mask is token `vocab_size`. Its path must be the one of exponent 1, alpha = 1 - t.
    """
    choose("source of flow_matching", source, ("mask", "uniform"))
    return Convention(
        vocab_size=vocab_size,
        mask_id=vocab_size if source == "mask" else None,
        time="1-t",
        noise=Linear(),
        output="probabilities",
        tokens_as="x",
        time_as="t",
    )


CONVENTIONS: Registry[Convention] = Registry(
    "convention",
    Convention,
    {
        "llada": llada,
        "dream": dream,
        "mdlm": mdlm,
        "udlm": udlm,
        "duo": duo,
        "bd3lm": bd3lm,
        "llada2": llada2,
        "sdar": sdar,
        "masked-lm": masked_lm,
        "flow_matching": flow_matching,
    },
)
"""Conventions of published families, by name."""
