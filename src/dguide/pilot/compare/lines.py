"""Lines that say what is known of a setting, as soon as it is judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ...evaluate.evaluation import between, shown
from .rows import Row

__all__ = ["bracketed", "progress_lines"]


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
            "" if apart is None else f"  less the baseline {shown(apart.value)}{bracketed(apart.low, apart.high)}{mark}"
        )
        own = f"{shown(row.figure.value)}{bracketed(row.figure.low, row.figure.high)}"
        yield f"  {row.figure.name:{width}}  {own}{versus}"


def bracketed(low: float, high: float) -> str:
    """An interval in brackets; nothing if there is none."""
    return f" ({between(low, high)})" if between(low, high) else ""
