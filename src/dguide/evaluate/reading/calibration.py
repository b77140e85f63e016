"""Calibration of a classifier: whether its probabilities agree with its accuracy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad
from ..statistics.estimate import Estimate, Rows, estimate
from ..statistics.intervals import share
from ..statistics.proportion import Proportion, proportion
from .classes import check_labels

__all__ = ["Bin", "calibration_error", "calibration_estimates", "reliability"]

BINS = 10


@dataclass(frozen=True)
class Bin:
    """A bin of sequences with similar confidence.

    Args:
        confidence: Mean probability of the most probable class.
        accuracy: Share of sequences for which this class is correct.
    """

    confidence: float
    accuracy: Proportion


def reliability(log_probs: Tensor, labels: Tensor, bins: int = BINS) -> tuple[Bin, ...]:
    """The accuracy of the most probable class, in bins of equally many sequences with increasing confidence.

    Sequences with equal confidence all count with their common accuracy. So the order of the sequences has no effect.

    Args:
        log_probs: Log-probability of each class, [N, C].
        labels: The true classes, [N].
        bins: Number of bins; fewer if there are fewer sequences.

    Raises:
        ValueError: If there is not one class for each sequence, or no bins.
    """
    confidence, hits = _named(log_probs, labels, bins)
    return tuple(Bin(float(sure.mean()), _accuracy(right)) for sure, right in _parts(confidence, hits, bins))


def calibration_error(log_probs: Tensor, labels: Tensor, bins: int = BINS) -> float:
    r"""Expected calibration error, 0 to 1, in bins b of equally many sequences,

    $$\sum_b \frac{n_b}{N} \left| \mathrm{accuracy}_b - \mathrm{confidence}_b \right|.$$

    Here $n_b$ is the number of sequences in bin b, and N their sum. Accuracies of few sequences scatter. So even a
    perfectly calibrated classifier has an error above 0, about $\sqrt{2 p (1 - p) B / (\pi N)}$ for B bins at accuracy
    p: compare only figures of equal N.

    Source: Guo et al. (arXiv 1706.04599, equation 3), there with bins of equal width; Nixon et al. (arXiv 1904.01685)
    for equally many.

    Args:
        log_probs: As in `reliability`.
        labels: As in `reliability`.
        bins: As in `reliability`.
    """
    confidence, hits = _named(log_probs, labels, bins)
    return _error(confidence, hits, bins)


def calibration_estimates(
    log_probs: Tensor, labels: Tensor, *, repetitions: int = 200, seed: int = 0
) -> tuple[Estimate, ...]:
    r"""Accuracy, log loss $-\frac1N \sum_n \log p(y_n \mid x_n)$ in nats, Brier score
    $\frac1N \sum_n \sum_c (p(c \mid x_n) - [c = y_n])^2$ and `calibration_error`, with intervals.

    The log loss is infinite if a true class has probability 0; its note then gives the number of such sequences.

    Source: Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.

    Args:
        log_probs: As in `reliability`.
        labels: As in `reliability`.
        repetitions: Number of bootstrap samples.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: As in `reliability`.
    """
    confidence, hits = _named(log_probs, labels, BINS)
    log_p, right = log_probs.double().cpu().numpy(), labels.cpu().numpy()
    own = log_p[np.arange(len(right)), right]
    brier = np.square(np.exp(log_p)).sum(1) - 2 * np.exp(own) + 1

    never = int(np.isneginf(own).sum())
    surprise = f"; of classes with probability 0: {never}" if never else ""

    def figure(name: str, statistic: Callable[[Rows], float], note: str = "") -> Estimate:
        return estimate(
            name,
            statistic,
            len(right),
            better="lower",
            note=note,
            bounds=(0, np.inf),
            repetitions=repetitions,
            seed=seed,
        )

    return (
        share("accuracy", hits, better="higher"),
        figure("log loss", lambda rows: float(-own[rows].mean()), f"nats{surprise}"),
        figure("Brier score", lambda rows: float(brier[rows].mean())),
        figure("calibration error", lambda rows: _error(confidence[rows], hits[rows], BINS), f"{BINS} bins"),
    )


def _named(log_probs: Tensor, labels: Tensor, bins: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probability of the most probable class, and whether it is correct."""
    if log_probs.dim() != 2:
        raise bad("log-probabilities", list(log_probs.shape), "[N, C]")
    check_labels(labels, *log_probs.shape)
    if bins < 1:
        raise bad("bins", bins, "at least one")
    best, named = log_probs.max(-1)
    return best.double().exp().cpu().numpy(), (named == labels).cpu().numpy()


def _parts(
    confidence: NDArray[np.float64], hits: NDArray[np.bool_], bins: int
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Confidences and accuracies in equal bins. Sequences of equal confidence have their mean accuracy."""
    sure, place, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    right = np.repeat(np.bincount(place, weights=hits) / counts, counts)
    number = min(bins, len(hits))
    return list(zip(np.array_split(np.repeat(sure, counts), number), np.array_split(right, number), strict=True))


def _accuracy(right: NDArray[np.float64]) -> Proportion:
    """The accuracy of a bin. Its interval is for the nearest whole number of hits, because ties give fractions."""
    return replace(proportion(round(float(right.sum())), len(right)), value=float(right.mean()))


def _error(confidence: NDArray[np.float64], hits: NDArray[np.bool_], bins: int) -> float:
    parts = _parts(confidence, hits, bins)
    return sum(abs(float((right - sure).sum())) for sure, right in parts) / len(hits)
