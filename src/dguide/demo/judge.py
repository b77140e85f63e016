"""Judges the samples of all cells of a grid, and real data in the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Dataset
from ..evaluate import Classifier, Proportion, frechet_distance, precision_recall
from ..evaluate.points.base import Shown

__all__ = ["Judge", "Quality"]


@dataclass(frozen=True)
class Quality:
    """The judgement of a set of sequences.

    Args:
        accuracy: Share in which a classifier, trained on real data, sees the requested class.
        precision: Share of the sequences within the support of the real ones.
        recall: Share of the real ones within the support of the sequences.
        frechet: Fréchet distance to the real sequences; smaller is better.
    """

    accuracy: Proportion
    precision: float
    recall: float
    frechet: float


@dataclass(frozen=True, eq=False)
class Judge:
    """Compares sequences with the training split of a data set, in pixel space.

    Precision, recall and Fréchet distance depend on the number of sequences: compare figures of equal sizes.

    Args:
        dataset: The real data.
        classifier: A classifier, trained on the training split.
        real: Features of the training split, [N, D].
    """

    dataset: Dataset
    classifier: Classifier
    real: NDArray[np.float64]

    @classmethod
    def fit(cls, dataset: Dataset) -> Judge:
        """Trains the classifier. Raises `dguide.errors.MissingExtra` if scikit-learn is not installed."""
        return cls(dataset, Classifier.fit(dataset), dataset.features(dataset.train.originals))

    def __call__(self, shown: Shown, labels: Tensor) -> Quality:
        """Judges tokens [N, L], or pictures, with the requested `labels` [N]; N is at least 4."""
        features = self.dataset.features(shown)
        neighbours = precision_recall(self.real, features)
        return Quality(
            self.classifier.accuracy(shown, labels),
            neighbours.precision,
            neighbours.recall,
            frechet_distance(self.real, features),
        )

    def ceiling(self, per_class: int, seed: int = 0) -> Quality:
        """Judges real data of the test part: `per_class` random sequences of each class, or all if there are fewer."""
        split = self.dataset.test.some(len(self.dataset.test), seed)
        rows = torch.cat([(split.labels == k).nonzero().squeeze(-1)[:per_class] for k in split.labels.unique()])
        chosen = split.take(rows)
        return self(chosen.originals, chosen.labels)
