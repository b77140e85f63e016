"""The report of a check of a tokenizer, as a page and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..evaluation import as_json, cell, figure, table
from ..statistics.estimate import Estimate
from .advice import Seen, advice

__all__ = ["Judged", "Report", "Worst"]


@dataclass(frozen=True)
class Judged:
    """The accuracy of a classifier that learnt real pictures.

    Args:
        name: Its name.
        real: Accuracy on real test pictures.
        drawn: The same on their reconstructions.
        apart: The second less the first, with an interval of pairs.
    """

    name: str
    real: Estimate
    drawn: Estimate
    apart: Estimate


@dataclass(frozen=True, eq=False)
class Worst:
    """The pictures with the largest error of one kind, the worst first.

    Args:
        kind: The kind of error in words.
        rows: Their numbers in the test part, [n].
        errors: Their errors, [n].
        labels: Their classes, [n].
        place: Row and column of the first pixel of the worst square of each, [n, 2].
        real: The pictures, [n, H, W, C] uint8.
        drawn: What the tokenizer makes of them.
    """

    kind: str
    rows: tuple[int, ...]
    errors: tuple[float, ...]
    labels: tuple[int, ...]
    place: NDArray[np.int64]
    real: Tensor
    drawn: Tensor

    def headings(self, names: Sequence[str]) -> list[str]:
        """The class, if there are several, and the error of each picture."""
        words = (f"{names[label]}, " if names else "" for label in self.labels)
        return [f"{word}{error:.3f}" for word, error in zip(words, self.errors, strict=True)]


@dataclass(frozen=True, eq=False)
class Report:
    """What a tokenizer keeps of the test pictures.

    Args:
        estimates: The figures of the test part.
        judged: The accuracy of each classifier; empty for data with a single class.
        classes: What each classifier sees of each class; likewise.
        worst: The worst pictures, by mean error and by local error.
        names: The names of the classes; empty for a single one.
        factor: Pixels for each token, along a side.
        codes: Number of codes.
        tokens: Number of tokens of the test pictures.
        note: Says if these are not of the data that the tokenizer learnt.
    """

    estimates: tuple[Estimate, ...]
    judged: tuple[Judged, ...]
    classes: tuple[Seen, ...]
    worst: tuple[Worst, ...]
    names: tuple[str, ...]
    factor: int
    codes: int
    tokens: int
    note: str = ""

    def __getitem__(self, name: str) -> Estimate:
        """The figure `name`. Raises `KeyError` if it is missing."""
        return {each.name: each for each in self.estimates}[name]

    @property
    def verdict(self) -> tuple[str, ...]:
        """What is lost, and what to change, in sentences of Markdown."""
        ratio = self["local error"].value / max(self["mean error"].value, 1e-9)
        seen = [replace(each, name=cell(each.name)) for each in self.classes]
        sizes = {"factor": self.factor, "codes": self.codes, "tokens": self.tokens}
        return tuple(advice(seen, **sizes, used=int(self["codes used"].value), ratio=ratio))

    def as_markdown(self) -> str:
        """The note and the verdict in words, a table of figures, and what classifiers see, in Markdown."""
        said = [self.note] if self.note else []
        lines = ["\n\n".join([*said, *self.verdict]), "", *table(self.estimates)]
        if self.judged:
            lines += ["", "Classifiers that learnt real training pictures:", ""]
            lines += _head("classifier", "accuracy, real", "accuracy, reconstructed", "difference")
            lines += [_line(each.name, *map(_shown, (each.real, each.drawn, each.apart))) for each in self.judged]
        if self.classes:
            lines += [
                "",
                "Area under the ROC curve of each class against all others. In bold the classifier that counts:",
            ]
            lines += [
                "",
                *_head("class", "n", "classifier", "real", "reconstructed", "difference", "mean error", "local error"),
            ]
            for each in self.classes:
                shown = map(_shown, (each.real, each.drawn, each.apart))
                judge = f"**{each.judge}**" if each.counts else each.judge
                lines.append(
                    _line(each.name, f"{each.count:,}", judge, *shown, f"{each.error:.4f}", f"{each.local:.4f}")
                )
        for worst in self.worst:
            told = (f"{row} ({cell(words)})" for row, words in zip(worst.rows, worst.headings(self.names), strict=True))
            lines += ["", f"Largest {worst.kind}: test pictures {', '.join(told)}."]
        return "\n".join(lines) + "\n"

    def as_json(self) -> str:
        """The same as JSON."""
        parts = ("real", "drawn", "apart")
        return as_json(
            {
                "note": self.note,
                "verdict": list(self.verdict),
                "factor": self.factor,
                "codes": self.codes,
                "estimates": [figure(each) for each in self.estimates],
                "classifiers": [
                    {"name": each.name} | {part: figure(getattr(each, part)) for part in parts} for each in self.judged
                ],
                "classes": [
                    {"name": each.name, "classifier": each.judge, "counts": each.counts, "n": each.count}
                    | {"sees": each.sees, "falls": each.falls, "survives": each.survives}
                    | {"mean error": each.error, "local error": each.local}
                    | {part: figure(getattr(each, part)) for part in parts}
                    for each in self.classes
                ],
                "worst": {each.kind: {"rows": list(each.rows), "errors": list(each.errors)} for each in self.worst},
            }
        )


def _head(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]


def _line(name: str, *cells: str) -> str:
    return f"| {cell(name)} | {' | '.join(cells)} |"


def _shown(found: Estimate) -> str:
    ends = "" if math.isnan(found.low) else f" ({found.low:.3f} to {found.high:.3f})"
    return f"{found.value:.3f}{ends}"
