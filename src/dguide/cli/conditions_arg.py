"""Reads `--labels` and `--condition`, the conditions of the samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..data import Attribute
from ..errors import bad, choose

__all__ = ["in_turn", "read_conditions"]


def read_conditions(conditions: Sequence[Attribute], labels: str | None, others: Sequence[str]) -> dict[str, Tensor]:
    """The values of each condition for the samples 0, 1, ... in turn; a condition without values gets "not given".

    Args:
        conditions: The conditions of the model.
        labels: Classes of the first condition, separated by commas, or `all`. None means all, if `others` is empty.
        others: Texts `name=value,...`, each for one condition.

    Raises:
        ValueError: If a name or a value is unknown, or a condition occurs twice.
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
        name: condition.read(wanted[name]) if name in wanted else condition.not_given
        for name, condition in known.items()
    }


def in_turn(values: Tensor, first: int, count: int) -> Tensor:
    """The values for the samples from `first` to `first + count - 1`."""
    return values[(first % len(values) + torch.arange(count)) % len(values)]
