"""Pictures of samples, drawn with Matplotlib objects and without global state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from ..data import Codec, Learnt, Pixels
from .style import DPI, blank, put, text_width, wrapped

__all__ = ["PAPER", "Picture", "contact_sheet", "ink", "mosaic", "reduced", "show", "shown"]

PAPER, _GAP = 1.0, 0.80
_PITCH = 0.5
"""Inches from column to column of a sheet of small pictures."""
_LARGEST = 128
"""The most pixels of a side of a tile; larger pictures are shown by the means of boxes."""
_AT_ONCE = 16
"""Pictures in full size that are in memory together."""
_LEAST, _SLANTED, _SLANT = 8.0, 9.0, 40
"""Points below which headings are turned instead of made smaller, their points then, and by how many degrees."""

Picture = NDArray[np.float64]


def mosaic(tiles: Picture, gap: int = 1) -> Picture:
    """Joins tiles [R, C, H, W, 3] with `gap` grey pixels around each: [R (H + gap) + gap, C (W + gap) + gap, 3]."""
    rows, columns, height, width, _ = tiles.shape
    sheet = np.full((rows, columns, height + gap, width + gap, 3), _GAP)
    sheet[:, :, gap:, gap:] = tiles
    joined = sheet.transpose(0, 2, 1, 3, 4).reshape(rows * (height + gap), columns * (width + gap), 3)
    return np.pad(joined, ((0, gap), (0, gap), (0, 0)), constant_values=_GAP)


def ink(codec: Codec, tokens: Tensor) -> Picture:
    """Images [..., H, W, 3] of `tokens` [..., L]: colours as they are, and greys that mean ink dark on white."""
    if (isinstance(codec, Pixels) and not codec.is_grey) or (isinstance(codec, Learnt) and codec.channels == 3):
        colours: Picture = codec.colours(tokens.cpu()).double().numpy() / 255
        return colours
    brightness: Picture = codec.picture(tokens.cpu()).double().numpy()[..., None]
    return shown(codec, brightness)


def shown(codec: Codec, pictures: Picture) -> Picture:
    """Pictures [..., H, W, C] of a codec from 0 to 1, C = 1 or 3, as they are shown: ink is dark on white."""
    dark = isinstance(codec, Pixels) and codec.is_grey and codec.ink
    return np.repeat(PAPER - pictures if dark else pictures, 3 // pictures.shape[-1], -1)


def contact_sheet(
    codec: Codec, tokens: Tensor, columns: int, headings: Sequence[str], title: str, tiles: Sequence[int] | None = None
) -> Any:
    """Draws samples [N, L] row by row in columns with headings. Tiles without a sample are white.

    Args:
        codec: The codec of the tokens.
        tokens: The samples.
        columns: Number of columns.
        headings: Headings of the columns.
        title: Title of the figure.
        tiles: Number of the tile of each sample, counted row by row; by default 0 to N - 1.
    """
    where = range(len(tokens)) if tiles is None else tiles
    rows = -(-(max(where) + 1) // columns)
    pictures = np.concatenate([reduced(ink(codec, some)) for some in tokens.split(_AT_ONCE)])
    sheet = np.full((rows * columns, *pictures.shape[1:]), PAPER)
    sheet[list(where)] = pictures
    pitch = max(_PITCH, sheet.shape[2] / DPI)  # so that each pixel is seen
    size, slant = _fitted(headings, pitch)
    along, up = (turn(math.radians(slant)) * size for turn in (math.cos, math.sin))
    widths = [text_width(heading, 1) for heading in headings]
    beyond = max((along * wide - pitch * (columns - k - 0.5) for k, wide in enumerate(widths)), default=0.0)
    width = max(4.0, pitch * columns + 0.4 + max(beyond, 0.0) * bool(slant))
    title = wrapped(title, width - 0.1)
    height = 1.06 * pitch * rows * min(1.0, sheet.shape[1] / sheet.shape[2])
    height += 0.2 + up * max(widths, default=0.0)
    figure = blank((width, height + 0.4 + 0.2 * title.count("\n")))
    axes = figure.add_subplot(anchor="S")
    show(axes, mosaic(sheet.reshape(rows, columns, *sheet.shape[1:])), columns, headings, inches=pitch)
    put(figure.suptitle("", fontsize=11), title)
    return figure


def show(
    axes: Any, sheet: Picture, columns: int, headings: Sequence[str], gap: int = 1, *, inches: float = 0.5
) -> None:
    """Shows a mosaic with a heading above each column, which is about `inches` wide."""
    # Small pictures show their pixels as squares; of large ones no row may be lost where the scale is not whole.
    axes.imshow(sheet.clip(0, 1), interpolation="nearest" if inches <= _PITCH else "antialiased")
    pitch = (sheet.shape[1] - gap) / columns
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0, pad=2)
    size, slant = _fitted(headings, inches)
    axes.set_xticks([gap / 2 - 0.5 + pitch * (k + 0.5) for k in range(columns)], headings, fontsize=size)
    turned = {"rotation": slant, "ha": "left", "rotation_mode": "anchor"} if slant else {}
    for label, heading in zip(axes.get_xticklabels(), headings, strict=True):
        put(label, heading)
        label.set(**turned)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def reduced(pictures: Picture, largest: int = _LARGEST) -> Picture:
    """Pictures [N, H, W, 3] with at most `largest` pixels a side: those that have more become means of boxes."""
    height, width = pictures.shape[1:3]
    share = min(1.0, largest / max(height, width))
    if share == 1:
        return pictures
    fewer = max(1, round(share * height)), max(1, round(share * width))
    means: Picture = F.adaptive_avg_pool2d(from_numpy(pictures).permute(0, 3, 1, 2), fewer).permute(0, 2, 3, 1).numpy()
    return means


def _fitted(headings: Sequence[str], inches: float) -> tuple[float, int]:
    """Points and degrees at which headings of columns of that many inches do not touch."""
    widest = max((text_width(line, 1) for each in headings for line in each.split("\n")), default=0.0)
    size = min(11.0, 0.95 * inches / max(widest, 1e-9))
    return (size, 0) if size >= _LEAST else (_SLANTED, _SLANT)
