"""Chooses the held-out sequences, so that no held-out sequence is also in the training part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

__all__ = ["HELD_OUT", "by_content", "every_fifth", "first_copies", "positions", "unusable"]

HELD_OUT = 0.2
"""Share of the different sequences of a class that is held out."""
_FEWEST = 3
"""A class of fewer different sequences may be without a held-out one."""


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


def positions(contents: Iterable[bytes]) -> Tensor:
    """A number from 0 to below 1 for each content, uniform as a hash is, and the same in every data set, [N] float64.

    A part of a data set is an interval of these numbers: the held-out part is that below `HELD_OUT`, and a third part
    would be the next interval.
    """
    firsts = (hashlib.sha256(content).digest()[:6] for content in contents)
    return torch.tensor([int.from_bytes(first, "big") / 2**48 for first in firsts], dtype=torch.float64)


def by_content(labels: Tensor, position: Tensor) -> Tensor:
    """Marks the sequences whose position is below `HELD_OUT`: about a fifth of each class, [N] bool.

    So a sequence stays on its side when others come or go, and copies are on one side, even in several classes. Only
    small classes need more: a class keeps one to train on, that of the largest position, and one of at least three
    different sequences has one held out, that of the smallest position which leaves its classes one to train on.

    Args:
        labels: Classes, [N] int64.
        position: Positions, [N], equal for copies.
    """
    members: dict[int, set[float]] = {}
    classes: dict[float, set[int]] = {}
    for label, place in zip(labels.tolist(), position.tolist(), strict=True):
        members.setdefault(label, set()).add(place)
        classes.setdefault(place, set()).add(label)
    held_out = {place for place in classes if place < HELD_OUT}
    for label in sorted(members):
        if members[label] <= held_out:
            held_out.remove(max(members[label]))
    for label in sorted(members):
        if len(members[label]) < _FEWEST or members[label] & held_out:
            continue
        for place in sorted(members[label]):
            if all(members[other] - held_out - {place} for other in classes[place]):
                held_out.add(place)
                break
    return torch.tensor([place in held_out for place in position.tolist()], dtype=torch.bool)


def unusable(labels: Tensor, first: Tensor, held_out: Tensor, classes: Sequence[str] | None) -> dict[int, str]:
    """The held-out sequences that must be omitted, with reasons: copies of training sequences, or of a new class."""
    rows = held_out.nonzero().squeeze(-1).tolist()
    taught, learnt = set(labels[~held_out].tolist()), set(first[~held_out].tolist())
    gone = {row: "also in the training part" for row in rows if int(first[row]) in learnt}
    if classes is not None:
        alone = [row for row in rows if int(labels[row]) not in taught]
        gone |= {row: f"class {classes[row]} is not in the training part" for row in alone}
    return dict(sorted(gone.items()))
