"""How well a prediction of gains does: signs, ranks, and whether it knows where nothing happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dguide.evaluate.statistics.means import mean_interval
from dguide.theory.summary import Correlation, rank_correlation
from studies.decides.case import QUESTIONS, Case
from studies.decides.rule import Rule

__all__ = ["Pair", "Score", "Share", "alone", "left_out", "pairs", "score"]


@dataclass(frozen=True)
class Pair:
    """A predicted gain and the one that was measured."""

    case: Case
    question: str
    predicted: float

    def record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        case = self.case
        gain = case.gains[self.question]
        return {"data": case.source, "model": case.name, "weight": case.weight, "steps": case.steps,
                "question": self.question, "predicted": self.predicted, "measured": gain.value, "error": gain.error,
                "decided": gain.decided}  # fmt: skip

    @property
    def measured(self) -> float:
        return self.case.gains[self.question].value

    @property
    def decided(self) -> bool:
        return self.case.gains[self.question].decided


@dataclass(frozen=True)
class Share:
    """A share of right signs: the mean over groups, with its interval, since pairs of one group are not independent.

    Attributes:
        value, low, high: the mean, and its 95 % interval (Student, over groups); nan for fewer than two groups.
        right, count: right signs, and decided pairs, of all groups together.
        groups: number of groups.
    """

    value: float
    low: float
    high: float
    right: int
    count: int
    groups: int

    @classmethod
    def of(cls, right: dict[str, list[bool]]) -> Share:
        """From what is right, by group."""
        means = np.array([sum(each) / len(each) for each in right.values()])
        low, high = (float(end) for end in np.clip(mean_interval(means), 0, 1))
        total = sum(map(sum, right.values()))
        return cls(float(means.mean()), low, high, total, sum(map(len, right.values())), len(right))


@dataclass(frozen=True)
class Score:
    """A score over pairs.

    Attributes:
        rule: right signs of the rule, of the gains that are decided; None if none is.
        trivial: the same of the trivial predictor, "the first setting is better".
        better: share of right signs of the rule minus that of the trivial predictor: mean over groups, low, high.
        ranks: rank correlation of predicted and measured gains, all of them; its interval takes pairs as independent.
        sizes: that of their absolute values: whether the rule knows where little happens.
        pairs: how many there are.
    """

    rule: Share | None
    trivial: Share | None
    better: tuple[float, float, float] | None
    ranks: Correlation | None
    sizes: Correlation | None
    pairs: int

    def record(self) -> dict[str, Any]:
        return asdict(self)


def pairs(fitted: Sequence[Case], cases: Sequence[Case]) -> list[Pair]:
    """Predictions for `cases` by rules that were fitted to others."""
    known = [name for name in QUESTIONS if any(name in case.gains for case in fitted)]
    rules = {name: Rule.fit(fitted, name) for name in known}
    return [Pair(case, name, rule(case)) for case in cases for name, rule in rules.items() if name in case.gains]


def left_out(fitted: Sequence[Case], cases: Sequence[Case]) -> list[Pair]:
    """Predictions for each group of `cases` by rules that were fitted to `fitted` and to all other groups."""
    found = []
    for group in sorted({case.group for case in cases}):
        others = [case for case in cases if case.group != group]
        found += pairs([*fitted, *others], [case for case in cases if case.group == group])
    return found


def score(found: Sequence[Pair]) -> Score:
    """Of all pairs together."""
    groups: dict[str, list[Pair]] = {}
    for pair in found:
        if pair.decided:
            groups.setdefault(pair.case.group, []).append(pair)

    def right(of: Callable[[Pair], bool]) -> dict[str, list[bool]]:
        return {name: [of(pair) for pair in some] for name, some in groups.items()}

    def ranks(of: Callable[[float], float]) -> Correlation | None:
        predicted, measured = [of(p.predicted) for p in found], [of(p.measured) for p in found]
        alike = len(set(predicted)) < 2 or len(set(measured)) < 2
        return None if len(found) < 4 or alike else rank_correlation(predicted, measured)

    rule, trivial = right(lambda p: p.predicted * p.measured > 0), right(lambda p: p.measured > 0)
    if not groups:
        return Score(None, None, None, ranks(float), ranks(abs), len(found))
    gained = np.array([(sum(rule[name]) - sum(trivial[name])) / len(rule[name]) for name in groups])
    better = (float(gained.mean()), *mean_interval(gained))
    return Score(Share.of(rule), Share.of(trivial), better, ranks(float), ranks(abs), len(found))


def alone(cases: Sequence[Case], question: str) -> dict[str, Correlation]:
    """Rank correlation of each signal with the gains of a question."""
    used = [case for case in cases if question in case.gains]
    gains = [case.gains[question].value for case in used]
    return {name: rank_correlation([case.signals[name] for case in used], gains) for name in used[0].signals}
