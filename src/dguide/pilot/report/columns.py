"""Columns of a table in a page: where their cells stand, and how they are sorted."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .records import Align, Cell, Table

__all__ = ["Column", "columns"]

_NUMBER = re.compile(r"[-+\u2212]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")
_NOTHING = {"", "-", "\u2013", "\u2014"}
"""Texts of a cell without a value: nothing, or a dash."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        head: Its heading.
        align: Where its cells stand.
        keys: What each cell is sorted by, if all cells are numbers; else nothing.
    """

    head: str
    align: Align
    keys: tuple[str, ...] = ()


def columns(table: Table) -> list[Column]:
    """The columns of a table. One whose cells are numbers is sorted by number, with missing ones at the end."""
    right: Align = "right"
    aligns = table.align or ("left", *(right for _ in table.heads[1:]))
    cells = zip(*table.rows, strict=True)
    return [Column(*each) for each in zip(table.heads, aligns, map(_keys, cells), strict=True)]


def _keys(cells: tuple[str | Cell, ...]) -> tuple[str, ...]:
    numbers = [_number(cell) for cell in cells]
    if None in numbers or all(math.isnan(number) for number in numbers if number is not None):
        return ()
    return tuple(map(repr, numbers))


def _number(cell: str | Cell) -> float | None:
    """The number that a cell is sorted by: NaN if it has no value, None if it is another text."""
    if isinstance(cell, Cell) and cell.sort is not None:
        return float(cell.sort)
    text = (cell.text if isinstance(cell, Cell) else cell).strip()
    if text in _NOTHING:
        return math.nan
    found = _NUMBER.match(text)
    return float(found[0].replace(",", "").replace("\u2212", "-")) if found else None
