"""Figures that compare samples with the test part of data, or with the validation part to choose with."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dguide.data import Dataset, Split, Written
from dguide.evaluate import Comparison, Estimate, Features, LearntFeatures, Metric, estimate
from dguide.evaluate.mixture import Mixture, requested_classes
from dguide.evaluate.points.distances import Normal
from dguide.evaluate.samples import suited
from dguide.evaluate.statistics.estimate import Rows, Statistic
from dguide.evaluate.texts.ngrams import NGrams, Sequences, divergence

__all__ = ["DivergenceTo", "FrechetTo", "frechet", "grams", "metrics"]

Part = Literal["validation", "test"]


@dataclass(frozen=True, eq=False)
class _ToPart(Metric):
    """A distance of all samples from all that a part has of the requested classes, in their proportions.

    Beside it stands that of training data, as many as there are in these proportions, at most as many as samples.
    """

    part: Part

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the figure."""

    @abstractmethod
    def distance(self, dataset: Dataset, real: Tensor, drawn: Tensor) -> Statistic:
        """The distance of the tokens at some rows of `drawn` [N, L] from `real` [M, L]."""

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        dataset, count = comparison.dataset, len(comparison.tokens)
        first = dataset.conditions[0].name
        classes = requested_classes(dataset, {first: comparison.labels}, count)
        part: Split = getattr(dataset, self.part)
        mixture = Mixture.of(dataset, classes, count).kept(count, part, dataset.train)
        real = mixture.take(part, mixture.counts(len(part), part), comparison.seed)[0]
        train = mixture.take(dataset.train, mixture.counts(count, dataset.train), comparison.seed)[0]
        perfect = self.distance(dataset, real.tokens, train.tokens)(np.arange(len(train)))
        drawn, strata = comparison.tokens, comparison.labels.cpu().numpy()
        figure = estimate(
            self.name,
            self.distance(dataset, real.tokens, drawn),
            count,
            best=perfect,
            better="lower",
            note=f"{len(real)} sequences of the {self.part} part, beside {len(train)} of the training part",
            bounds=(0, math.inf),
            strata=strata,
            **comparison.options,
        )
        return [figure.noted(mixture.note)]


@dataclass(frozen=True, eq=False)
class FrechetTo(_ToPart):
    """Fréchet distance of images."""

    features: Features

    @property
    def name(self) -> str:
        return f"Fréchet distance to {self.part} images"

    def suits(self, dataset: Dataset) -> bool:
        return dataset.shape is not None

    def distance(self, dataset: Dataset, real: Tensor, drawn: Tensor) -> Statistic:
        return frechet(self.features, real, drawn)


@dataclass(frozen=True, eq=False)
class DivergenceTo(_ToPart):
    """Jensen-Shannon divergence of the n-grams of strings, in bits."""

    order: int

    @property
    def name(self) -> str:
        return f"{self.order}-gram divergence to {self.part} strings"

    def suits(self, dataset: Dataset) -> bool:
        return isinstance(dataset.codec, Written)

    def distance(self, dataset: Dataset, real: Tensor, drawn: Tensor) -> Statistic:
        return grams(self.order, dataset, real, drawn)


def frechet(features: Features, real: Tensor, drawn: Tensor) -> Statistic:
    """The Fréchet distance of the images at some rows of `drawn` [N, L] from `real` [M, L]."""
    target, points = Normal.of(features(real)), features(drawn)
    return lambda rows: target.distance(Normal.of(points[rows]))


def grams(order: int, dataset: Dataset, real: Tensor, drawn: Tensor) -> Statistic:
    """The divergence of the n-grams of the strings at some rows of `drawn` [N, L] from those of `real` [M, L]."""
    target = NGrams.of(_framed(dataset, real), dataset.vocab_size, order)
    law = target.counts[-1] / max(target.counts[-1].sum(), 1)
    some = _framed(dataset, drawn)
    counts = _counts(target.numbers(some)[-1], len(law))
    total = (some.lengths - order + 1).clip(0)

    def statistic(rows: Rows) -> float:
        every = int(total[rows].sum())
        return divergence(counts[rows].sum(0) / every, law) if every else math.nan

    return statistic


def _framed(dataset: Dataset, tokens: Tensor) -> Sequences:
    """Sequences without the padding at their end."""
    assert isinstance(dataset.codec, Written)
    padding, numbers = dataset.codec.encode("")[-1], tokens.cpu().numpy()
    there = (numbers[:, ::-1] != padding).cumsum(1)[:, ::-1] > 0
    return Sequences.of(numbers, there)


def _counts(numbers: NDArray[np.int64], kinds: int) -> NDArray[np.int32]:
    """How often each kind occurs in each sequence, [N, G]; -1 is none of them."""
    counts = np.zeros((len(numbers), kinds), dtype=np.int32)
    row, place = np.nonzero(numbers >= 0)
    np.add.at(counts, (row, numbers[row, place]), 1)
    return counts


def metrics(dataset: Dataset, figures: Sequence[str], seed: int) -> tuple[Metric, ...]:
    """The metrics that suit the data, ready for many sets of samples, and those to a part that `figures` name."""
    usual = tuple(each.prepared(dataset, seed) for each in suited(dataset))
    wanted = [figure for figure in dict.fromkeys(figures) if " to test " in figure or " to validation " in figure]
    if not wanted:
        return usual
    if dataset.shape is not None:
        features = LearntFeatures.fit(dataset, seed=seed)
        return (*usual, *(FrechetTo(_part(figure), features) for figure in wanted))
    return (*usual, *(DivergenceTo(_part(figure), int(figure.partition("-")[0])) for figure in wanted))


def _part(figure: str) -> Part:
    return "test" if " to test " in figure else "validation"
