"""Embeds the condition of a network: a class, a number, or several of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import bad, positive

__all__ = [
    "Condition",
    "Conditions",
    "Numeric",
    "Sizes",
    "apply",
    "check_classes",
    "check_condition",
    "check_range",
    "check_sizes",
    "null_of",
]

Sizes = int | Mapping[str, int]
"""Number of classes; or the number of classes of each condition by name, 0 for a condition that is a number."""


Condition = Any
"""Classes [B] int64; or a dict with classes [B] int64 or numbers [B] for each condition."""


class Numeric(nn.Module):
    """Embeds a number by two layers. The value nan, "not given", has its own embedding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.untold = nn.Embedding(1, width)  # for "not given"; stored weights have this name
        self.first = nn.Linear(1, width)
        self.second = nn.Linear(width, width)

    def forward(self, value: Tensor) -> Tensor:
        known = torch.isfinite(value).unsqueeze(-1)
        number = torch.nan_to_num(value).unsqueeze(-1).to(self.first.weight.dtype)
        embedded: Tensor = self.second(F.silu(self.first(number)))
        return torch.where(known, embedded, self.untold.weight[0])


class Conditions(nn.Module):
    """Sum of the embeddings of several conditions. Each is a class (the last means "not given") or a number."""

    def __init__(self, sizes: Mapping[str, int], width: int) -> None:
        super().__init__()
        self.names = tuple(sizes)
        # A list, because the names of the user may not be valid names of attributes.
        self.parts = nn.ModuleList(nn.Embedding(size + 1, width) if size else Numeric(width) for size in sizes.values())

    def forward(self, condition: Mapping[str, Tensor]) -> Tensor:
        embedded = [part(condition[name]) for name, part in zip(self.names, self.parts, strict=True)]
        return torch.stack(embedded).sum(0)


def apply(function: Callable[..., Any], condition: Condition, *others: Condition) -> Condition:
    """Applies `function` to each tensor of the conditions. The result has the structure of the first."""
    if isinstance(condition, Mapping):
        return {name: function(part, *(other[name] for other in others)) for name, part in condition.items()}
    return function(condition, *others)


def check_sizes(sizes: Sizes) -> int | dict[str, int]:
    """Returns valid `sizes`. Raises `ValueError` for others."""
    if not isinstance(sizes, Mapping):
        return positive("n_classes", sizes)
    wrong = {name: size for name, size in sizes.items() if not isinstance(size, int) or size < 0}
    if wrong or not sizes:
        raise bad("n_classes", wrong or sizes, "a number of classes for each of at least one condition, 0 for a number")
    return dict(sizes)


def null_of(sizes: Sizes, condition: Condition) -> Condition:
    """The null condition in the structure of `condition`: the number of classes, or nan for a number."""
    if isinstance(sizes, Mapping):
        return {name: torch.full_like(condition[name], size or math.nan) for name, size in sizes.items()}
    return torch.full_like(condition, sizes)


def check_condition(sizes: Sizes, condition: object, batch: int) -> None:
    """Raises `ValueError` for conditions of another structure, shape or dtype. Does not read the values."""
    if not isinstance(sizes, Mapping):
        _check_part("labels", sizes, condition, batch)
        return
    if not isinstance(condition, Mapping) or condition.keys() != sizes.keys():
        got = f"names {sorted(condition)}" if isinstance(condition, Mapping) else type(condition).__name__
        raise bad("condition", got, f"a dict with one tensor for each of {sorted(sizes)}")
    for name, size in sizes.items():
        _check_part(f"condition {name!r}", size, condition[name], batch)


def _check_part(what: str, size: int, value: object, batch: int) -> None:
    wanted = "torch.int64" if size else "floating point"
    if not isinstance(value, Tensor):
        raise bad(what, type(value).__name__, f"a tensor, {wanted} [{batch}]")
    fits = value.dtype == torch.int64 if size else value.is_floating_point()
    if not fits or value.shape != (batch,):
        remedy = "Pass one class for each sequence." if size else "Pass one number for each sequence."
        raise bad(what, f"{value.dtype} {list(value.shape)}", f"{wanted} [{batch}]", remedy)


def check_classes(sizes: Sizes, condition: Condition) -> None:
    """Raises `ValueError` for classes out of range."""
    if isinstance(sizes, Mapping):
        for name, size in sizes.items():
            if size:
                check_range(f"condition {name!r}", condition[name], size + 1, f"Not given is {size}.")
    else:
        check_range("labels", condition, sizes + 1, f"The null label, no condition, is {sizes}.")


def check_range(what: str, values: Tensor, end: int, remedy: str) -> None:
    """Raises `ValueError` for values that are negative or not below `end`."""
    if not values.numel():
        return
    low, high = (int(value) for value in torch.aminmax(values))
    if low < 0 or high >= end:
        raise bad(what, f"values from {low} to {high}", f"values from 0 to {end - 1}", remedy)
