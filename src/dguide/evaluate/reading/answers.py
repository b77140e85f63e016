"""The classes of sequences one by one, as a table; for sequences with and without true classes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ...data import Skipped
from ..evaluation import as_json, cell
from .classes import Reading

__all__ = ["Answers", "lines_of"]


def lines_of(
    reading: Reading,
    names: Sequence[str],
    before: Mapping[str, Sequence[str]],
    after: Mapping[str, Sequence[str]],
) -> str:
    """One line of CSV for each sequence: read class, log-odds and their error, probabilities.

    The read class, the log-odds against the second best, and their error are at T = 1. The probabilities are at the
    temperature of the reading.

    Args:
        reading: The reading of N sequences.
        names: The names of the classes.
        before: Further columns of N texts in front, by their headings.
        after: The same, in front of the probabilities.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    read = reading.tempered(1.0)
    best, second = read.log_probs.topk(2).values.unbind(-1)
    columns: dict[str, Sequence[str]] = {
        **before,
        "read": [names[label] for label in read.predicted.tolist()],
        "log-odds": [f"{odds:.4g}" for odds in (best - second).tolist()],
        "error of log-odds": [f"{error:.4g}" for error in read.error.tolist()],
        **after,
    }
    probs = [[f"{p:.6g}" for p in row] for row in reading.log_probs.exp().tolist()]
    writer.writerow([*columns, *(f"p({name})" for name in names)])
    for fields, row in zip(zip(*columns.values(), strict=True), probs, strict=True):
        writer.writerow([*fields, *row])
    return text.getvalue()


@dataclass(frozen=True, eq=False)
class Answers:
    """The reading of sequences that nobody labelled. Without labels there is no accuracy, and no fitted temperature.

    Args:
        reading: The reading, at T = 1.
        names: The names of the classes.
        places: Where each sequence stands: its file, or file and line.
        skipped: Entries that were not read, with reasons.
    """

    reading: Reading
    names: tuple[str, ...]
    places: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """The number of sequences that were read as each class."""
        counts = torch.bincount(self.reading.predicted, minlength=len(self.names)).tolist()
        return dict(zip(self.names, counts, strict=True))

    def as_csv(self) -> str:
        """One line of CSV for each sequence: its place, and then as in `lines_of`."""
        return lines_of(self.reading, self.names, {"place": self.places}, {})

    def as_markdown(self) -> str:
        """The number of sequences of each class, and what was left out, in Markdown."""
        lines = ["| class | sequences read as it |", "|---|---:|"]
        lines += [f"| {cell(name)} | {count} |" for name, count in self.counts.items()]
        if self.skipped:
            lines += ["", f"Left out: {len(self.skipped)}.", ""]
            lines += [f"- {each.what}: {each.why}" for each in self.skipped]
        return "\n".join(lines) + "\n"

    def as_json(self) -> str:
        """The same as JSON."""
        left_out = {each.what: each.why for each in self.skipped}
        return as_json({"passes": self.reading.passes, "classes": self.counts, "left out": left_out})
