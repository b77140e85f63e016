"""Divides sequences into three parts: training, validation and test, so that no sequence is in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

__all__ = [
    "TEST",
    "TRAIN",
    "VALIDATION",
    "by_content",
    "first_copies",
    "in_turn",
    "positions",
    "unusable",
    "with_validation",
]

TRAIN, VALIDATION, TEST = range(3)
"""Numbers of the parts. A model learns from the first, the second chooses among models, the third only reports."""
_TEST_BELOW, _VALIDATION_BELOW = 0.2, 0.3
"""Positions of the test part, and behind them of the validation part: 20 % and 10 % of the different sequences."""
_FEWEST_TO_TEST, _FEWEST_TO_VALIDATE = 3, 4
"""A class of fewer different sequences may be without one in the test part, and in the validation part."""


def in_turn(labels: Tensor, tokens: Tensor) -> Tensor:
    """Divides the members of each class in their order: stratified, not random. Copies are in the part of the first.

    The third of five members (the third, the eighth, ...) is for the test, the first of ten for the validation.

    Args:
        labels: Classes in the order of the data, [N] int64.
        tokens: The sequences, [N, L] int64.

    Returns:
        The part of each member, [N] int64.
    """
    part = torch.full_like(labels, TRAIN)
    for label in set(labels.tolist()):
        members = (labels == label).nonzero().squeeze(-1)
        part[members[::10]] = VALIDATION
        part[members[2::5]] = TEST
    return part[first_copies(tokens)]


def first_copies(tokens: Tensor) -> Tensor:
    """For each sequence, the number of the first equal sequence, [N] int64."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.sha256(row.tobytes()).digest() for row in tokens.numpy())
    return torch.tensor([seen.setdefault(digest, row) for row, digest in enumerate(digests)], dtype=torch.int64)


def positions(contents: Iterable[bytes]) -> Tensor:
    """A number from 0 to below 1 for each content, uniform as a hash is, and the same in every data set, [N] float64.

    A part of a data set is an interval of these numbers.
    """
    firsts = (hashlib.sha256(content).digest()[:6] for content in contents)
    return torch.tensor([int.from_bytes(first, "big") / 2**48 for first in firsts], dtype=torch.float64)


def by_content(labels: Tensor, position: Tensor) -> Tensor:
    """Divides sequences by their positions: about 20 % of each class for the test and 10 % for the validation.

    So a sequence stays in its part when others come or go, and copies are in one part, even in several classes. Only
    small classes need more. A class keeps one sequence to train on, that of the largest position. A class of at least
    three different sequences has one in the test part, and one of at least four has one in each part, if the other
    classes of a sequence allow it: that of the smallest position.

    Args:
        labels: Classes, [N] int64.
        position: Positions, [N], equal for copies.

    Returns:
        The part of each sequence, [N] int64.
    """
    members, classes = _places(labels, position)
    sizes = {label: len(members[label]) for label in sorted(members)}
    to_test = [label for label, size in sizes.items() if size >= _FEWEST_TO_TEST]
    to_validate = [label for label, size in sizes.items() if size >= _FEWEST_TO_VALIDATE]
    kept = {label: 2 if label in to_validate else 1 for label in sizes}
    test = _part(members, classes, (0, _TEST_BELOW), to_test, kept)
    left = {label: places - test for label, places in members.items()}
    validation = _part(left, classes, (_TEST_BELOW, _VALIDATION_BELOW), to_validate, dict.fromkeys(sizes, 1))
    codes = [TEST if place in test else VALIDATION if place in validation else TRAIN for place in position.tolist()]
    return torch.tensor(codes, dtype=torch.int64)


def with_validation(labels: Tensor, position: Tensor, part: Tensor) -> Tensor:
    """The same parts; if none is for the validation, 10 % of the training part are, as in `by_content`.

    Args:
        labels: Classes, [N] int64.
        position: Positions, [N], equal for copies.
        part: The part of each sequence, [N] int64.
    """
    if (part == VALIDATION).any():
        return part
    taught = part == TRAIN
    members, classes = _places(labels[taught], position[taught])
    large = [label for label in sorted(members) if len(members[label]) >= _FEWEST_TO_VALIDATE - 1]
    chosen = _part(members, classes, (_TEST_BELOW, _VALIDATION_BELOW), large, dict.fromkeys(members, 1))
    moved = torch.tensor([place in chosen for place in position.tolist()], dtype=torch.bool)
    return torch.where(taught & moved, VALIDATION, part)


def _places(labels: Tensor, position: Tensor) -> tuple[dict[int, set[float]], dict[float, set[int]]]:
    """The positions of each class, and the classes of each position."""
    members: dict[int, set[float]] = {}
    classes: dict[float, set[int]] = {}
    for label, place in zip(labels.tolist(), position.tolist(), strict=True):
        members.setdefault(label, set()).add(place)
        classes.setdefault(place, set()).add(label)
    return members, classes


def _part(
    members: Mapping[int, set[float]],
    classes: Mapping[float, set[int]],
    interval: tuple[float, float],
    large: Sequence[int],
    kept: Mapping[int, int],
) -> set[float]:
    """The positions of an interval; but `kept` of each class are others, and one of each class in `large` is chosen."""
    first, end = interval
    chosen = {place for places in members.values() for place in places if first <= place < end}
    for label in sorted(members):
        while len(members[label] - chosen) < kept[label]:
            chosen.remove(max(members[label] & chosen))
    for label in large:
        if members[label] & chosen:
            continue
        for place in sorted(members[label]):
            if all(len(members[other] - chosen - {place}) >= kept[other] for other in classes[place]):
                chosen.add(place)
                break
    return chosen


def unusable(labels: Tensor, first: Tensor, part: Tensor, classes: Sequence[str] | None) -> dict[int, str]:
    """The sequences that must be omitted, with reasons: copies of another part, or a class without a training sequence.

    A copy stays in the training part, or else in the test part.
    """
    gone: dict[int, str] = {}
    for code, others in ((TEST, {TRAIN: "training"}), (VALIDATION, {TRAIN: "training", TEST: "test"})):
        for other, name in others.items():
            there = set(first[part == other].tolist())
            rows = (part == code).nonzero().squeeze(-1).tolist()
            gone |= {row: f"also in the {name} part" for row in rows if row not in gone and int(first[row]) in there}
    if classes is not None:
        taught = set(labels[part == TRAIN].tolist())
        alone = [row for row in (part != TRAIN).nonzero().squeeze(-1).tolist() if int(labels[row]) not in taught]
        gone |= {row: f"class {classes[row]} is not in the training part" for row in alone}
    return dict(sorted(gone.items()))
