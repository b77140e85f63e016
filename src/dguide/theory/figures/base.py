"""The record of a figure, and what all figures share: layout, marks of schedules, shades of the weight, JSON data."""

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
"""Width of a figure in inches. The page shows it a quarter larger, so 10 points become 12."""
_DIGITS = 6

EARLY_TO_LATE: dict[str, tuple[Callable[[float], Schedule], str, str]] = {
    "early": (InverseLinear, ":", "v"),
    "constant": (Constant, "-", "o"),
    "late": (Linear, "--", "^"),
}
"""Schedules by name, as functions of the mean weight, each with its line style and mark."""


@dataclass(frozen=True, eq=False)
class TheoryFigure:
    """One figure of the gallery, with its texts and its data.

    Args:
        name: Name of its files, without the suffix.
        title: A short title.
        drawing: The Matplotlib figure.
        caption: The caption, in the notation of `markup.html`; its numbers are computed.
        alt: A description of the picture, for readers who cannot see it.
        data: The numbers of the figure, a dataclass.
        table: Lines of cells below the caption, headings first, in the same notation; no table if empty.
    """

    name: str
    title: str
    drawing: Any
    caption: str
    alt: str
    data: Any
    table: Sequence[Sequence[str]] = ()


def plain(value: Any) -> Any:
    """A result as JSON data: dataclasses become objects, tensors lists, and numbers are rounded to six digits."""
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
    """The colour of weight number `index` of `count`, from light to dark blue; the lightness alone shows it."""
    share = index / max(1, count - 1)
    light, dark = (0.45, 0.70, 0.90), (0.02, 0.12, 0.35)
    return tuple(a + (b - a) * share for a, b in zip(light, dark, strict=True))  # type: ignore[return-value]


def panels(columns: int, height: float, rows: int = 1, **options: Any) -> tuple[Any, Any]:
    """A Matplotlib figure of full width, and its axes [rows, columns]."""
    fig = blank((WIDTH, height))
    return fig, fig.subplots(rows, columns, squeeze=False, **options)


def frame(axes: Any, title: str, xlabel: str = "", ylabel: str = "") -> None:
    """Sets title, labels and a light grid."""
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel(xlabel, fontsize=10)
    axes.set_ylabel(ylabel, fontsize=10)
    axes.tick_params(labelsize=9)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def time_axis(axes: Any) -> None:
    """Sets the x axis to time, from noise on the left to data on the right."""
    axes.set_xlim(1.02, -0.02)  # room for marks at both ends
    axes.set_xticks([1, 0.75, 0.5, 0.25, 0], ["1\nnoise", "0.75", "0.5", "0.25", "0\ndata"])


def direct_label(
    axes: Any, xs: Sequence[float] | Tensor, ys: Sequence[float] | Tensor, at: float, text: str, **options: Any
) -> None:
    """Writes `text` on the curve (xs, ys) where x is nearest to `at`, on a white background."""
    index = int((torch.as_tensor(xs) - at).abs().argmin())
    options = {"fontsize": 9, "ha": "center", "va": "center"} | options
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    axes.text(float(xs[index]), float(ys[index]), text, bbox=paper, **options)
