"""Figures whose text the fonts of a reader draw, as in the page of a report: no text is replaced for want of a font."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError, bad
from .style import put

__all__ = ["equal_columns", "framed", "keyed"]


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
    axes.tick_params(labelsize=10)


def keyed(figure: Any) -> None:
    """Adds a legend of all that has a label, in one line above the axes."""
    legend = figure.legend(loc="outside upper left", ncols=4, fontsize=10, frameon=False, handletextpad=0.5)
    for text in legend.get_texts():
        put(text, text.get_text(), replaced=False)
