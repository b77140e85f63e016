"""Which family a language model is of, and its convention with the numbers of config and tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...errors import bad, choose
from ..adapt import Adapted, adapt
from ..convention import Convention
from ..presets import CONVENTIONS, dream, llada, masked_lm
from .facts import Facts, facts

__all__ = ["FAMILIES", "convention_of", "family_of", "language_model", "without_padding_read"]


def _of_masked_lm(known: Facts) -> Convention:
    return masked_lm(known.tokens, known.mask_id, known.special, known.pad_id)


def _of_llada(known: Facts) -> Convention:
    return llada(known.tokens, known.mask_id)


def _of_dream(known: Facts) -> Convention:
    return dream(known.tokens, known.mask_id)


FAMILIES: dict[str, Callable[[Facts], Convention]] = {
    "masked-lm": _of_masked_lm,
    "llada": _of_llada,
    "dream": _of_dream,
}
"""Families whose convention follows from config and tokenizer, by the names of `CONVENTIONS`."""


def family_of(model: Any) -> str:
    """The family of a loaded model, by `model_type` and `architectures` of its config and by its class.

    Raises:
        ValueError: If it is of none, naming the convention that is to be given by hand.

    >>> from types import SimpleNamespace
    >>> family_of(SimpleNamespace(config=SimpleNamespace(model_type="Dream", architectures=["DreamModel"])))
    'dream'
    """
    if isinstance(model, str):
        raise bad(
            "model", repr(model), "a loaded model", "Load it by AutoModelForMaskedLM.from_pretrained(...), or such."
        )
    config = getattr(model, "config", None)
    kind = str(getattr(config, "model_type", "")).casefold()
    classes = [*(getattr(config, "architectures", None) or ()), type(model).__name__]
    causal = getattr(config, "is_encoder_decoder", False) or getattr(config, "is_decoder", False)
    if kind in FAMILIES:
        return kind
    if any(name.endswith("ForMaskedLM") for name in classes) and not causal:
        return "masked-lm"
    got = f"model_type {kind!r} of class {classes[0]}" + (", a decoder" if causal else "")
    if kind in CONVENTIONS:
        remedy = f"dguide.adapt(model, {kind!r}, ...) makes a denoiser of it, for dguide.sample."
    else:
        remedy = f"Of a model that is called as one of these: convention={'|'.join(map(repr, FAMILIES))}. Of any "
        remedy += "other one that predicts all masks at once: convention=dguide.Convention(...)."
    raise bad("family of the model", got, "a bidirectional model: masked-lm (...ForMaskedLM), llada or dream", remedy)


def convention_of(model: Any, tokenizer: Any, family: str | None = None) -> Convention:
    """The convention of a loaded model of transformers with its tokenizer.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        family: A name in `FAMILIES`, for a model that is called as those are. By default what its config says.

    Raises:
        ValueError: If it is of no family, has no mask token, or the tokenizer is that of another model.
    """
    name = family_of(model) if family is None else choose("family of models", family, FAMILIES)
    known = facts(model, tokenizer)
    convention = FAMILIES[name](known)
    forbidden = {*convention.forbidden, *known.gaps} - {known.mask_id}
    return replace(
        convention,
        columns=known.columns,
        forbidden=tuple(sorted(forbidden)),
        pad_id=known.pad_id,
        context=known.context,
    )


def language_model(model: Any, tokenizer: Any, family: str | None = None) -> Adapted:
    """A language model of transformers as a denoiser, with the numbers of its config and tokenizer.

    For any `AutoModelForMaskedLM` (BERT, RoBERTa, ModernBERT, ESM-2, ...), LLaDA and Dream. Tokens of samples have the
    numbers of the tokenizer. Its prompts are conditions: `Adapted.prompts` in front of the samples, `Adapted.holes` for
    texts with masks.

    The model is called once, to see whether it heeds its attention mask. LLaDA as it was first published does not. It
    then gets no padding: prompts of each length are a call of their own.

    Args:
        model: The loaded model, in evaluation mode.
        tokenizer: Its tokenizer.
        family: As of `convention_of`.

    Returns:
        `Adapted`, with `process` and `convention`.

    Raises:
        ValueError: As `convention_of`, and if the model is in training mode.
    """
    return without_padding_read(adapt(model, convention_of(model, tokenizer, family)))


def without_padding_read(denoiser: Adapted) -> Adapted:
    """The denoiser; if its model reads padding, one that gets none."""
    if not denoiser.reads_padding():
        return denoiser
    return adapt(denoiser.module, replace(denoiser.convention, attention="none"))
