"""The outcomes of a grid as a table, in CSV and in Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ..evaluate.evaluation import cell as words
from .grid import Outcome
from .judge import Quality

__all__ = ["TableRow", "as_csv", "as_markdown", "ceiling_row", "row"]


@dataclass(frozen=True)
class TableRow:
    """One line of the table. Values that do not apply are None."""

    process: str
    mechanism: str
    schedule: str
    mean_weight: float | None
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    precision: float
    recall: float
    frechet: float
    conditional_calls: int | None = None
    reference_calls: int | None = None
    forced: int | None = None
    seconds: float | None = None


def row(process: str, outcome: Outcome) -> TableRow:
    """The line for a cell."""
    cell = outcome.cell
    return TableRow(
        process,
        cell.mechanism or "any",
        cell.schedule or "any",
        cell.weight,
        *_figures(outcome.quality),
        outcome.calls.conditional,
        outcome.calls.reference,
        outcome.forced,
        round(outcome.seconds, 2),
    )


def ceiling_row(quality: Quality) -> TableRow:
    """The line for real data, the best values that samples can be expected to reach."""
    return TableRow("real test digits", "", "", None, *_figures(quality))


def _figures(quality: Quality) -> tuple[int, float, float, float, float, float, float]:
    accuracy = quality.accuracy
    rounded = [round(x, 4) for x in (accuracy.value, accuracy.low, accuracy.high, quality.precision, quality.recall)]
    return accuracy.count, *rounded, round(quality.frechet, 4)  # type: ignore[return-value]


def as_csv(rows: Sequence[TableRow]) -> str:
    """The table as comma-separated values with a header. Shares are from 0 to 1; missing values are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(asdict(rows[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(line) for line in rows)
    return text.getvalue()


HEADINGS = (
    "process", "mechanism", "schedule", "mean w", "n", "accuracy (95 % interval)", "precision", "recall",
    "Fréchet", "calls cond. + ref.", "forced", "seconds",
)  # fmt: skip


def as_markdown(rows: Sequence[TableRow]) -> str:
    """The table in Markdown, aligned as plain text."""
    body = [HEADINGS, *(_texts(line) for line in rows)]
    widths = [max(len(line[k]) for line in body) for k in range(len(HEADINGS))]
    numeric = [k >= 3 for k in range(len(HEADINGS))]
    rule = ["-" * (w - 1) + ":" if right else "-" * w for w, right in zip(widths, numeric, strict=True)]
    lines = [
        "| " + " | ".join(x.rjust(w) if r else x.ljust(w) for x, w, r in zip(line, widths, numeric, strict=True)) + " |"
        for line in (body[0], rule, *body[1:])
    ]
    return "\n".join(lines) + "\n"


def _texts(line: TableRow) -> tuple[str, ...]:
    called = line.conditional_calls is not None
    return (
        line.process,
        words(line.mechanism),
        line.schedule,
        "" if line.mean_weight is None else f"{line.mean_weight:g}",
        str(line.n),
        f"{line.accuracy:.3f} ({line.accuracy_low:.3f} to {line.accuracy_high:.3f})",
        f"{line.precision:.3f}",
        f"{line.recall:.3f}",
        f"{line.frechet:.2f}",
        f"{line.conditional_calls} + {line.reference_calls}" if called else "",
        str(line.forced) if called else "",
        f"{line.seconds:.1f}" if called else "",
    )
