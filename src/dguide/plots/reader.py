"""Figures whose text the fonts of a reader draw, as in the page of a report: no text is replaced for want of a font."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from unicodedata import east_asian_width

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, bad
from .style import put

__all__ = ["WIDTH", "equal_columns", "framed", "keyed", "named", "width"]

WIDTH = 4.9
"""Inches of a figure that a phone shows whole, with its text still readable."""
_SIZE = 9
"""Points of all text."""
_LINE = 60
"""Letters of this size that fit beside each other, in any font."""
_WORD = re.compile(r"[\u2e80-\uffef][\u3001\u3002\uff09]*|[^\s\u2e80-\uffef]+\s*|\s+")
"""A word, or one Chinese or Japanese letter with the signs that do not begin a line."""


def equal_columns(columns: Mapping[str, ArrayLike], count: int) -> NDArray[np.float64]:
    """Columns as float64 [columns, count].

    Raises:
        InputError: With all mistakes: no row at all, columns of another length, and values that are not finite.
    """
    found = {name: np.asarray(column, dtype=float) for name, column in columns.items()}
    wrong = [] if count else [str(bad("rows", "none", "at least one"))]
    for name, column in found.items():
        if column.shape != (count,):
            wrong.append(str(bad(name, f"shape {column.shape}", f"[{count}]")))
        elif not np.isfinite(column).all():
            wrong.append(str(bad(name, "values that are not finite", "numbers")))
    if wrong:
        raise InputError("\n".join(wrong))
    return np.stack(list(found.values()))


def framed(axes: Any) -> None:
    """Leaves the axes two sides of their frame, and a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#D0D0D0", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=_SIZE)


def named(figure: Any, horizontal: str, vertical: str = "") -> None:
    """Names the axes of a figure below it and on its left. A long name is broken into lines."""
    for text, draw in ((horizontal, figure.supxlabel), (vertical, figure.supylabel)):
        if text:
            put(draw("", fontsize=_SIZE), _lines(text), replaced=False)


def width(text: str) -> int:
    """The room that a text takes, in letters: a Chinese or Japanese one takes that of two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _lines(text: str) -> str:
    """A text in lines of at most `_LINE` letters, broken between words, or between Chinese or Japanese letters."""
    lines = [""]
    for word in _WORD.findall(text):
        if lines[-1] and width(lines[-1] + word.rstrip()) > _LINE:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def keyed(figure: Any, columns: int) -> None:
    """Adds a legend of all that has a label above the axes."""
    legend = figure.legend(loc="outside upper left", ncols=columns, fontsize=_SIZE, frameon=False, handletextpad=0.5)
    for text in legend.get_texts():
        put(text, text.get_text(), replaced=False)
