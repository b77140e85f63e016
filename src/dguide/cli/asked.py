"""What samples are asked to be: `--labels` and `--condition`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..data import Attribute
from ..errors import bad, choose

__all__ = ["asked", "in_turn"]


def asked(conditions: Sequence[Attribute], labels: str | None, others: Sequence[str]) -> dict[str, Tensor]:
    """The values that samples number 0, 1, ... have in turn, for each condition; what is not asked for is "not told".

    Args:
        conditions: What the model can be told.
        labels: Classes of the first condition, separated by commas, or `all`; None for all, if nothing else is asked.
        others: `name=value,...`, each for one condition.

    Raises:
        ValueError: For names and values that are none, and for what is asked twice.
    """
    known = {condition.name: condition for condition in conditions}
    wanted: dict[str, str] = {}
    if labels is not None or not others:
        wanted[conditions[0].name] = "all" if labels is None else labels
    for text in others:
        name, equals, values = text.partition("=")
        if not equals:
            raise bad("--condition", repr(text), "NAME=VALUE,... with one of " + ", ".join(known))
        if choose("condition", name, known) in wanted:
            raise bad("--condition", f"{name} twice", "each condition once")
        wanted[name] = values
    return {
        name: condition.read(wanted[name]) if name in wanted else condition.untold for name, condition in known.items()
    }


def in_turn(values: Tensor, first: int, count: int) -> Tensor:
    """The values of samples number `first` to `first + count`."""
    return values[(first % len(values) + torch.arange(count)) % len(values)]
