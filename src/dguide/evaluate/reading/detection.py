"""Defect or not: what false alarms cost in misses, and thresholds that keep what they promise."""

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
"""Takes back what a product such as 0.07 * 100 loses."""
_LARGEST = float(np.finfo(np.float64).max)


def defect_score(reading: Reading, normal: int) -> Tensor:
    r"""Log-odds of any other class against the normal one, [N]: $\log \sum_{c \ne 0} p(c \mid x) - \log p(0 \mid x)$.

    For kinds of defects that the model has learnt.

    Args:
        reading: Of the sequences.
        normal: The class without a defect.

    Raises:
        ValueError: If there is no such class.
    """
    log_probs = reading.log_probs
    rest = torch.arange(log_probs.shape[1]) != _class(reading, normal)
    return torch.logsumexp(log_probs[:, rest], -1) - log_probs[:, normal]


def novelty_score(reading: Reading, normal: int) -> Tensor:
    r"""How badly the normal class explains a sequence, [N] nats: the bound on $-\log p(x \mid c = 0)$.

    For defects that nobody has seen yet: it knows nothing of the other classes.

    Args:
        reading: Of the sequences.
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
    """What a threshold costs.

    Args:
        threshold: Scores above it raise an alarm; -inf raises one for every sequence.
        false_alarms: Share of sequences without a defect that do.
        misses: Share of sequences with a defect that do not.
    """

    threshold: float
    false_alarms: Proportion
    misses: Proportion


@dataclass(frozen=True, eq=False)
class Curve:
    """Shares of false alarms and misses at every threshold, [K] each, from no alarm at all to nothing but alarms."""

    false_alarms: NDArray[np.float64]
    misses: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Detection:
    """Scores of sequences of which one knows whether they have a defect.

    Args:
        scores: The higher, the more like a defect, [N].
        defect: Whether there is one, [N] bool; both kinds occur.

    Raises:
        ValueError: If they do not, a score is not a number, or there is not one for each.
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
        """Scores of those without a defect, from low to high."""
        return np.sort(self.scores[~self.defect])

    @property
    def bad(self) -> NDArray[np.float64]:
        """Scores of those with one, from low to high."""
        return np.sort(self.scores[self.defect])

    def curve(self) -> Curve:
        """False alarms against misses (scikit-learn's ROC curve, seen from its other side).

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
            strata=self.defect.astype(np.int64),
            repetitions=repetitions,
            seed=seed,
        )

    def for_false_alarms(self, most: float) -> float:
        r"""The lowest threshold that promises a share of at most `most` false alarms on other sequences.

        Their expected share is, over these n sequences without a defect and others of the same source,

        $$\frac{k + 1}{n + 1} \le \alpha, \qquad k = \lfloor \alpha (n + 1) \rfloor - 1,$$

        if k of these n are above the threshold, and less with ties. So it is in the mean: one threshold may have more.

        Source: Vovk et al., "Algorithmic Learning in a Random World", 2005, section 2.2, of ranks of exchangeable
        scores.

        Args:
            most: The share, 0 to below 1.

        Returns:
            The threshold; inf, which raises no alarm, if fewer than `needed` sequences have no defect.

        Raises:
            ValueError: If it is no such share.
        """
        good, allowed = self.good, _allowed("false alarms", most, int((~self.defect).sum()))
        return math.inf if allowed < 0 else max(float(good[len(good) - 1 - allowed]), -_LARGEST)

    def for_misses(self, most: float) -> float:
        """The highest threshold that promises a share of at most `most` misses on other sequences.

        As in `for_false_alarms`, of the sequences with a defect; -inf, which misses none, if there are too few.
        """
        defects, allowed = self.bad, _allowed("misses", most, int(self.defect.sum()))
        return -math.inf if allowed < 0 else float(np.nextafter(defects[allowed], -np.inf))

    def at(self, threshold: float) -> Operating:
        """What a threshold, chosen elsewhere, costs here."""
        alarm = (self.scores > threshold) | (threshold == -math.inf)
        return Operating(
            threshold,
            proportion(int(alarm[~self.defect].sum()), int((~self.defect).sum())),
            proportion(int((~alarm[self.defect]).sum()), int(self.defect.sum())),
        )


def needed(most: float) -> float:
    r"""Fewest sequences of a kind from which a threshold can promise a share of `most`: $1 / \alpha - 1$, rounded up.

    Raises:
        ValueError: If it is no share from 0 to below 1. Of 0, none are enough (inf).
    """
    return math.ceil(1 / _share("mistakes", most) - _ROUNDING) - 1 if most else math.inf


def _allowed(what: str, most: float, count: int) -> int:
    """How many of `count` sequences may be mistaken; -1 if they are too few to promise the share."""
    return min(math.floor(_share(what, most) * (count + 1) + _ROUNDING), count) - 1


def _share(what: str, most: float) -> float:
    if not 0 <= most < 1:
        raise bad(f"share of {what}", most, "a number from 0 to below 1")
    return most


def _finite(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Infinite scores as the largest numbers, which scikit-learn takes."""
    return np.nan_to_num(scores, nan=np.nan)
