"""The files of a comparison: its table as Parquet, CSV, JSON and a page in Markdown, and its figures."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...errors import require
from ...evaluate.evaluation import as_json, between, cell, shown
from ...files import replacing
from ...plots.style import save
from .charts import charts
from .comparison import Compared
from .rows import Row

__all__ = ["FILES", "markdown", "progress_lines", "write"]

FILES = ("compare.parquet", "compare.csv", "compare.json", "compare.md")
"""Names of the files, without the figures."""


def progress_lines(rows: Sequence[Row], done: int, count: int) -> Iterator[str]:
    """What is known of a setting as soon as it is judged."""
    yield f"[{done}/{count}] {rows[0].setting}"
    width = max(len(row.figure.name) for row in rows)
    for row in rows:
        if math.isnan(row.figure.value):
            continue
        apart = row.difference
        mark = f" {row.verdict}" if row.main and row.verdict else ""
        versus = (
            "" if apart is None else f"  less the baseline {shown(apart.value)}{_ends(apart.low, apart.high)}{mark}"
        )
        own = f"{shown(row.figure.value)}{_ends(row.figure.low, row.figure.high)}"
        yield f"  {row.figure.name:{width}}  {own}{versus}"


def markdown(found: Compared, language: str = "en") -> str:
    """The page: the advice, the figure that decides for each setting, all figures, and how they were made."""
    parts = [found.advice(language), "", f"## {found.main}", "", *_decisive(found), "", "## All figures", ""]
    parts += [*_every(found), "", "## How it was made", ""]
    parts += [f"- {name}: {cell(text)}" for name, text in found.about.items()]
    return "\n".join(parts) + "\n"


def write(found: Compared, folder: Path) -> list[Path]:
    """Writes the table, the page and the figures into a folder, each file whole or not at all; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    parquet, columns, program, page = paths
    table = found.table
    with replacing(parquet) as temporary:
        arrow = require("pyarrow", "pilot")
        require("pyarrow.parquet", "pilot").write_table(arrow.Table.from_pylist(table), temporary)
    with replacing(columns) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(
            {name: "" if value is None or value != value else value for name, value in row.items()} for row in table
        )
    with replacing(program) as temporary:
        content = {"advice": found.advice(), "about": dict(found.about), "rows": table}
        temporary.write_text(as_json(content), encoding="utf-8")
    with replacing(page) as temporary:
        temporary.write_text(markdown(found), encoding="utf-8")
    for name, figure in charts(found).items():
        paths.append(folder / name)
        save(figure, paths[-1])
    return paths


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
        "" if row is None else f"{shown(row.figure.value)}{_ends(row.figure.low, row.figure.high)}" for row in rows
    ]
    best = next((row.figure.best for row in rows if row is not None), math.nan)
    return (cell(name), *values, shown(best))


def _lines(heads: Sequence[str], rows: Any) -> Iterator[str]:
    for line in (heads, ["---"] * len(heads), *rows):
        yield "| " + " | ".join(line) + " |"


def _ends(low: float, high: float) -> str:
    return f" ({between(low, high)})" if between(low, high) else ""
