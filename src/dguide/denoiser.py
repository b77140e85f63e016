"""The contract of a denoiser, and how conditions travel: split, stacked, moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from .errors import bad, in_tensor, with_data

__all__ = [
    "BlockCausal",
    "Condition",
    "Denoiser",
    "Prefix",
    "batch_of",
    "check_same_structure",
    "copied",
    "in_turn",
    "shown",
    "stack",
    "take",
    "tensors_of",
    "to_device",
]

Condition = Any
"""A tensor, or dicts, lists and tuples of tensors, each with leading dimension B; None for no condition at all."""


class Denoiser(Protocol):
    r"""Any callable that predicts the clean tokens.

    ``denoiser(tokens [B, L] int64, time [B] float32, condition) -> logits [B, L, V]`` of
    $p(x_0^i = \cdot \mid x_t, c)$. Three optional attributes: ``null(condition)`` returns the same structure for "no
    condition" (needed for guidance without `reference`); ``time_dependent`` says whether `time` is read at all;
    ``prediction``, "posterior" or "leave-one-out", says which law it predicts (`dguide.Uniform`), and is compared with
    that of the process.

    >>> class Fair:
    ...     time_dependent = False
    ...     def __call__(self, tokens, time, condition):
    ...         return torch.zeros(*tokens.shape, 2)
    ...     def null(self, condition):
    ...         return condition
    >>> Fair()(torch.zeros(1, 3, dtype=torch.int64), torch.ones(1), None).shape
    torch.Size([1, 3, 2])
    """

    def __call__(self, tokens: Tensor, time: Tensor, condition: Condition, /) -> Tensor:
        """Logits [B, L, V]."""


class Prefix(Protocol):
    """What a block-causal network keeps of the tokens in front of the present block, for the rows of a batch.

    Blocks are columns [k size, (k + 1) size) that are counted from the first block of the sequences. Where a sequence
    begins within that block, the columns before it belong to the network: what stands in them is not read. It may also
    keep what it answered last in the present block (self-conditioning), which `append` ends.
    """

    def append(self, tokens: Tensor, /) -> None:
        """The present block, and any whole ones behind it, are final: `tokens` [R, n size] int64 of all rows."""

    def __call__(self, tokens: Tensor, time: Tensor, rows: Tensor, /) -> Tensor:
        """Logits [r, n, V] of the present block, n at most its size, from its `tokens` [r, size] and `time` [r].

        `rows` [r] says which of the rows they are, in rising order. Columns behind the end of the sequences may miss.
        """


class BlockCausal(Denoiser, Protocol):
    """A denoiser that reads its own block and those before it, and so can keep what it computed for those.

    `dguide.Blocks` samples it block after block. Attributes besides those of a `Denoiser`:

    ``block_size``, positions of a block; None for a network that reads everything.
    """

    block_size: int | None

    def lead(self, condition: Condition, count: int, /) -> Tensor:
        """How many columns of the first block stand before each sequence, [count] int64 from 0 to block_size - 1.

        More than 0 where the prompt ends within a block. `count` is the number of sequences.
        """

    def prefix(self, condition: Condition, count: int, length: int, /) -> Prefix | None:
        """A cache that is empty but for the prompts, for `count` sequences of `length` tokens; None without one."""


def _map(function: Callable[..., Any], first: Condition, *others: Condition) -> Condition:
    if first is None:
        return None
    if isinstance(first, Tensor):
        return function(first, *others)
    if isinstance(first, dict):
        return {key: _map(function, value, *(o[key] for o in others)) for key, value in first.items()}
    if isinstance(first, (list, tuple)):
        parts = [_map(function, *items) for items in zip(first, *others, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    raise bad("condition", type(first).__name__, "a tensor, or dicts, lists and tuples of tensors", in_tensor(first))


def tensors_of(condition: Condition) -> list[Tensor]:
    """All tensors in `condition`, in order."""
    found: list[Tensor] = []
    _map(found.append, condition)
    return found


def take(condition: Condition, rows: Tensor | slice) -> Condition:
    """The `rows` of every tensor in `condition`."""
    pick = (lambda x: x[rows]) if isinstance(rows, slice) else (lambda x: x.index_select(0, rows))
    return pick(condition) if isinstance(condition, Tensor) else _map(pick, condition)


def in_turn(condition: Condition, first: int, count: int) -> Condition:
    """The rows for the samples from number `first`; sample i gets row i mod K of each tensor with K rows."""
    return _map(lambda x: x[(first % len(x) + torch.arange(count)) % len(x)], condition)


def copied(condition: Condition) -> Condition:
    """`condition` with tensors of its own."""
    return _map(lambda x: x.clone(), condition)


def stack(first: Condition, second: Condition) -> Condition:
    """One condition with the rows of `first`, then those of `second`."""
    return _map(lambda x, y: torch.cat((x, y.to(x.device))), first, second)


def check_same_structure(condition: Condition, other: Condition, what: str) -> None:
    """Raise `ValueError` unless `other` can be stacked with `condition`: same structure, shapes and dtypes."""
    if isinstance(condition, dict) and isinstance(other, dict) and condition.keys() == other.keys():
        for key, part in condition.items():
            check_same_structure(part, other[key], f"{what}[{key!r}]")
    elif isinstance(condition, (list, tuple)) and isinstance(other, (list, tuple)) and len(condition) == len(other):
        for place, (part, twin) in enumerate(zip(condition, other, strict=True)):
            check_same_structure(part, twin, f"{what}[{place}]")
    elif _shown(condition) != _shown(other):
        raise bad(what, _shown(other), f"{_shown(condition)}, as in condition", _alike(condition, other))
    with_data(what, other)


def _alike(condition: Condition, other: Condition) -> str:
    """What to do about a part of a condition that has another shape."""
    if not isinstance(condition, Tensor):
        return ""
    if not isinstance(other, Tensor) or other.dtype != condition.dtype or not other.ndim == condition.ndim > 0:
        return in_tensor(other)
    if len(other) != len(condition):
        return "It has a row for each sample."
    return "Pad both to one width; for prompts of an adapted model: prompts(rows, like=condition)."


def shown(value: object) -> str:
    """A tensor by dtype and shape, and anything else by its class, for an error."""
    return f"{value.dtype} {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _shown(condition: Condition) -> str:
    """A tensor by dtype and shape, a dict by its keys, and anything else by its class."""
    if isinstance(condition, Tensor):
        return shown(condition)
    keys = f" of {', '.join(map(str, condition))}" if isinstance(condition, dict) else ""
    length = f" of {len(condition)}" if isinstance(condition, (list, tuple)) else ""
    return "None" if condition is None else f"{type(condition).__name__}{keys}{length}"


def to_device(condition: Condition, device: torch.device) -> Condition:
    """`condition` with every tensor on `device`."""
    return _map(lambda x: x.to(device), condition)


def batch_of(condition: Condition, what: str = "condition") -> int | None:
    """The common leading dimension of all tensors; None for no tensors. Raises `ValueError` if they differ."""
    sizes = {tuple(with_data(what, x).shape[:1]) for x in tensors_of(condition)}
    if len(sizes) > 1 or () in sizes:
        raise bad(what, f"leading dimensions {sorted(sizes)}", "tensors with one common leading dimension B")
    return next(iter(sizes))[0] if sizes else None
