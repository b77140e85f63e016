"""What a figure is, and the habits that all of them share: colours, marks, shades of the weight, numbers as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from ...guidance import Constant, InverseLinear, Linear, Schedule
from ...plots.style import blank

__all__ = [
    "EARLY_TO_LATE",
    "WIDTH",
    "TheoryFigure",
    "direct_label",
    "frame",
    "panels",
    "plain",
    "shade",
    "time_axis",
]

WIDTH = 10.5
"""Inches across a figure; a page shows it a quarter larger, so that 10 points read as 12."""
_DIGITS = 6

EARLY_TO_LATE: dict[str, tuple[Callable[[float], Schedule], str, str]] = {
    "early": (InverseLinear, ":", "v"),
    "constant": (Constant, "-", "o"),
    "late": (Linear, "--", "^"),
}
"""Schedules at a given mean weight: falling towards data, constant, rising towards data; line and mark of each."""


@dataclass(frozen=True, eq=False)
class TheoryFigure:
    """One figure of the gallery with all that is said of it.

    Args:
        name: Stem of its files.
        title: What it shows, in a few words.
        drawing: The Matplotlib figure.
        caption: What is seen, as `markup.html` reads it; its numbers are computed.
        alt: The picture in words, for those who do not see it.
        data: The numbers behind it, a dataclass.
        table: Lines of cells to show below the caption, headings first; none if empty.
    """

    name: str
    title: str
    drawing: Any
    caption: str
    alt: str
    data: Any
    table: Sequence[Sequence[str]] = ()


def plain(value: Any) -> Any:
    """A result as what JSON holds: dataclasses become objects, tensors lists, numbers six digits."""
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Tensor):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value


def shade(index: int, count: int) -> tuple[float, float, float]:
    """The colour of the `index`-th of `count` weights, from light blue to dark; their lightness alone tells them."""
    share = index / max(1, count - 1)
    light, dark = (0.45, 0.70, 0.90), (0.02, 0.12, 0.35)
    return tuple(a + (b - a) * share for a, b in zip(light, dark, strict=True))  # type: ignore[return-value]


def panels(columns: int, height: float, rows: int = 1, **options: Any) -> tuple[Any, Any]:
    """A figure of full width with `rows` by `columns` axes, [rows, columns]."""
    fig = blank((WIDTH, height))
    return fig, fig.subplots(rows, columns, squeeze=False, **options)


def frame(axes: Any, title: str, xlabel: str = "", ylabel: str = "") -> None:
    """Title, labels and a faint grid."""
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel(xlabel, fontsize=10)
    axes.set_ylabel(ylabel, fontsize=10)
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def time_axis(axes: Any) -> None:
    """Time from noise on the left to data on the right."""
    axes.set_xlim(1, 0)
    axes.set_xticks([1, 0.75, 0.5, 0.25, 0], ["1\nnoise", "0.75", "0.5", "0.25", "0\ndata"])


def direct_label(
    axes: Any, xs: Sequence[float] | Tensor, ys: Sequence[float] | Tensor, at: float, text: str, **options: Any
) -> None:
    """Writes `text` beside the curve (xs, ys) where its x is nearest to `at`, on a patch of paper."""
    index = int((torch.as_tensor(xs) - at).abs().argmin())
    options = {"fontsize": 9, "ha": "center", "va": "center"} | options
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    axes.text(float(xs[index]), float(ys[index]), text, bbox=paper, **options)
