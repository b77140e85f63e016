"""A simple classifier of images or strings: a support vector machine on the features of the codec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, as_tensor

from ...data import Dataset
from ...errors import bad, require
from ..points.base import Shown
from ..statistics.proportion import Proportion, proportion

__all__ = ["Classifier"]


@dataclass(frozen=True)
class Classifier:
    """A classifier, trained on real data: a support vector machine with a radial kernel.

    Args:
        dataset: The data set of the training.
        machine: The fitted `sklearn.svm.SVC`.
        held_out: Its accuracy on held-out real data: the best value to expect for generated data.
    """

    dataset: Dataset
    machine: Any
    held_out: Proportion

    @classmethod
    def fit(cls, dataset: Dataset) -> Classifier:
        """Trains on the training split, and tests on the held-out split.

        Raises:
            dguide.errors.MissingExtra: If scikit-learn is not installed.
        """
        machine = require("sklearn.svm", "train").SVC(C=10.0, gamma="scale")
        machine.fit(dataset.features(dataset.train.originals), dataset.train.labels.numpy())
        real = dataset.test
        hits = int((machine.predict(dataset.features(real.originals)) == real.labels.numpy()).sum())
        return cls(dataset, machine, proportion(hits, len(real)))

    def predict(self, shown: Shown) -> Tensor:
        """The predicted class of each sequence, [N] int64, from tokens [N, L] or pictures."""
        return as_tensor(self.machine.predict(self.dataset.features(shown)))

    def accuracy(self, shown: Shown, labels: Tensor, confidence: float = 0.95) -> Proportion:
        """Share of sequences with the requested class as the prediction, with its mid-P interval.

        Args:
            shown: Generated sequences, [N, L] int64; or pictures, as of `Split.originals`.
            labels: The requested classes, [N] int64.
            confidence: Confidence level of the interval.

        Raises:
            ValueError: If there is not one label for each sequence, or no sequence.
        """
        if labels.shape != (len(shown),) or len(shown) == 0:
            raise bad("labels", list(labels.shape), f"[{len(shown)}], one for each of at least one sequence")
        return proportion(int((self.predict(shown) == labels.cpu()).sum()), len(shown), confidence)
