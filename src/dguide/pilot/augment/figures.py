"""Figures of a pilot on a rare class, from the scores that its classifiers saved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...errors import bad
from ...evaluate.reading.detection import Detection
from ...evaluate.statistics.areas import Area, area
from ...evaluate.statistics.crossed import Crossed, Part, crossed
from ..money import Decisions

__all__ = ["FEW", "Figures", "Judged", "Scores", "best", "more_examples"]

FEW = 30
"""Test examples of the rare class with fewer of which a reader is warned."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    r"""Scores of one arm in R runs: log-odds of the rare class against the good classes.

    Args:
        validation: Scores of the validation part, [R, M].
        test: Scores of the test part, [R, N].
        predicted: The most probable class of each example of the test part, [R, N].
    """

    validation: Floats
    test: Floats
    predicted: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        validation: Sequence[NDArray[np.float32]],
        test: Sequence[NDArray[np.float32]],
        rare: int,
        good: Sequence[int],
    ) -> Scores:
        """From log-probabilities [N, K] of each run."""
        odds = [[_log_odds(each, rare, good) for each in part] for part in (validation, test)]
        return cls(np.stack(odds[0]), np.stack(odds[1]), np.stack([each.argmax(1) for each in test]))


def _log_odds(logs: NDArray[np.float32], rare: int, good: Sequence[int]) -> Floats:
    against = np.logaddexp.reduce(logs[:, list(good)].astype(float), axis=1)
    odds: Floats = logs[:, rare].astype(float) - against
    return odds


@dataclass(frozen=True)
class Figures:
    """The figures of one arm on the test part, or those of one arm less those of another; means over runs.

    Args:
        recall: Share of examples of the rare class that raise an alarm.
        false_alarms: Share of examples of the good classes that do.
        accuracy: Share of examples whose most probable class is right.
        area: Area under the ROC curve, the rare class against the good ones.
    """

    recall: Crossed
    false_alarms: Crossed
    accuracy: Crossed
    area: Crossed


@dataclass(frozen=True, eq=False)
class Judged:
    """One arm, judged on the test part with thresholds that were chosen on the validation part.

    Args:
        scores: Its scores.
        validation: Classes of the validation part, [M].
        test: Classes of the test part, [N].
        rare: The rare class.
        good: The classes that must raise no alarm. Others count for the accuracy only.
        most: Share of false alarms that the thresholds keep on average.

    Raises:
        ValueError: If a part has no example of the rare class or of the good ones.
    """

    scores: Scores
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    rare: int
    good: tuple[int, ...]
    most: float

    def __post_init__(self) -> None:
        for name, labels in (("validation", self.validation), ("test", self.test)):
            if not (labels == self.rare).any() or not np.isin(labels, self.good).any():
                raise bad(f"{name} part", "no example of the rare class or of the good ones", "some of both")

    @cached_property
    def thresholds(self) -> Floats:
        """The threshold of each run, [R]; inf (no alarms) if the validation part has too few good examples."""
        asked, rare = self._asked(self.validation)
        return np.array([Detection(row[asked], rare).for_false_alarms(self.most) for row in self.scores.validation])

    @cached_property
    def decisions(self) -> Decisions:
        """The alarms on the test part."""
        alarm = self.scores.test > self.thresholds[:, None]
        return Decisions(alarm[:, self.test == self.rare], alarm[:, np.isin(self.test, self.good)])

    @property
    def chosen_by(self) -> float:
        """Mean area under the ROC curve on the validation part, by which arms are chosen."""
        asked, rare = self._asked(self.validation)
        return float(np.mean([area(row[asked], rare).value for row in self.scores.validation]))

    @cached_property
    def areas(self) -> list[Area]:
        """The area under the ROC curve of each run, on the test part."""
        asked, rare = self._asked(self.test)
        return [area(row[asked], rare) for row in self.scores.test]

    @cached_property
    def figures(self) -> Figures:
        """The figures, with intervals over runs and test examples."""
        made = self.decisions
        right = self.scores.predicted == self.test
        shares = [crossed([Part(each.astype(float))]).as_share() for each in (made.defects, made.good, right)]
        by_run = np.array([each.value for each in self.areas])
        placed = (np.stack([getattr(each, side) for each in self.areas]) for side in ("above", "below"))
        found = crossed([Part(each) for each in placed], by_run).as_share()  # Wilson's interval needs no reach
        return Figures(shares[0], shares[1], shares[2], found)

    def recall_of(self, rows: NDArray[np.bool_]) -> Crossed | None:
        """Recall of the examples of the rare class among some of the test part, [N]; None if there are none."""
        some = self.decisions.defects[:, rows[self.test == self.rare]]
        return crossed([Part(some.astype(float))]).as_share() if some.shape[1] else None

    def less(self, other: Judged) -> Figures:
        """The figures less those of another arm in as many runs, with paired intervals."""
        first, second = self.decisions, other.decisions
        right = [(each.scores.predicted == self.test) for each in (self, other)]
        pairs = ((first.defects, second.defects), (first.good, second.good), (right[0], right[1]))
        shares = [crossed([Part(a.astype(float) - b, reach=1.0)]).within(-1, 1) for a, b in pairs]
        pairs_of_areas = list(zip(self.areas, other.areas, strict=True))
        by_run = np.array([a.value - b.value for a, b in pairs_of_areas])
        apart = (
            np.stack([getattr(a, side) - getattr(b, side) for a, b in pairs_of_areas]) for side in ("above", "below")
        )
        found = crossed([Part(each, reach=0.5) for each in apart], by_run).within(-1, 1)
        return Figures(shares[0], shares[1], shares[2], found)

    def _asked(self, labels: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The examples that count for alarms, and which of these are of the rare class."""
        asked = (labels == self.rare) | np.isin(labels, self.good)
        return asked, labels[asked] == self.rare


def best(arms: Mapping[str, Judged], names: Sequence[str]) -> str:
    """The arm with the largest area under the ROC curve on the validation part, the first of equal ones."""
    return max(names, key=lambda name: (arms[name].chosen_by, -list(names).index(name)))


def more_examples(figure: Crossed) -> float:
    """Further test examples with which a difference of this value would be told from 0; inf for a difference of 0."""
    half = (figure.high - figure.low) / 2
    if figure.value == 0:
        return math.inf
    return max(1, math.ceil(figure.examples * ((half / figure.value) ** 2 - 1)))
