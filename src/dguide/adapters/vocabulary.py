"""Tokens in the numbers of a model, and its answers as logits of the tokens of samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, bad
from .convention import Convention

__all__ = ["Overflow", "answered", "as_logits", "as_read"]

_HALF = (torch.float16, torch.bfloat16)


class Overflow(InputError):
    """An answer in float16 is not finite."""


def as_read(convention: Convention, tokens: Tensor) -> Tensor:
    """The tokens of samples [B, L] as the model numbers them."""
    if convention.mask_id is None or convention.mask != convention.vocab_size:
        return tokens + convention.offset if convention.offset else tokens
    return torch.where(tokens == convention.vocab_size, convention.mask_id, tokens + convention.offset)


def answered(answer: Any) -> Tensor:
    """The tensor in what a model returned: itself, its `logits` as models of transformers have, or a first element."""
    found = answer
    if isinstance(answer, Mapping):
        found = answer.get("logits")
    elif isinstance(answer, (tuple, list)) and not hasattr(answer, "logits"):
        found = answer[0] if answer else None
    elif not isinstance(answer, Tensor):
        found = getattr(answer, "logits", None)
    if not isinstance(found, Tensor) or found.ndim != 3 or not found.dtype.is_floating_point:
        got = f"{found.dtype} {list(found.shape)}" if isinstance(found, Tensor) else type(answer).__name__
        expected = "a floating tensor [B, S, columns], or an object that has it as .logits"
        raise bad("answer of the model", got, expected, "Wrap the model in a function that returns the logits.")
    return found


def as_logits(convention: Convention, answer: Tensor) -> Tensor:
    """The answer [..., columns] as logits of the tokens of samples [..., V].

    Raises:
        Overflow: For float16 that is not finite.
        ValueError: For another number of columns, and probabilities in half precision or below 0.
    """
    first, size = convention.offset, convention.vocab_size
    columns = first + size if convention.columns is None else convention.columns
    if answer.shape[-1] != columns:
        remedy = f"If the others stand for nothing: Convention(columns={answer.shape[-1]})."
        raise bad("answer of the model", f"{answer.shape[-1]} columns", f"{columns}, as the convention says", remedy)
    logits = answer[..., first : first + size]
    if convention.output == "probabilities":
        logits = _log(logits)
    elif logits.dtype == torch.float16 and not bool(logits.amax(-1).isfinite().all()):
        got = "inf or NaN in float16, whose largest number is 65504"
        raise Overflow(str(bad("answer of the model", got, "numbers", "Load the model in bfloat16 or float32.")))
    if convention.forbidden:
        columns_without = torch.tensor(convention.forbidden, device=logits.device) - first
        logits = logits.index_fill(-1, columns_without, -math.inf)
    return logits


def _log(probabilities: Tensor) -> Tensor:
    """Their logarithm. Half precision would forbid tokens whose probability it cannot hold."""
    if probabilities.dtype in _HALF:
        remedy = "Let the model return them in float32, or return its logits."
        raise bad("answer of the model", f"probabilities in {probabilities.dtype}", "float32 or float64", remedy)
    if bool((probabilities < 0).any()):
        remedy = "If these are logits: Convention(output='logits')."
        raise bad("answer of the model", "numbers below 0", "probabilities, as the convention says", remedy)
    return probabilities.log()
