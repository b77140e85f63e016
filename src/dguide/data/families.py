"""Families of strings with most of their parts in common: near-copies, which belong into one part of a data set."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from .holdout import positions

__all__ = ["families", "family_positions"]


def families(texts: Sequence[str], size: int, share: float) -> list[int]:
    """For each string, the number of the first string of its family.

    Two strings are relatives if the shorter one has at least `share` of its runs of `size` characters in common with
    the other. Relatives of relatives are of the same family.

    >>> families(["GLFDIVKKV", "GLFDIVKKVA", "MSTNPKPQR"], 3, 0.5)
    [0, 0, 2]

    Args:
        texts: The strings. One of fewer than `size` characters is one run itself.
        size: Number of characters of a run.
        share: Share of the runs, above 0 and at most 1.
    """
    runs = [{text[start : start + size] for start in range(max(len(text) - size + 1, 1))} for text in texts]
    holders: dict[str, list[int]] = defaultdict(list)
    root = list(range(len(texts)))
    for number, own in enumerate(runs):
        shared = Counter(other for run in own for other in holders[run])
        for other, count in shared.items():
            if count >= share * min(len(own), len(runs[other])):
                _join(root, number, other)
        for run in own:
            holders[run].append(number)
    return [_first(root, number) for number in range(len(texts))]


def family_positions(texts: Sequence[str], family: Sequence[int]) -> Tensor:
    """Positions for `holdout.by_content`, [N] float64, equal within a family: a hash of its first member in order."""
    least: dict[int, str] = {}
    for text, number in zip(texts, family, strict=True):
        least[number] = min(text, least.get(number, text))
    place = dict(zip(least, positions(hashlib.sha256(text.encode()).digest() for text in least.values()), strict=True))
    return torch.stack([place[number] for number in family])


def _first(root: list[int], number: int) -> int:
    while root[number] != number:
        root[number] = root[root[number]]
        number = root[number]
    return number


def _join(root: list[int], one: int, other: int) -> None:
    low, high = sorted((_first(root, one), _first(root, other)))
    root[high] = low
