"""Real data that a model would have to match: held out, and of the classes that were asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Attribute, Dataset, Split
from ..errors import bad

__all__ = ["Counts", "Mixture", "requested_classes"]

_RARE = 0.25
"""The largest share of what was asked that is left aside for being rare."""

Counts = NDArray[np.int64]


def requested_classes(dataset: Dataset, condition: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """What was asked of each of `count` samples under the conditions that are classes; K stands for "not told".

    Raises:
        ValueError: If there is no sample, no such condition, or not one value for each sample.
    """
    known = {condition.name: condition for condition in dataset.conditions}
    if count < 1:
        raise bad("samples", count, "at least one")
    for name, values in condition.items():
        if name not in known or values.shape != (count,):
            expected = f"one of {', '.join(known)} and [{count}], one value for each sample"
            raise bad("what was asked", f"{name} with shape {list(values.shape)}", expected)
    classes = {name: values.cpu().long() for name, values in condition.items() if known[name].n_classes}
    for name, values in classes.items():
        size = known[name].n_classes
        if not 0 <= int(values.min()) <= int(values.max()) <= size:
            got = f"from {int(values.min())} to {int(values.max())}"
            raise bad(f"labels of {name}", got, f"from 0 to {size - 1}, or {size} for not told")
    return classes


@dataclass(frozen=True, eq=False)
class Mixture:
    """The combinations of classes that were asked for, and how often each.

    A model that follows its condition perfectly draws such sequences as are held out in this mixture: what these get is
    the best it can hope for. What is compared should hold the same number of each combination: `counts` says how many
    that can be, `take` chooses real sequences, `own` the samples. Numbers are rounded by largest remainders, so that
    all of these have one size.

    Args:
        conditions: Those that are classes.
        patterns: Combinations, [P, C]; the number of classes of a condition stands for "not told".
        numbers: How many samples were asked for each; 0 for those left aside, [P].
        groups: The combination of each sample, [N].
        aside: Names of combinations of which too little is there.
    """

    conditions: tuple[Attribute, ...]
    patterns: Tensor
    numbers: Counts
    groups: Counts
    aside: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset, classes: Mapping[str, Tensor], count: int) -> Mixture:
        """That of `count` samples, for which `asked_classes` gave the classes."""
        conditions = tuple(condition for condition in dataset.conditions if condition.name in classes)
        if not conditions:
            one, numbers = torch.empty(1, 0, dtype=torch.int64), np.array([count])
            return cls((), one, numbers, np.zeros(count, dtype=np.int64))
        requested = torch.stack([classes[condition.name] for condition in conditions], 1)
        patterns, groups, numbers = requested.unique(dim=0, return_inverse=True, return_counts=True)
        return cls(conditions, patterns, numbers.numpy(), groups.numpy())

    @property
    def not_given(self) -> NDArray[np.bool_]:
        """What each combination leaves open, [P, C]."""
        sizes = torch.tensor([condition.n_classes for condition in self.conditions], dtype=torch.int64)
        mask: NDArray[np.bool_] = (self.patterns == sizes).numpy()
        return mask

    @property
    def note(self) -> str:
        """Which combinations were left aside; empty if none was."""
        if not self.aside:
            return ""
        few = ", ".join(self.aside) if len(self.aside) <= 3 else f"{len(self.aside)} classes"
        return f"left aside, with too little real data: {few}"

    def kept(self, most: int, *splits: Split) -> Mixture:
        """Without the combinations of which too little is in any of the splits.

        They are those of which there is nothing, and, as long as they are at most a quarter of what was asked, the
        rarest, if without them there is more than twice as much in the proportions asked for: one class with a single
        held-out sequence should not leave one sequence of every other.

        Args:
            most: The number of sequences beyond which there is enough.
            splits: Where they have to be.
        """
        there = self._there(splits)
        numbers = np.where(there > 0, self.numbers, 0)
        order = np.argsort(np.where(numbers > 0, there / np.maximum(numbers, 1), np.inf), kind="stable")
        order = order[: int((numbers > 0).sum())]
        if len(order):
            left = numbers[order].sum() - np.cumsum(numbers[order]) + numbers[order]
            able = left >= (1 - _RARE) * left[0]
            totals = np.minimum(most, there[order] / numbers[order] * left)[able]
            numbers[order[: int((2 * totals >= totals.max()).argmax())]] = 0
        gone = np.flatnonzero((numbers == 0) & (self.numbers > 0))
        return replace(self, numbers=numbers, aside=(*self.aside, *(self._named(int(k)) for k in gone)))

    def counts(self, most: int, *splits: Split, drawn: bool = False) -> Counts:
        """How many of each combination all splits hold in the proportions asked for, at most `most` in all, [P].

        Args:
            most: The largest number of sequences.
            splits: Where they have to be. A sequence that fits two combinations stands for one of them only.
            drawn: Whether as many have to be among the samples, too.
        """
        requested, there = self.numbers.astype(float), self._there(splits)
        if not (self.numbers[there > 0] > 0).any():
            return np.zeros_like(self.numbers)
        requested[there == 0] = 0
        factor = min(most / requested.sum(), 1.0 if drawn else math.inf)
        for split in splits:
            fits = self._fits(split)
            use = (requested / np.maximum(fits.sum(1), 1)) @ fits  # of each sequence, if all samples were to be matched
            factor = min(factor, 1 / use.max())
        limit = np.minimum(there, self.numbers) if drawn else there
        return self._within(_rounded(factor * requested, np.where(requested > 0, limit, 0)), there)

    def take(self, split: Split, counts: Counts, seed: int = 0) -> tuple[Split, Counts]:
        """So many different sequences of each combination in random order, and the combination of each.

        What leaves something open is taken from one end of the order and what is told from the other, so that it is as
        in the data whatever else is taken.
        """
        generator = np.random.default_rng(seed)
        order, fits = generator.permutation(len(split)), self._fits(split)
        free, open_ = np.ones(len(split), dtype=np.bool_), self.not_given.sum(1)
        group = np.full(len(split), -1)
        for k in self._by_openness():
            rows = order[(fits[k] & free)[order]]
            rows = rows[: counts[k]] if open_[k] or not counts[k] else rows[-counts[k] :]
            free[rows], group[rows] = False, k
        rows = generator.permutation(np.flatnonzero(group >= 0))
        return split.take(torch.from_numpy(rows)), group[rows]

    def own(self, counts: Counts, seed: int = 0) -> Counts:
        """Which samples to take for so many of each combination: rows in ascending order."""
        generator = np.random.default_rng(seed)
        rows = [generator.permutation(np.flatnonzero(self.groups == k))[:count] for k, count in enumerate(counts)]
        return np.sort(np.concatenate(rows))

    def _fits(self, split: Split) -> NDArray[np.bool_]:
        """Which sequences are of each combination, [P, N]."""
        empty = torch.empty(len(split), 0, dtype=torch.int64)
        real = torch.cat([empty, *(c.of(split.labels, split.properties)[:, None] for c in self.conditions)], 1).numpy()
        patterns, not_given = self.patterns.numpy(), self.not_given
        return np.stack([(open_ | (real == one)).all(1) for one, open_ in zip(patterns, not_given, strict=True)])

    def _there(self, splits: tuple[Split, ...]) -> Counts:
        """How many sequences of each combination every split has, [P]."""
        counts: Counts = np.stack([self._fits(split).sum(1) for split in splits]).min(0)
        return counts

    def _by_openness(self) -> Counts:
        """Combinations, those that leave least open first."""
        return np.argsort(self.not_given.sum(1), kind="stable")

    def _within(self, counts: Counts, there: Counts) -> Counts:
        """No more of a combination than is left of it, whatever is taken for those that leave less open."""
        counts, before = counts.copy(), list[int]()
        for k in self._by_openness():
            open_ = self.not_given[before] | self.not_given[k]
            shared = (open_ | (self.patterns[before] == self.patterns[k]).numpy()).all(1)
            counts[k] = min(counts[k], max(0, there[k] - counts[before][shared].sum()))
            before.append(int(k))
        return counts

    def _named(self, number: int) -> str:
        """What a combination is called."""
        values = zip(self.conditions, self.patterns[number].tolist(), strict=True)
        names = [condition.class_names[value] for condition, value in values if value < condition.n_classes]
        return " and ".join(names) or "not told"


def _rounded(quotas: NDArray[np.float64], limit: Counts) -> Counts:
    """Whole numbers that sum to what quotas do, rounded down, none above its limit: largest remainders."""
    counts = np.minimum(np.floor(quotas + 1e-9).astype(np.int64), limit)
    missing = math.floor(quotas.sum() + 1e-9) - int(counts.sum())
    able = np.argsort(np.where(counts < limit, counts - quotas, np.inf), kind="stable")
    counts[able[: max(0, min(missing, int((counts < limit).sum())))]] += 1
    return counts
