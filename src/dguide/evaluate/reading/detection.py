"""Detects defects: false alarms against misses, and thresholds with a guaranteed mean share of mistakes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad, require
from ..statistics.estimate import Estimate, estimate
from ..statistics.proportion import Proportion, proportion
from .classes import Reading

__all__ = ["Curve", "Detection", "Operating", "defect_score", "needed", "novelty_score"]

_ROUNDING = 1e-9
"""Corrects the rounding of products such as 0.07 * 100."""
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

    def area(self, *, repetitions: int = 200, seed: int = 0) -> Estimate:
        """Probability that a sequence with a defect scores higher than one without: the area under the ROC curve.

        Raises `dguide.errors.MissingExtra` if scikit-learn is not installed.
        """
        area, scores = require("sklearn.metrics", "train").roc_auc_score, _finite(self.scores)
        return estimate(
            "area under the ROC curve",
            lambda rows: float(area(self.defect[rows], scores[rows])),
            len(scores),
            better="higher",
            bounds=(0, 1),
            strata=self.defect.astype(np.int64),
            repetitions=repetitions,
            seed=seed,
        )

    def for_false_alarms(self, most: float) -> float:
        r"""The lowest threshold with a guaranteed mean share of at most `most` false alarms on other sequences.

        Let k of the n sequences without a defect be above the threshold. The expected share of false alarms, over these
        and other sequences of the same source, is

        $$\frac{k + 1}{n + 1} \le \alpha, \qquad k = \lfloor \alpha (n + 1) \rfloor - 1,$$

        where $\alpha$ is `most`; with ties it is smaller. The guarantee is for the mean: one threshold may have more.

        Source: Vovk et al., "Algorithmic Learning in a Random World", 2005, section 2.2, for exchangeable scores.

        Args:
            most: The share $\alpha$, from 0 to below 1.

        Returns:
            The threshold; inf (no alarms) if fewer than `needed` sequences have no defect.

        Raises:
            ValueError: If `most` is not such a share.
        """
        good, allowed = self.good, _allowed("false alarms", most, int((~self.defect).sum()))
        return math.inf if allowed < 0 else max(float(good[len(good) - 1 - allowed]), -_LARGEST)

    def for_misses(self, most: float) -> float:
        """The highest threshold with a guaranteed mean share of at most `most` misses on other sequences.

        As `for_false_alarms`, for the sequences with a defect; -inf (no misses) if there are too few.
        """
        defects, allowed = self.bad, _allowed("misses", most, int(self.defect.sum()))
        return -math.inf if allowed < 0 else float(np.nextafter(defects[allowed], -np.inf))

    def at(self, threshold: float) -> Operating:
        """The mistakes of a threshold on these sequences."""
        alarm = (self.scores > threshold) | (threshold == -math.inf)
        return Operating(
            threshold,
            proportion(int(alarm[~self.defect].sum()), int((~self.defect).sum())),
            proportion(int((~alarm[self.defect]).sum()), int(self.defect.sum())),
        )


def needed(most: float) -> float:
    r"""Smallest number of sequences of a kind for share $\alpha$ = `most`: $1 / \alpha - 1$, rounded up.

    For share 0 it is inf.

    Raises:
        ValueError: If `most` is not a share from 0 to below 1.
    """
    return math.ceil(1 / _share("mistakes", most) - _ROUNDING) - 1 if most else math.inf


def _allowed(what: str, most: float, count: int) -> int:
    """Allowed number of mistakes among `count` sequences; -1 if they are too few for the share."""
    return min(math.floor(_share(what, most) * (count + 1) + _ROUNDING), count) - 1


def _share(what: str, most: float) -> float:
    if not 0 <= most < 1:
        raise bad(f"share of {what}", most, "a number from 0 to below 1")
    return most


def _finite(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replaces infinite scores by the largest numbers, for scikit-learn."""
    return np.nan_to_num(scores, nan=np.nan)
