r"""How good generated images are: do they show what was asked, do they look real, do they cover what is real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, as_tensor

from ..data import Dataset
from ..errors import bad, require
from .proportion import Proportion, proportion

__all__ = ["Classifier", "PrecisionRecall", "frechet_distance", "precision_recall"]

Features = NDArray[np.float64]


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


@dataclass(frozen=True)
class PrecisionRecall:
    """Nearest-neighbour precision and recall.

    Args:
        precision: Share of generated points within the support of the real ones.
        recall: Share of real points within the support of the generated ones.
        neighbours: Number k of neighbours that delimit a support.
    """

    precision: float
    recall: float
    neighbours: int


def precision_recall(real: Features, generated: Features, neighbours: int = 3) -> PrecisionRecall:
    r"""Nearest-neighbour estimates of how much of each set lies in the support of the other.

    A support is a union of balls: with $r_k(\phi')$ the distance from $\phi'$ to its k-th neighbour in its own set,
    $f(\phi, \Phi) = 1$ if $\lVert \phi - \phi' \rVert \le r_k(\phi')$ for some $\phi' \in \Phi$, else 0. Precision is
    the mean of f over the generated points with respect to the real set, recall the other way round. Both depend on
    the sizes of the sets: compare figures of equal sizes.

    Source: Kynkaanniemi et al. (arXiv 1904.06991, equations 1 and 2).

    Args:
        real: Real points, [N, D]: pixels (`Dataset.features`) or features of any network.
        generated: Generated points, [M, D].
        neighbours: k.

    Raises:
        ValueError: If the sets have different dimensions, or no more than k points.
    """
    _check(real, generated, neighbours + 1)
    if neighbours < 1:
        raise bad("neighbours", neighbours, "a positive number")
    return PrecisionRecall(
        float(_within(generated, real, neighbours).mean()),
        float(_within(real, generated, neighbours).mean()),
        neighbours,
    )


def frechet_distance(real: Features, generated: Features) -> float:
    r"""Fréchet distance of the normal laws with the means and covariances of both sets,

    $$\lVert \mu_1 - \mu_2 \rVert^2 + \mathrm{tr}\left(C_1 + C_2 - 2 (C_1^{1/2} C_2 C_1^{1/2})^{1/2}\right).$$

    It falls as the sets grow: compare figures of equal sizes, and of two halves of the real data.

    Source: Heusel et al. (arXiv 1706.08500, equation 6), there in the features of a network.

    Args:
        real: Real points, [N, D].
        generated: Generated points, [M, D].

    Raises:
        ValueError: If the sets have different dimensions, or fewer than two points.
    """
    _check(real, generated, 2)
    one, two = np.cov(real, rowvar=False, ddof=1), np.cov(generated, rowvar=False, ddof=1)
    one, two = np.atleast_2d(one), np.atleast_2d(two)
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ two @ root).clip(0)).sum()
    shift = np.square(real.mean(0) - generated.mean(0)).sum()
    return float(max(0.0, shift + np.trace(one) + np.trace(two) - 2 * overlap))


def _within(points: Features, support: Features, neighbours: int) -> NDArray[np.bool_]:
    """Whether each point lies in one of the balls that span the support, [N] bool."""
    nearest = require("sklearn.neighbors", "train").NearestNeighbors(n_neighbors=neighbours).fit(support)
    radii = nearest.kneighbors()[0][:, -1]  # without an argument, a point is not its own neighbour
    chunks = require("sklearn.metrics", "train").pairwise_distances_chunked(
        points, support, reduce_func=lambda distances, _: (distances <= radii).any(axis=1)
    )
    return np.concatenate(list(chunks))


def _check(real: Features, generated: Features, least: int) -> None:
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise bad("points", f"shapes {real.shape} and {generated.shape}", "[N, D] and [M, D]", "Flatten each image.")
    if min(len(real), len(generated)) < least:
        raise bad("points", f"{len(real)} and {len(generated)} of them", f"at least {least} in each set")
