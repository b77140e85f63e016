"""Calibration of a classifier: whether its probabilities agree with its accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad, with_data
from ..statistics.estimate import Estimate
from ..statistics.intervals import share
from ..statistics.losses import mean_loss
from ..statistics.proportion import Proportion, proportion
from .classes import check_labels

__all__ = ["MISREAD", "Bin", "calibration_chance", "calibration_error", "calibration_estimates", "reliability"]

BINS = 10
MISREAD = 10
"""With fewer misread sequences, the log loss has no upper end: a single one may cost any number of nats."""
_DRAWS = 199
_NONE = (math.nan, math.nan)


@dataclass(frozen=True)
class Bin:
    """A bin of sequences with similar confidence.

    Args:
        confidence: Mean probability of the most probable class.
        accuracy: Share of sequences for which this class is correct.
        chance: The range of that share for a classifier whose probabilities are true, in 95 % of the cases.
    """

    confidence: float
    accuracy: Proportion
    chance: tuple[float, float]


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
    parts = _Parts.of(confidence, bins)
    chance = _range(parts.chance(_DRAWS, 0) / parts.sizes)
    accuracies = map(_accuracy, parts.right(hits), parts.sizes)
    return tuple(map(Bin, parts.sure / parts.sizes, accuracies, map(tuple, chance.T.tolist())))


def calibration_error(log_probs: Tensor, labels: Tensor, bins: int = BINS) -> float:
    r"""Expected calibration error, 0 to 1, in bins b of equally many sequences,

    $$\sum_b \frac{n_b}{N} \left| \mathrm{accuracy}_b - \mathrm{confidence}_b \right|.$$

    Here $n_b$ is the number of sequences in bin b, and N their sum. Accuracies of few sequences scatter. So even a
    perfectly calibrated classifier has an error above 0, about $\sqrt{2 p (1 - p) B / (\pi N)}$ for B bins at accuracy
    p: compare it with `calibration_chance`, and only figures of equal N.

    Source: Guo et al. (arXiv 1706.04599, equation 3), there with bins of equal width; Nixon et al. (arXiv 1904.01685)
    for equally many.

    Args:
        log_probs: As in `reliability`.
        labels: As in `reliability`.
        bins: As in `reliability`.
    """
    confidence, hits = _named(log_probs, labels, bins)
    parts = _Parts.of(confidence, bins)
    return float(np.abs(parts.right(hits) - parts.sure).sum()) / len(hits)


def calibration_chance(
    log_probs: Tensor, bins: int = BINS, *, repetitions: int = 200, seed: int = 0
) -> tuple[float, float]:
    """The range of `calibration_error`, in 95 % of the cases, for a classifier whose probabilities are true.

    Classes are drawn by the probabilities themselves. The ends are order statistics of the draws, so that the range is
    exact for any number of them (Barnard, "Discussion of Bartlett", JRSS B 25, 1963). An error above it shows that the
    probabilities are not true.

    Source: Bröcker and Smith, "Increasing the reliability of reliability diagrams", Weather and Forecasting 22, 2007.

    Args:
        log_probs: As in `reliability`.
        bins: As in `reliability`.
        repetitions: Number of draws.
        seed: Seed of the draws.

    Returns:
        Lower and upper end; nan with fewer than 39 draws.
    """
    confidence = _named(log_probs, torch.zeros(len(log_probs), dtype=torch.int64), bins)[0]
    parts = _Parts.of(confidence, bins)
    errors = np.abs(parts.chance(repetitions, seed) - parts.sure).sum(1) / len(confidence)
    low, high = _range(errors)
    return float(low), float(high)


def calibration_estimates(
    log_probs: Tensor, labels: Tensor, *, repetitions: int = 200, seed: int = 0
) -> tuple[Estimate, ...]:
    r"""Accuracy, log loss $-\frac1N \sum_n \log p(y_n \mid x_n)$ in nats, Brier score
    $\frac1N \sum_n \sum_c (p(c \mid x_n) - [c = y_n])^2$, 0 to 2, and `calibration_error`.

    The intervals of log loss and Brier score are those of `statistics.losses.mean_loss`. With fewer than ten misread
    sequences nothing bounds the log loss from above: its upper end is inf, and the note says so. It is infinite itself
    if a true class has probability 0; its note then gives the number of such sequences. The calibration error has a
    bias, so it has no interval; its note gives `calibration_chance`.

    Source: Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.

    Args:
        log_probs: As in `reliability`.
        labels: As in `reliability`.
        repetitions: Number of draws for `calibration_chance`.
        seed: Their seed.

    Raises:
        ValueError: As in `reliability`.
    """
    hits = _named(log_probs, labels, BINS)[1]
    log_p, right = log_probs.double().cpu().numpy(), labels.cpu().numpy()
    own = log_p[np.arange(len(right)), right]
    brier = np.square(np.exp(log_p)).sum(1) - 2 * np.exp(own) + 1
    never, wrong = int(np.isneginf(own).sum()), int((~hits).sum())
    low, high = mean_loss(-own)
    notes = ["nats"]
    if never:
        notes.append(f"of classes with probability 0: {never}")
    elif wrong < MISREAD and not math.isnan(low):
        high = math.inf
        notes.append(f"no upper end with fewer than {MISREAD} misread")
    chance = calibration_chance(log_probs, repetitions=repetitions, seed=seed)
    usual = "" if math.isnan(chance[0]) else f", true probabilities get {chance[0]:.2g} to {chance[1]:.2g}"

    def figure(name: str, value: float, ends: tuple[float, float], note: str = "") -> Estimate:
        return Estimate(name, value, *ends, len(right), better="lower", note=note)

    return (
        share("accuracy", hits, better="higher"),
        figure("log loss", float(-own.mean()), (low, high), "; ".join(notes)),
        figure("Brier score", float(brier.mean()), mean_loss(brier.clip(0, 2), 2.0)),
        figure(
            "calibration error", calibration_error(log_probs, labels), _NONE, f"{BINS} bins{usual}; biased: no interval"
        ),
    )


def _named(log_probs: Tensor, labels: Tensor, bins: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probability of the most probable class, and whether it is correct."""
    if with_data("log-probabilities", log_probs).dim() != 2:
        raise bad("log-probabilities", list(log_probs.shape), "[N, C]")
    check_labels(labels, *log_probs.shape)
    if bins < 1:
        raise bad("bins", bins, "at least one")
    best, named = log_probs.max(-1)
    return best.double().exp().cpu().numpy(), (named == labels).cpu().numpy()


@dataclass(frozen=True, eq=False)
class _Parts:
    """Bins of equally many of N sequences by confidence. Sequences of equal confidence share their hits.

    Args:
        place: The number of the confidence of each sequence, [N].
        levels: The K different confidences, from low to high.
        counts: The number of sequences of each, [K].
        members: The number of sequences of each confidence in each of the B bins, [B, K].
    """

    place: NDArray[np.int64]
    levels: NDArray[np.float64]
    counts: NDArray[np.int64]
    members: NDArray[np.float64]

    @classmethod
    def of(cls, confidence: NDArray[np.float64], bins: int) -> _Parts:
        levels, place, counts = np.unique(confidence, return_inverse=True, return_counts=True)
        parts = np.array_split(np.repeat(np.arange(len(levels)), counts), min(bins, len(confidence)))
        members = np.stack([np.bincount(part, minlength=len(levels)) for part in parts]).astype(np.float64)
        return cls(place, levels, counts, members)

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Number of sequences in each bin, [B]."""
        sizes: NDArray[np.float64] = self.members.sum(1)
        return sizes

    @property
    def sure(self) -> NDArray[np.float64]:
        """Sum of the confidences in each bin, [B]."""
        return self.members @ self.levels

    def right(self, hits: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Number of hits in each bin, [B]; ties give fractions."""
        shared: NDArray[np.float64] = self.members @ (
            np.bincount(self.place, weights=hits, minlength=len(self.levels)) / self.counts
        )
        return shared

    def chance(self, repetitions: int, seed: int) -> NDArray[np.float64]:
        """Numbers of hits as `right`, drawn with the confidences as probabilities, [R, B]."""
        generator = np.random.default_rng(seed)
        hits = generator.binomial(self.counts, self.levels.clip(0, 1), (repetitions, len(self.levels)))
        shared: NDArray[np.float64] = (hits / self.counts) @ self.members.T
        return shared


def _range(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """The range in which another draw is with probability 0.95, [2, ...] from [R, ...]; nan if R is below 39."""
    rank = int(0.025 * (len(drawn) + 1))
    if rank == 0:
        return np.full((2, *drawn.shape[1:]), math.nan)
    ordered = np.sort(drawn, axis=0)
    return np.stack([ordered[rank - 1], ordered[-rank]])


def _accuracy(right: float, count: float) -> Proportion:
    """The accuracy of a bin. Its interval is for the nearest whole number of hits, because ties give fractions."""
    return replace(proportion(round(right), round(count)), value=float(right / count))
