"""Selects real data with the proportions of the requested classes."""

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
"""Largest share of the samples whose combinations may be omitted because they are rare."""

Counts = NDArray[np.int64]


def requested_classes(dataset: Dataset, condition: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """The requested classes of `count` samples, for the conditions with classes. The number of classes is "not given".

    Raises:
        ValueError: If there is no sample, a condition is unknown, or there is not one value for each sample.
    """
    known = {condition.name: condition for condition in dataset.conditions}
    if count < 1:
        raise bad("samples", count, "at least one")
    for name, values in condition.items():
        if name not in known or values.shape != (count,):
            expected = f"one of {', '.join(known)} and [{count}], one value for each sample"
            raise bad("requested condition", f"{name} with shape {list(values.shape)}", expected)
    classes = {name: values.cpu().long() for name, values in condition.items() if known[name].n_classes}
    for name, values in classes.items():
        size = known[name].n_classes
        if not 0 <= int(values.min()) <= int(values.max()) <= size:
            got = f"from {int(values.min())} to {int(values.max())}"
            raise bad(f"labels of {name}", got, f"from 0 to {size - 1}, or {size} for not given")
    return classes


@dataclass(frozen=True, eq=False)
class Mixture:
    """The requested combinations of classes, and the number of samples of each.

    A perfect model draws samples like held-out sequences in the same mixture. So the figures of these sequences are the
    best values to expect. Compared sets should have the same number of each combination: `counts` gives these numbers,
    `take` selects real sequences, and `own` selects samples. Numbers are rounded by largest remainders, so all sets
    have the same size.

    Args:
        conditions: The C conditions with classes.
        patterns: The P combinations, [P, C]; the number of classes of a condition means "not given".
        numbers: Number of samples of each combination, [P]; 0 for omitted ones.
        groups: The combination of each sample, [N].
        aside: Names of the omitted combinations, which have too few real sequences.
    """

    conditions: tuple[Attribute, ...]
    patterns: Tensor
    numbers: Counts
    groups: Counts
    aside: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset, classes: Mapping[str, Tensor], count: int) -> Mixture:
        """The mixture of `count` samples; `classes` is the result of `requested_classes`."""
        conditions = tuple(condition for condition in dataset.conditions if condition.name in classes)
        if not conditions:
            one, numbers = torch.empty(1, 0, dtype=torch.int64), np.array([count])
            return cls((), one, numbers, np.zeros(count, dtype=np.int64))
        requested = torch.stack([classes[condition.name] for condition in conditions], 1)
        patterns, groups, numbers = requested.unique(dim=0, return_inverse=True, return_counts=True)
        return cls(conditions, patterns, numbers.numpy(), groups.numpy())

    @property
    def not_given(self) -> NDArray[np.bool_]:
        """The conditions that each combination does not give, [P, C]."""
        sizes = torch.tensor([condition.n_classes for condition in self.conditions], dtype=torch.int64)
        mask: NDArray[np.bool_] = (self.patterns == sizes).numpy()
        return mask

    @property
    def note(self) -> str:
        """A note about the omitted combinations; empty if there are none."""
        if not self.aside:
            return ""
        few = ", ".join(self.aside) if len(self.aside) <= 3 else f"{len(self.aside)} classes"
        return f"left aside, with too little real data: {few}"

    def kept(self, most: int, *splits: Split) -> Mixture:
        """The mixture without combinations that have too few sequences in one of the splits.

        Combinations without any sequence are omitted. The rarest combinations are omitted too, if they are at most a
        quarter of the samples, and the others alone allow more than twice as many sequences in the requested
        proportions. So a class with a single held-out sequence does not limit every other class to one sequence.

        Args:
            most: Number of sequences that is enough.
            splits: The splits with the real sequences.
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
        """The number of sequences of each combination that all splits have in the requested proportions, [P].

        Args:
            most: Largest number of sequences in all.
            splits: The splits with the real sequences. A sequence that fits two combinations counts for one only.
            drawn: Whether the samples must also contain these numbers.
        """
        requested, there = self.numbers.astype(float), self._there(splits)
        if not (self.numbers[there > 0] > 0).any():
            return np.zeros_like(self.numbers)
        requested[there == 0] = 0
        factor = min(most / requested.sum(), 1.0 if drawn else math.inf)
        for split in splits:
            fits = self._fits(split)
            use = (requested / np.maximum(fits.sum(1), 1)) @ fits  # use of each sequence, if all samples had a partner
            factor = min(factor, 1 / use.max())
        limit = np.minimum(there, self.numbers) if drawn else there
        return self._within(_rounded(factor * requested, np.where(requested > 0, limit, 0)), there)

    def take(self, split: Split, counts: Counts, seed: int = 0) -> tuple[Split, Counts]:
        """Selects `counts` different sequences of each combination at random. Returns them and their combinations.

        Combinations with and without "not given" take sequences from opposite ends of a random order. So sequences for
        "not given" are distributed as in the data, whatever else is selected.
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
        """Selects `counts` samples of each combination at random: their rows, in ascending order."""
        generator = np.random.default_rng(seed)
        rows = [generator.permutation(np.flatnonzero(self.groups == k))[:count] for k, count in enumerate(counts)]
        return np.sort(np.concatenate(rows))

    def _fits(self, split: Split) -> NDArray[np.bool_]:
        """Which sequences fit each combination, [P, N]."""
        empty = torch.empty(len(split), 0, dtype=torch.int64)
        real = torch.cat([empty, *(c.of(split.labels, split.properties)[:, None] for c in self.conditions)], 1).numpy()
        patterns, not_given = self.patterns.numpy(), self.not_given
        return np.stack([(open_ | (real == one)).all(1) for one, open_ in zip(patterns, not_given, strict=True)])

    def _there(self, splits: tuple[Split, ...]) -> Counts:
        """The number of sequences of each combination in the split with the fewest, [P]."""
        counts: Counts = np.stack([self._fits(split).sum(1) for split in splits]).min(0)
        return counts

    def _by_openness(self) -> Counts:
        """The combinations, sorted by their number of conditions that are not given."""
        return np.argsort(self.not_given.sum(1), kind="stable")

    def _within(self, counts: Counts, there: Counts) -> Counts:
        """Limits each count to the sequences that earlier combinations (`_by_openness`) certainly leave."""
        counts, before = counts.copy(), list[int]()
        for k in self._by_openness():
            open_ = self.not_given[before] | self.not_given[k]
            shared = (open_ | (self.patterns[before] == self.patterns[k]).numpy()).all(1)
            counts[k] = min(counts[k], max(0, there[k] - counts[before][shared].sum()))
            before.append(int(k))
        return counts

    def _named(self, number: int) -> str:
        """The name of a combination."""
        values = zip(self.conditions, self.patterns[number].tolist(), strict=True)
        names = [condition.class_names[value] for condition, value in values if value < condition.n_classes]
        return " and ".join(names) or "not given"


def _rounded(quotas: NDArray[np.float64], limit: Counts) -> Counts:
    """Rounds quotas to whole numbers by largest remainders, with the same sum (rounded down) and within limits."""
    counts = np.minimum(np.floor(quotas + 1e-9).astype(np.int64), limit)
    missing = math.floor(quotas.sum() + 1e-9) - int(counts.sum())
    able = np.argsort(np.where(counts < limit, counts - quotas, np.inf), kind="stable")
    counts[able[: max(0, min(missing, int((counts < limit).sum())))]] += 1
    return counts
