"""A judge of labels that needs no training worth the name: a support vector machine on the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, as_tensor

from ...data import Dataset
from ...errors import bad, require
from ..statistics.proportion import Proportion, proportion

__all__ = ["Classifier"]


@dataclass(frozen=True)
class Classifier:
    """A judge of labels that learnt from real data alone: a support vector machine with a radial kernel.

    Args:
        dataset: What it learnt from.
        machine: The fitted `sklearn.svm.SVC`.
        held_out: Its accuracy on real data that it has not seen: the best that generated data can hope for.
    """

    dataset: Dataset
    machine: Any
    held_out: Proportion

    @classmethod
    def fit(cls, dataset: Dataset) -> Classifier:
        """Learns from the training split, and is tested on the held-out split.

        Raises:
            dguide.errors.MissingExtra: If scikit-learn is not installed.
        """
        machine = require("sklearn.svm", "train").SVC(C=10.0, gamma="scale")
        machine.fit(dataset.features(dataset.train.tokens), dataset.train.labels.numpy())
        real = dataset.held_out
        hits = int((machine.predict(dataset.features(real.tokens)) == real.labels.numpy()).sum())
        return cls(dataset, machine, proportion(hits, len(real)))

    def predict(self, tokens: Tensor) -> Tensor:
        """The class it sees in each sequence, [N] int64, from tokens [N, L]."""
        return as_tensor(self.machine.predict(self.dataset.features(tokens)))

    def accuracy(self, tokens: Tensor, labels: Tensor, confidence: float = 0.95) -> Proportion:
        """Share of sequences in which it sees the class that was asked for, with Wilson's interval.

        Args:
            tokens: Generated sequences, [N, L] int64.
            labels: The classes asked for, [N] int64.
            confidence: Of the interval.

        Raises:
            ValueError: If there is not one label for each sequence, or nothing at all.
        """
        if labels.shape != (len(tokens),) or len(tokens) == 0:
            raise bad("labels", list(labels.shape), f"[{len(tokens)}], one for each of at least one sequence")
        return proportion(int((self.predict(tokens) == labels.cpu()).sum()), len(tokens), confidence)
