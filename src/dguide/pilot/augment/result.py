"""What a pilot on a rare class found: all arms judged, the two that are compared, and the decision."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ...data import class_of
from ..money import Decision, decide
from .arms import BASELINES
from .figures import Figures, Judged, best
from .page.amounts import in_points
from .run import Found

__all__ = ["COLUMNS", "Result"]

COLUMNS = (
    "arm",
    "figure",
    "value",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "runs",
    "examples",
)
"""Columns of the table of a pilot."""
_FIGURES = ("recall", "false_alarms", "accuracy", "area")


@dataclass(frozen=True, eq=False)
class Result:
    """The arms of a pilot, judged."""

    found: Found

    @cached_property
    def arms(self) -> dict[str, Judged]:
        """The arms by name, in order."""
        study, found = self.found.study, self.found
        rare = class_of(study.whole, study.rare)
        return {
            arm.name: Judged(
                found.scores[arm.name], found.validation, found.test, rare, study.good_classes, study.false_alarms
            )
            for arm in found.arms
        }

    @cached_property
    def old(self) -> str:
        """The arm with ordinary augmentation that is better on the validation part."""
        return best(self.arms, [arm.name for arm in BASELINES])

    @cached_property
    def new(self) -> str:
        """The arm with generated examples that is best on the validation part."""
        return best(self.arms, [arm.name for arm in self.found.arms if arm.drawn])

    @cached_property
    def difference(self) -> Figures:
        """The figures of `new` less those of `old`."""
        return self.arms[self.new].less(self.arms[self.old])

    @property
    def beats(self) -> str:
        """Whether the recall of `new` is "better", "worse", or "equal" as far as the interval tells."""
        recall = self.difference.recall
        return "better" if recall.low > 0 else "worse" if recall.high < 0 else "equal"

    @cached_property
    def decision(self) -> Decision | None:
        """Whether `new` pays against `old`; None without prices."""
        prices = self.found.study.prices
        new, old = (self.arms[name].decisions for name in (self.new, self.old))
        return None if prices is None else decide(new, old, prices)

    def rows(self) -> Iterator[tuple[str | float | int, ...]]:
        """The tidy table: one row for each arm and figure, with the difference to `old` (see `COLUMNS`)."""
        for name, judged in self.arms.items():
            less = judged.less(self.arms[self.old])
            for figure in _FIGURES:
                own, apart = getattr(judged.figures, figure), getattr(less, figure)
                ends = (own.value, own.low, own.high, apart.value, apart.low, apart.high)
                yield (name, figure, *ends, own.runs, own.examples)

    def as_csv(self) -> str:
        """The tidy table as CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(self.rows())
        return text.getvalue()

    def as_text(self) -> str:
        """The table for a terminal: one line for each arm."""
        width = max(map(len, self.arms))
        lines = [f"{'arm':{width}}  recall                 false alarms           area"]
        for name, judged in self.arms.items():
            figures = (judged.figures.recall, judged.figures.false_alarms, judged.figures.area)
            cells = (f"{each.value:.3f} ({each.low:.3f} to {each.high:.3f})" for each in figures)
            lines.append(f"{name:{width}}  {'  '.join(cells)}")
        recall = self.difference.recall
        value, low, high = map(in_points, (recall.value, recall.low, recall.high))
        lines.append("95 % intervals in brackets.")
        lines.append(f'Recall of "{self.new}" less that of "{self.old}": {value} points ({low} to {high})')
        return "\n".join(lines)
