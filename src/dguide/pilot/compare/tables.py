"""The files of a comparison: a report, its table as Parquet, CSV, JSON and Markdown, and its figures."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...evaluate.evaluation import as_json, between, cell, shown
from ...files import replacing
from ...plots.style import save
from ..parquet import write_parquet
from ..report import Language, page
from .as_report import as_report
from .charts import charts, samples_sheet
from .comparison import Compared
from .lines import bracketed
from .rows import Row
from .tuning.tune import Tuned

__all__ = ["FILES", "markdown", "write", "write_files", "write_tuned"]

_REPORT = "compare.html"
FILES = ("compare.md", "compare.parquet", "compare.csv", "compare.json")
"""Names of the files, without the report and the figures."""


def markdown(found: Compared) -> str:
    """The page: the advice, the figure that decides for each setting, all figures, and how they were made."""
    parts = [found.advice(), "", f"## {found.main}", "", *_decisive(found), "", "## All figures", ""]
    parts += [*_every(found), "", "## How it was made", ""]
    parts += [f"- {name}: {cell(text)}" for name, text in found.about.items()]
    return "\n".join(parts) + "\n"


def write(found: Compared, folder: Path, language: Language = "en") -> list[Path]:
    """Writes a report, the table and the figures into a folder, each file whole or not at all; returns their paths.

    The report `compare.html` is in the language; all else is English.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / _REPORT
    with replacing(report) as temporary:
        temporary.write_text(page(as_report(found, language)), encoding="utf-8")
    return [report, *write_files(found, folder)]


def write_files(found: Compared, folder: Path) -> list[Path]:
    """Writes the table and the figures into a folder, as `write` does, but no report."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    words, parquet, columns, program = paths
    table = found.table
    _write_columns(columns, table)
    write_parquet(parquet, table)
    with replacing(program) as temporary:
        content = {"advice": found.advice(), "about": dict(found.about), "rows": table}
        temporary.write_text(as_json(content), encoding="utf-8")
    with replacing(words) as temporary:
        temporary.write_text(markdown(found), encoding="utf-8")
    sheet = samples_sheet(found)
    for name, figure in (charts(found) | ({} if sheet is None else {"samples.png": sheet})).items():
        paths.append(folder / name)
        save(figure, paths[-1])
    return paths


def write_tuned(found: Tuned, folder: Path) -> list[Path]:
    """Writes what a search tried, and what it found, into a folder; returns the paths."""
    trials, words = folder / "tuning.csv", folder / "tuning.md"
    counts = sorted({count for each in found.trials for count in each.values})
    rows: list[dict[str, Any]] = [
        {"trial": each.number, **each.parameters, "complete": each.complete}
        | {f"{count} samples": each.values.get(count) for count in counts}
        for each in found.trials
    ]
    _write_columns(trials, rows)
    with replacing(words) as temporary:
        temporary.write_text(
            "\n".join([found.advice(), "", *_lines(list(rows[0]), map(_cells, rows))]) + "\n", encoding="utf-8"
        )
    return [trials, words]


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [
        shown(each) if isinstance(each, float) else "" if each is None else cell(str(each)) for each in row.values()
    ]


def _write_columns(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes a table with commas; what is unknown is empty."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {name: "" if each is None or each != each else each for name, each in row.items()} for row in rows
        )


def _decisive(found: Compared) -> Iterator[str]:
    """A line for each setting: the figure that decides, its difference, and what the setting costs."""
    rows = [row for row in found.rows if row.main]
    level = next((row.difference.level for row in rows if row.difference is not None), 0.95)
    heads = ("setting", found.main, "95 % interval", "n", "less the baseline", f"{100 * level:.4g} % interval", "",
             "calls a batch", "seconds")  # fmt: skip
    yield from _lines(heads, (_line(row) for row in rows))


def _line(row: Row) -> tuple[str, ...]:
    figure, apart = row.figure, row.difference
    versus = ("", "") if apart is None else (shown(apart.value), between(apart.low, apart.high))
    seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
    own = (shown(figure.value), between(figure.low, figure.high), f"{figure.count:,}")
    return (cell(row.setting), *own, *versus, row.verdict, f"{sum(row.calls):,}", seconds)


def _every(found: Compared) -> Iterator[str]:
    """A line for each figure and a column for each setting; the last column has held-out data."""
    names = [each.name for each in found.evaluations[found.baseline].estimates]
    heads = ("figure", *map(cell, found.settings), "held-out data")
    table = {(row.setting, row.figure.name): row for row in found.rows}
    yield from _lines(heads, (_figure(found, table, name) for name in names))


def _figure(found: Compared, table: dict[tuple[str, str], Row], name: str) -> tuple[str, ...]:
    rows = [table.get((setting, name)) for setting in found.settings]
    values = [
        "" if row is None else f"{shown(row.figure.value)}{bracketed(row.figure.low, row.figure.high)}" for row in rows
    ]
    best = next((row.figure.best for row in rows if row is not None), math.nan)
    return (cell(name), *values, shown(best))


def _lines(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for line in (heads, ["---"] * len(heads), *rows):
        yield "| " + " | ".join(line) + " |"
