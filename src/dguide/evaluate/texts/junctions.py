"""Figures of generated DNA around splice sites: the two bases that nearly every site has, and the law of each place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data import Dataset, Strings
from ...errors import require
from ..metric import Comparison, Metric
from ..statistics.estimate import Estimate, Rows, estimate
from ..statistics.intervals import share
from .beside import Drawn, beside
from .ngrams import divergence

__all__ = ["Junctions"]

_SITES = {"EI": (30, "GT"), "IE": (28, "AG")}
"""Where the two bases stand, and which they are, by class: an intron begins with GT and ends with AG."""
_BASES = frozenset("ACGT")

Judge = Callable[[Tensor], NDArray[np.int64]]


@dataclass(frozen=True)
class Junctions(Metric):
    """Whether sequences asked for as junctions are such, for data with the classes EI and IE, as `splice`.

    An intron nearly always begins with GT and ends with AG. *GT at EI* is the share of the sequences asked for as EI
    whose bases 31 and 32 are GT, *AG at IE* that of those asked for as IE whose bases 29 and 30 are AG. *Accuracy by
    place* is the share of sequences in which a classifier (logistic regression on the token of each place, of the
    training data) sees the class that was asked for. *Divergence by place* is the Jensen-Shannon divergence, in bits,
    between the tokens at a place in samples and in training data of the same class, mean over places and samples. It
    depends on the number of samples, and is for as many as there are held-out sequences.
    """

    def suits(self, dataset: Dataset) -> bool:
        codec = dataset.codec
        named = bool(dataset.conditions) and set(_SITES) <= set(dataset.class_names)
        return named and isinstance(codec, Strings) and set(codec.words[3:]) <= _BASES

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        dataset = comparison.dataset
        judge = _judge(dataset)

        def figures(drawn: Drawn) -> list[Estimate]:
            return [*_sites(drawn, dataset.class_names), *_accuracy(drawn, dataset.n_classes, judge)]

        return beside(comparison, figures, lambda drawn: _places(drawn, dataset, comparison.options))


def _sites(drawn: Drawn, names: Sequence[str]) -> list[Estimate]:
    """Shares of sequences with the two bases, of each class that was asked for."""
    found = []
    for name, (place, bases) in _SITES.items():
        rows = np.flatnonzero(drawn.labels == names.index(name))
        hits = np.array([drawn.texts[row][place : place + 2] == bases for row in rows], dtype=np.bool_)
        if len(rows):
            found.append(share(f"{bases} at {name}", hits, better="higher", members=drawn.members[rows]))
    return found


def _judge(dataset: Dataset) -> Judge:
    """A classifier of sequences by the token of each place, trained on the training part."""
    regression = require("sklearn.linear_model", "train").LogisticRegression(C=0.1, max_iter=1000)
    train = dataset.train
    regression.fit(_hot(train.tokens, dataset.vocab_size).flatten(1).numpy(), train.labels.numpy())

    def judge(tokens: Tensor) -> NDArray[np.int64]:
        classes: NDArray[np.int64] = regression.predict(_hot(tokens, dataset.vocab_size).flatten(1).numpy())
        return classes

    return judge


def _accuracy(drawn: Drawn, n_classes: int, judge: Judge) -> list[Estimate]:
    rows = np.flatnonzero(drawn.labels < n_classes)
    if not len(rows):
        return []
    hits = judge(drawn.tokens[rows]) == drawn.labels[rows]
    note = "logistic regression on the token of each place"
    return [share("accuracy by place", hits, better="higher", note=note, members=drawn.members[rows])]


def _places(drawn: Drawn, dataset: Dataset, options: dict[str, Any]) -> list[Estimate]:
    """The divergence from the training data of the same class at each place, mean over places and sequences."""
    given = np.flatnonzero(drawn.labels < dataset.n_classes)
    if not len(given):
        return []
    hot, labels = _hot(drawn.tokens[given], dataset.vocab_size), drawn.labels[given]
    real = _hot(dataset.train.tokens, dataset.vocab_size)
    laws = {label: real[dataset.train.labels == label].mean(0).numpy() for label in np.unique(labels).tolist()}

    def statistic(rows: Rows) -> float:
        some, asked = hot[rows], labels[rows]
        return sum(_apart(some[asked == label], law) for label, law in laws.items()) / len(rows)

    figure = estimate(
        "divergence by place",
        statistic,
        len(given),
        better="lower",
        note="Jensen-Shannon, bits",
        bounds=(0, 1),
        members=drawn.members[given],
        strata=labels,
        **options,
    )
    return [figure]


def _hot(tokens: Tensor, vocab_size: int) -> Tensor:
    """1 for the token of each place, else 0, [N, L, V] float64."""
    return torch.nn.functional.one_hot(tokens, vocab_size).double()


def _apart(hot: Tensor, law: NDArray[np.float64]) -> float:
    """The mean divergence of the places from their law, times the number of sequences."""
    if not len(hot):
        return 0.0
    own = hot.mean(0).numpy()
    return len(hot) * float(np.mean([divergence(p, q) for p, q in zip(own, law, strict=True)]))
