"""Figures whose text the fonts of a reader draw, as in the page of a report: no text is replaced for want of a font."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unicodedata import east_asian_width

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, bad
from .style import put, text_width, wrapped

__all__ = ["WIDTH", "check_intervals", "equal_columns", "framed", "keyed", "named", "room"]

WIDTH = 4.9
"""Inches of a figure that a phone shows whole, with its text still readable."""
_SIZE = 9
"""Points of all text."""
_PITCH = 0.17
"""Inches from line to line of this text."""


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


def check_intervals(values: NDArray[np.float64], lows: NDArray[np.float64], highs: NDArray[np.float64]) -> None:
    """Raises `InputError` for values outside their intervals."""
    if (lows > values).any() or (values > highs).any():
        raise bad("values", "some outside their intervals", "low <= value <= high in each row")


def framed(axes: Any) -> None:
    """Leaves the axes two sides of their frame, and a light grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#D0D0D0", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=_SIZE)


def named(figure: Any, horizontal: str, vertical: str = "") -> None:
    """Names the axes of a figure, below it and on its left. Names are broken into lines, for which it grows."""
    for text, draw in ((horizontal, figure.supxlabel), (vertical, figure.supylabel)):
        lines = wrapped(text, WIDTH - 0.3, _SIZE, room)
        put(draw("", fontsize=_SIZE), lines, replaced=False)
        figure.set_figheight(figure.get_figheight() + _PITCH * lines.count("\n"))


def room(text: str, size: float = _SIZE) -> float:
    """The width in inches of `text` in any font: a Chinese or Japanese letter is as wide as it is high."""
    wide = sum(east_asian_width(letter) in "WF" for letter in text)
    return wide * size / 72 + text_width("".join(each for each in text if east_asian_width(each) not in "WF"), size)


def keyed(figure: Any, columns: int) -> None:
    """Adds a legend of all that has a label above the axes."""
    legend = figure.legend(loc="outside upper left", ncols=columns, fontsize=_SIZE, frameon=False, handletextpad=0.5)
    for text in legend.get_texts():
        put(text, text.get_text(), replaced=False)
