"""How a model is called by its convention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import bad
from .convention import Convention
from .vocabulary import answered

__all__ = ["device_of", "dtype_of", "logits_of"]


def logits_of(
    module: Callable[..., Any],
    told: Convention,
    ids: Tensor,
    *,
    time: Tensor | None = None,
    labels: Tensor | None = None,
    attention: Tensor | str | None = None,
    places: Tensor | None = None,
    more: Mapping[str, Any] | None = None,
) -> Tensor:
    """What a model answers, [b, S, columns], to tokens `ids` [b, S] in its numbers.

    Args:
        module: The model.
        told: Says under which names it takes the rest, and what else it is told.
        ids: The tokens.
        time: As the model is told it, [b].
        labels: [b].
        attention: What may be looked at.
        places: Position numbers [b, S].
        more: Further arguments by name.

    Raises:
        ValueError: If the answer has no row for each token.
    """
    unnamed: list[Any] = []
    named: dict[str, Any] = {**told.arguments, **(more or {})}
    values = [(told.tokens_as, ids), (told.time_as, time), (told.condition_as, labels), (told.attention_as, attention)]
    values += [] if told.positions_as is None else [(told.positions_as, places)]
    for name, value in values:
        if value is None:
            continue
        if name is None:
            unnamed.append(value)
        else:
            named[name] = value
    answer = answered(module(*unnamed, **named))
    if answer.shape[:2] != ids.shape:
        got, expected = list(answer.shape), f"[{', '.join(map(str, ids.shape))}, columns]"
        raise bad("answer of the model", got, f"{expected}, a row for each token that it reads")
    return answer


def dtype_of(module: Callable[..., Any]) -> torch.dtype:
    """The dtype that a model computes in."""
    parameters = module.parameters() if isinstance(module, nn.Module) else ()
    return next((each.dtype for each in parameters if each.dtype.is_floating_point), torch.get_default_dtype())


def device_of(module: Callable[..., Any]) -> torch.device:
    """The device of a model; the CPU for a function."""
    parameters = module.parameters() if isinstance(module, nn.Module) else ()
    return next((each.device for each in parameters), torch.device("cpu"))
