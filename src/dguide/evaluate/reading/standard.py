"""Standard classifiers that learn the same training part: what would do instead of reading with the model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data import Attribute, Dataset, Learnt, Pixels, Split, Written
from ...errors import require
from ...progress import counted
from ..images.network import LearntFeatures
from ..points.base import Shown
from .classes import Reading, class_counts

__all__ = ["CLASSIFIERS", "MOST", "Standard", "forest", "standard_classifiers"]

TREES = 200
MOST = 20_000
"""Most sequences that the forest learns from: more cost minutes, and change little."""

Predict = Callable[[Any], Tensor]
"""Gives the log-probability of each class, [N, C], for sequences as of `Split.originals`."""


@dataclass(frozen=True, eq=False)
class Standard:
    """What a standard classifier answers for N sequences.

    Args:
        name: Name of the classifier.
        reading: Its probabilities, in the form of a reading: they are proportional to `p(c) exp(-nats_c)`, so
            temperature and prior act on them in the same way.
        seconds: Time for one sequence.
        training: Seconds of the training.
    """

    name: str
    reading: Reading
    seconds: float
    training: float


def random_forest(dataset: Dataset, seed: int) -> Predict:
    """A random forest on pixels, or on weighted n-grams of characters (n = 1 to 4) for strings."""
    split, size = dataset.train.some(MOST, seed), dataset.n_classes
    codec = dataset.codec
    points: Callable[[Any], object]
    if dataset.shape is None and isinstance(codec, Written):
        module, decode = require("sklearn.feature_extraction.text", "train"), codec.decode
        grams = module.TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, sublinear_tf=True)
        grams.fit(decode(split.tokens))

        def points(tokens: Any) -> object:
            return grams.transform(decode(tokens))
    elif dataset.shape is None:
        points = np.asarray
    else:
        points = dataset.features
    predict = forest(points(split.originals), split.labels, size, seed)
    return lambda shown: predict(points(shown))


def forest(points: object, labels: Tensor, n_classes: int, seed: int) -> Callable[[object], Tensor]:
    """Trains a random forest on points with classes [N]; gives a function for log-probabilities [n, C] of others.

    Each tree has one vote, and one more vote is divided between all classes: no probability is 0.

    Source: Breiman, "Random forests", Machine Learning 45, 2001; scikit-learn, with its default options.
    """
    trees = require("sklearn.ensemble", "train").RandomForestClassifier(TREES, random_state=seed)
    trees.fit(points, labels.numpy())

    def predict(others: object) -> Tensor:
        probabilities = trees.predict_proba(others)
        votes = np.zeros((len(probabilities), n_classes))
        votes[:, trees.classes_] = TREES * probabilities
        return torch.from_numpy(np.log((votes + 1 / n_classes) / (TREES + 1)))

    return predict


def small_network(dataset: Dataset, seed: int) -> Predict | None:
    """The convolutional network of `LearntFeatures`; None for data that are no images."""
    return LearntFeatures.fit(dataset, seed=seed).log_probs if isinstance(dataset.codec, Pixels | Learnt) else None


CLASSIFIERS: Mapping[str, Callable[[Dataset, int], Predict | None]] = {
    "random forest": random_forest,
    "small network": small_network,
}
"""Trains each of them on the training part: from a data set and a seed. None if it does not suit the data."""


def standard_classifiers(
    dataset: Dataset, condition: Attribute, shown: Shown, log_prior: Tensor, seed: int = 0
) -> tuple[Standard, ...]:
    r"""Trains the `CLASSIFIERS` that suit the data on the training part, and lets them classify sequences.

    They learn the shares $p(c)$ of the classes in the training part. Under another prior $p'(c)$ their probabilities
    are proportional to $p'(c)\, p(c \mid x) / p(c)$ (Saerens et al., Neural Computation 14, 2002).

    Args:
        dataset: The data set; its training part must not be empty.
        condition: The condition to classify.
        shown: Clean sequences [N, L], or the pictures that they stand for, as of `Split.originals`.
        log_prior: Logarithm of the prior of each class, [C] float64.
        seed: Seed of the training.
    """
    known, found = _of(dataset, condition), []
    counts = class_counts(condition, dataset.train) + 1  # as in the prior of a reading
    learnt = (counts / counts.sum()).double().log()
    for name, fit in counted(CLASSIFIERS.items(), len(CLASSIFIERS), "standard classifiers"):
        began = time.perf_counter()
        predict = fit(known, seed)
        if predict is None:
            continue
        trained = time.perf_counter()
        log_probs = predict(shown.cpu() if isinstance(shown, Tensor) else shown).double()
        done = time.perf_counter()
        nothing = torch.full((len(shown),), math.nan, dtype=torch.float64)
        reading = Reading(learnt - log_probs, log_prior.cpu(), nothing, 0)
        found.append(Standard(name, reading, (done - trained) / len(shown), trained - began))
    return tuple(found)


def _of(dataset: Dataset, condition: Attribute) -> Dataset:
    """The data set with the classes of one condition as its labels."""

    def labelled(split: Split) -> Split:
        return replace(split, labels=condition.of(split.labels, split.properties))

    train, validation, test = map(labelled, (dataset.train, dataset.validation, dataset.test))
    return replace(dataset, conditions=(condition,), train=train, validation=validation, test=test)
