"""The pictures that a tokenizer draws worst: original, reconstruction and difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import require
from ..evaluate.reconstructions.fidelity import WINDOW
from ..evaluate.reconstructions.report import Worst
from .images import Picture, mosaic, show
from .style import blank, labels, put, wrapped

__all__ = ["worst_figure"]

_ROWS = ("original", "reconstruction", "difference")
_INCHES = 1.4
"""Inches from column to column."""
_MARK = "#D55E00"


def worst_figure(worst: Worst, names: Sequence[str], title: str, *, square: bool = False) -> Any:
    """Draws pictures [n, H, W, C] above what the tokenizer makes of them, and the mean difference of the channels.

    Args:
        worst: The pictures, the worst first.
        names: Names of the classes; empty for none above the pictures.
        title: Title of the figure.
        square: Whether to mark the worst square of each picture.
    """
    real, drawn = _colours(worst.real), _colours(worst.drawn)
    apart = np.abs(real - drawn).mean(-1, keepdims=True)
    largest = max(float(apart.max()), 1 / 255)
    tiles = np.stack([real, drawn, np.repeat(apart / largest, 3, -1)])
    count, height, width = tiles.shape[1:4]
    title = wrapped(f"{title}\nlargest {worst.kind}; white in a difference is {largest:.2f}", count * _INCHES + 0.8)
    tall = 3 * _INCHES * height / width
    figure = blank((max(5.0, count * _INCHES + 1.2), tall + 1.0 + 0.2 * title.count("\n")))
    axes, gap = figure.add_subplot(), max(1, width // 32)
    short = labels(names)
    heads = [f"{short[k]}\n" if short else "" for k in worst.labels]
    headings = [f"{head}{error:.3f}" for head, error in zip(heads, worst.errors, strict=True)]
    show(axes, mosaic(tiles, gap), count, headings, gap, inches=_INCHES)
    axes.set_yticks([(k + 0.5) * (height + gap) for k in range(3)], _ROWS, rotation=90, va="center")
    patches = require("matplotlib.patches", "cli")
    for column, (top, left) in enumerate(worst.place.tolist() if square else ()):
        for row in range(3):
            corner = column * (width + gap) + gap + left - 0.5, row * (height + gap) + gap + top - 0.5
            sides = min(WINDOW, width, height), min(WINDOW, width, height)
            axes.add_patch(patches.Rectangle(corner, *sides, fill=False, edgecolor=_MARK, linewidth=1.2))
    put(figure.suptitle("", fontsize=11), title)
    return figure


def _colours(pictures: Tensor) -> Picture:
    return np.repeat(pictures.double().numpy() / 255, 3 // pictures.shape[3], -1)
