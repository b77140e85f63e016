"""Detects defects: false alarms against misses, and thresholds with a guaranteed share of mistakes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad, require
from ..statistics.areas import LEAST, Area, area, area_difference
from ..statistics.estimate import Estimate
from ..statistics.proportion import Proportion, proportion
from ..statistics.thresholds import allowed
from .classes import Reading

__all__ = ["Curve", "Detection", "Operating", "defect_score", "novelty_score"]

_LARGEST = float(np.finfo(np.float64).max)


def defect_score(reading: Reading, normal: int) -> Tensor:
    r"""Log-odds of defects, [N]: $\log \sum_{c \ne 0} p(c \mid x) - \log p(0 \mid x)$, where 0 is the normal class.

    It is for kinds of defects in the training data.

    Args:
        reading: The reading of N sequences.
        normal: The class without a defect.

    Raises:
        ValueError: If there is no such class.
    """
    log_probs = reading.log_probs
    rest = torch.arange(log_probs.shape[1]) != _class(reading, normal)
    return torch.logsumexp(log_probs[:, rest], -1) - log_probs[:, normal]


def novelty_score(reading: Reading, normal: int) -> Tensor:
    r"""The bound on $-\log p(x \mid c = 0)$ under the normal class 0, [N] nats.

    It is for new kinds of defects, because it does not use the other classes.

    Args:
        reading: The reading of N sequences.
        normal: The class without a defect.

    Raises:
        ValueError: If there is no such class.
    """
    return reading.nats[:, _class(reading, normal)]


def _class(reading: Reading, normal: int) -> int:
    count = reading.nats.shape[1]
    if not 0 <= normal < count:
        raise bad("normal class", normal, f"a class from 0 to {count - 1}")
    return normal


@dataclass(frozen=True)
class Operating:
    """The mistakes of a threshold.

    Args:
        threshold: Scores above it raise an alarm; -inf raises an alarm for every sequence.
        false_alarms: Share of sequences without a defect that raise an alarm.
        misses: Share of sequences with a defect that raise no alarm.
    """

    threshold: float
    false_alarms: Proportion
    misses: Proportion


@dataclass(frozen=True, eq=False)
class Curve:
    """Shares of false alarms and misses at K thresholds, [K] each, from no alarms to all alarms."""

    false_alarms: NDArray[np.float64]
    misses: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Detection:
    """Scores of N sequences that are known to have a defect or not.

    Args:
        scores: Scores, [N]; a higher score means a more likely defect.
        defect: Whether there is a defect, [N] bool. Both values must occur.

    Raises:
        ValueError: If only one value occurs, a score is nan, or the shapes differ.
    """

    scores: NDArray[np.float64]
    defect: NDArray[np.bool_]

    @classmethod
    def of(cls, scores: Tensor, defect: Tensor) -> Detection:
        """From tensors."""
        return cls(scores.double().cpu().numpy(), defect.bool().cpu().numpy())

    def __post_init__(self) -> None:
        if self.scores.shape != self.defect.shape or self.scores.ndim != 1:
            raise bad("scores", f"{self.scores.shape} for {self.defect.shape}", "[N] for [N], one for each sequence")
        if self.defect.all() or not self.defect.any():
            raise bad("sequences with and without a defect", f"{self.defect.sum()} of {len(self.defect)}", "both kinds")
        if np.isnan(self.scores).any():
            raise bad("scores", f"{np.isnan(self.scores).sum()} nan", "numbers")

    @property
    def good(self) -> NDArray[np.float64]:
        """Scores of the sequences without a defect, from low to high."""
        return np.sort(self.scores[~self.defect])

    @property
    def bad(self) -> NDArray[np.float64]:
        """Scores of the sequences with a defect, from low to high."""
        return np.sort(self.scores[self.defect])

    def curve(self) -> Curve:
        """False alarms against misses, from the ROC curve of scikit-learn.

        Raises `dguide.errors.MissingExtra` if scikit-learn is not installed.
        """
        roc_curve = require("sklearn.metrics", "train").roc_curve
        false_alarms, hits, _ = roc_curve(self.defect, _finite(self.scores), drop_intermediate=False)
        return Curve(false_alarms, 1 - hits)

    def area(self, note: str = "") -> Estimate:
        """Probability that a sequence with a defect scores higher than one without: the area under the ROC curve.

        The interval is that of `statistics.areas.area`; there is none with fewer than five sequences of a kind.

        Raises `dguide.errors.MissingExtra` if SciPy is not installed.
        """
        found = self._area
        return self._estimate("area under the ROC curve", found.value, (found.low, found.high), "higher", note)

    def difference(self, other: Detection, note: str = "") -> Estimate:
        """The area under the ROC curve less that of another score of the same sequences, with a paired interval.

        Raises:
            ValueError: If the other one is about sequences with other defects.
        """
        if not np.array_equal(self.defect, other.defect):
            raise bad("sequences with a defect", "others", "the same for both scores")
        first, second = self._area, other._area
        ends = area_difference(first, second)
        return self._estimate("difference of areas", first.value - second.value, ends, "", note)

    @property
    def _area(self) -> Area:
        return area(self.scores, self.defect)

    def _estimate(self, name: str, value: float, ends: tuple[float, float], better: str, note: str) -> Estimate:
        few = f"no interval with fewer than {LEAST} of a kind" if math.isnan(ends[0]) else ""
        return Estimate(name, value, *ends, len(self.scores), better=better, note=note).noted(few)

    def for_false_alarms(self, most: float, confidence: float | None = None) -> float:
        """The lowest threshold with at most the share `most` of false alarms on other sequences of the same source.

        The promise is about the mean over many such thresholds, of which each second one may have more. With a
        confidence it is about this one threshold: it has at most that share with that probability
        (`statistics.thresholds.allowed`).

        Args:
            most: The share, from 0 to below 1.
            confidence: The confidence, such as 0.95; None for the mean.

        Returns:
            The threshold; inf (no alarms) if too few sequences have no defect (`statistics.thresholds.needed`).

        Raises:
            ValueError: If `most` is not such a share, or the confidence not between 0 and 1.
        """
        good = self.good
        wrong = allowed(len(good), most, confidence)
        return math.inf if wrong < 0 else max(float(good[len(good) - 1 - wrong]), -_LARGEST)

    def for_misses(self, most: float, confidence: float | None = None) -> float:
        """The highest threshold with at most the share `most` of misses on other sequences of the same source.

        As `for_false_alarms`, for the sequences with a defect; -inf (no misses) if there are too few.
        """
        defects = self.bad
        wrong = allowed(len(defects), most, confidence)
        return -math.inf if wrong < 0 else float(np.nextafter(defects[wrong], -np.inf))

    def at(self, threshold: float) -> Operating:
        """The mistakes of a threshold on these sequences."""
        alarm = (self.scores > threshold) | (threshold == -math.inf)
        return Operating(
            threshold,
            proportion(int(alarm[~self.defect].sum()), int((~self.defect).sum())),
            proportion(int((~alarm[self.defect]).sum()), int(self.defect.sum())),
        )


def _finite(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replaces infinite scores by the largest numbers, for scikit-learn."""
    return np.nan_to_num(scores, nan=np.nan)
