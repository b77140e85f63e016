"""What the config of a model and its tokenizer say about tokens, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ...errors import Mistakes, bad

__all__ = ["Facts", "check_tokenizer", "end_tokens", "facts"]

_CONTEXT = ("max_position_embeddings", "max_sequence_length", "n_positions")
"""Names in configs of the most tokens that a model reads."""
_SPARE, _SPARE_SHARE = 128, 0.02
"""Columns without a token: so many, or this share of all, are padding. More are a sign of another tokenizer."""
_METHODS = ("get_vocab", "convert_ids_to_tokens", "decode")


@dataclass(frozen=True)
class Facts:
    """Facts about a model and its tokenizer.

    Attributes:
        columns: Columns of the logits.
        tokens: V, one more than the largest token.
        gaps: Numbers below V that are no token.
        mask_id: The mask token.
        special: The special tokens, the mask among them.
        pad_id: What stands in padding.
        context: The most tokens of a row; None if nothing says so.
    """

    columns: int
    tokens: int
    gaps: tuple[int, ...]
    mask_id: int
    special: tuple[int, ...]
    pad_id: int
    context: int | None


def facts(model: Any, tokenizer: Any) -> Facts:
    """What a loaded model of transformers and its tokenizer say.

    Raises:
        ValueError: With all that is wrong at once: no config, no mask token, or a tokenizer of another model.
    """
    mistakes = Mistakes()
    config = getattr(model, "config", None)
    columns = getattr(config, "vocab_size", None)
    if not isinstance(columns, int):
        remedy = "Of other models: convention=dguide.Convention(...)."
        mistakes.add(
            bad("model", f"{type(model).__name__} without config.vocab_size", "a model of transformers", remedy)
        )
    if isinstance(model, nn.Module) and model.training:
        mistakes.add(bad("model", f"{type(model).__name__} in training mode", "evaluation mode", "Call .eval() on it."))
    mistakes.of(lambda: check_tokenizer(tokenizer))
    mistakes.settle()
    assert isinstance(columns, int)
    columns = _columns(model, columns)
    known = set(tokenizer.get_vocab().values())
    mistakes.of(lambda: _same_vocabulary(known, columns))
    mask = mistakes.of(lambda: _mask(config, tokenizer, known))
    mistakes.settle()
    assert mask is not None
    tokens = max(known) + 1
    pad = getattr(config, "pad_token_id", None)
    return Facts(
        columns=columns,
        tokens=tokens,
        gaps=tuple(token for token in range(tokens) if token not in known),
        mask_id=mask,
        special=tuple(sorted({*tokenizer.all_special_ids, mask})),
        pad_id=next((each for each in (pad, tokenizer.pad_token_id) if each is not None), 0),
        context=_context(model),
    )


def check_tokenizer(tokenizer: Any) -> None:
    """Refuses what is no tokenizer of transformers."""
    if not (callable(tokenizer) and all(callable(getattr(tokenizer, name, None)) for name in _METHODS)):
        raise bad("tokenizer", type(tokenizer).__name__, "a tokenizer of transformers")


def _columns(model: Any, size: int) -> int:
    """Columns of the logits: rows of the output layer, which may be padded beyond `size`."""
    try:
        layer = model.get_output_embeddings()
    except (AttributeError, NotImplementedError):
        return size
    return int(getattr(layer, "out_features", getattr(layer, "num_embeddings", size)))


def _same_vocabulary(known: set[int], columns: int) -> None:
    """Refuses a tokenizer that is not that of the model."""
    remedy = "Load both from the same checkpoint."
    if not known or max(known) >= columns:
        got = f"tokens up to {max(known, default='none')}"
        raise bad("tokenizer", got, f"numbers below {columns}, the columns of the model", remedy)
    spare = columns - len(known)
    if spare > max(_SPARE, _SPARE_SHARE * columns):
        got = f"{len(known)} tokens for a model with {columns} columns"
        raise bad("tokenizer", got, "a token for nearly every column", f"{remedy} If it is right: convention=.")


def _mask(config: Any, tokenizer: Any, known: set[int]) -> int:
    """The mask token, which config or tokenizer name."""
    said = {"config.mask_token_id": getattr(config, "mask_token_id", None)}
    said["tokenizer.mask_token_id"] = getattr(tokenizer, "mask_token_id", None)
    named = {name: token for name, token in said.items() if token is not None}
    if not named:
        remedy = "A model that learnt none cannot fill in masks. If it has one: tokenizer.mask_token = ..."
        raise bad("tokenizer", "no mask token, and none in the config", "one", remedy)
    if len(set(named.values())) > 1:
        got = " and ".join(f"{token} in {name}" for name, token in named.items())
        raise bad("mask token", got, "the same", "Load both from the same checkpoint.")
    mask = int(next(iter(named.values())))
    if mask not in known:
        raise bad("mask token", f"{mask}, which the tokenizer does not have", "one of its tokens")
    return mask


def end_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Tokens that end a text, by tokenizer, config and generation config."""
    found: set[int] = set()
    said = [getattr(tokenizer, "eos_token_id", None)]
    said += [getattr(getattr(model, name, None), "eos_token_id", None) for name in ("config", "generation_config")]
    for each in said:
        found |= set(each) if isinstance(each, Iterable) else {each} if each is not None else set()
    return tuple(sorted(found))


def _context(model: Any) -> int | None:
    """The most tokens of a row. Positions of the RoBERTa family begin behind that of padding."""
    limits = [getattr(model.config, name, None) for name in _CONTEXT]
    known = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    absolute = getattr(model.config, "position_embedding_type", "absolute") == "absolute"
    for name, part in model.named_modules() if absolute and isinstance(model, nn.Module) else ():
        if name.endswith("position_embeddings") and isinstance(part, nn.Embedding):
            first = 0 if part.padding_idx is None else part.padding_idx + 1
            known.append(part.num_embeddings - first)
    return min(known, default=None)
