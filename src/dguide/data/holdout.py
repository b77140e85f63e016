"""Chooses the held-out sequences, so that no held-out sequence is also in the training part."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["every_fifth", "every_fifth_different", "first_copies", "unusable"]


def every_fifth(labels: Tensor) -> Tensor:
    """Marks every fifth member of each class (the third, the eighth, ...): a stratified 20 %, not random.

    Args:
        labels: Classes in the order of the data, [N] int64.

    Returns:
        True where held out, [N] bool.
    """
    chosen = torch.zeros_like(labels, dtype=torch.bool)
    for label in set(labels.tolist()):
        members = (labels == label).nonzero().squeeze(-1)
        chosen[members[2::5]] = True
    return chosen


def first_copies(tokens: Tensor) -> Tensor:
    """For each sequence, the number of the first equal sequence, [N] int64."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.sha256(row.tobytes()).digest() for row in tokens.numpy())
    return torch.tensor([seen.setdefault(digest, row) for row, digest in enumerate(digests)], dtype=torch.int64)


def every_fifth_different(labels: Tensor, first: Tensor) -> Tensor:
    """Marks every fifth different sequence of each class (the third, the eighth, ...) and its copies, [N] bool.

    If a copy in another class is already in the training part, the next sequence of the class is marked instead.
    """
    chosen: list[bool] = []
    known: set[tuple[int, int]] = set()
    members, held_out = Counter[int](), Counter[int]()
    for row, (label, copied) in enumerate(zip(labels.tolist(), first.tolist(), strict=True)):
        new = (label, copied) not in known
        known.add((label, copied))
        members[label] += new
        chosen.append(chosen[copied] if copied < row else held_out[label] < (members[label] + 2) // 5)
        held_out[label] += new and chosen[row]
    return torch.tensor(chosen)


def unusable(labels: Tensor, first: Tensor, held_out: Tensor, classes: Sequence[str] | None) -> dict[int, str]:
    """The held-out sequences that must be omitted, with reasons: copies of training sequences, or of a new class."""
    rows = held_out.nonzero().squeeze(-1).tolist()
    taught, learnt = set(labels[~held_out].tolist()), set(first[~held_out].tolist())
    gone = {row: "also in the training part" for row in rows if int(first[row]) in learnt}
    if classes is not None:
        alone = [row for row in rows if int(labels[row]) not in taught]
        gone |= {row: f"class {classes[row]} is not in the training part" for row in alone}
    return dict(sorted(gone.items()))
