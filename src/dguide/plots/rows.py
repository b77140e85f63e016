"""Rows of pictures below each other, each with its name, in a file of limited size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import bad, require
from .images import PAPER, Picture, mosaic, reduced
from .style import DPI, as_png, blank, put, text_width

__all__ = ["PictureRow", "picture_rows"]

_GAP = 1
_TILE, _LEAST_TILE = 0.75, 0.25
"""Inches of a picture, and the fewest of a smaller one."""
_POINTS = 9.0
_SIDES = (96, 64, 48, 32, 24, 16)
"""The most pixels of a side that are tried, one after the other, until the file is small enough."""


@dataclass(frozen=True, eq=False)
class PictureRow:
    """Pictures that belong together.

    Args:
        name: Their name.
        pictures: [N, H, W, 3] from 0 (dark) to 1 (bright).
        regions: Regions that are marked, [N, H, W] bool; None for none.
    """

    name: str
    pictures: Picture
    regions: NDArray[np.bool_] | None = None


def picture_rows(rows: Sequence[PictureRow], most: int) -> bytes:
    """A PNG with the pictures of each row beside each other, and its name at the left.

    Pictures are made smaller, and then fewer, until the file has at most `most` bytes.

    Args:
        rows: The rows; all pictures have one size.
        most: The most bytes of the file.

    Raises:
        ValueError: If one picture in each row is still too much.
    """
    columns = max(len(row.pictures) for row in rows)
    counts = sorted({-(-columns // 2**halved) for halved in range(columns.bit_length() + 1)}, reverse=True)
    for count, side in product(counts, _SIDES):
        png = as_png(_drawn(rows, count, side))
        if len(png) <= most:
            return png
    raise bad("pictures", f"{len(png)} bytes for one in each of {len(rows)} rows", f"at most {most}")


def _drawn(rows: Sequence[PictureRow], columns: int, side: int) -> Any:
    """The figure with `columns` pictures in each row, of at most `side` pixels."""
    height, width = rows[0].pictures.shape[1:3]
    small = [reduced(row.pictures[:columns], side) for row in rows]
    sheet = np.full((len(rows), columns, *small[0].shape[1:]), PAPER)
    for number, pictures in enumerate(small):
        sheet[number, : len(pictures)] = pictures
    high, wide = sheet.shape[2:4]
    inches = min(_TILE, max(_LEAST_TILE, side / DPI))
    scale = inches / max(high, wide)
    names = max(text_width(row.name, _POINTS) for row in rows) + 0.15
    size = ((wide + _GAP) * columns * scale, (high + _GAP) * len(rows) * scale)
    figure = blank((names + size[0] + 0.1, size[1] + 0.1))
    axes = figure.add_subplot(anchor="E")
    axes.imshow(mosaic(sheet, _GAP).clip(0, 1), interpolation="nearest")
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    pitch = high + _GAP
    axes.set_yticks(
        [pitch * (number + 0.5) for number in range(len(rows))], [row.name for row in rows], fontsize=_POINTS
    )
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        put(label, row.name)
    for number, row in enumerate(rows):
        for column, region in enumerate(() if row.regions is None else row.regions[:columns]):
            corner = (column * (wide + _GAP) + _GAP - 0.5, number * pitch + _GAP - 0.5)
            _mark(axes, region, corner, (wide / width, high / height))
    return figure


def _mark(axes: Any, region: NDArray[np.bool_], corner: tuple[float, float], scale: tuple[float, float]) -> None:
    """A frame around a region, white on black, so that it is seen on any picture."""
    down, across = (np.flatnonzero(region.any(axis)) for axis in (1, 0))
    x, y = (corner[0] + across[0] * scale[0], corner[1] + down[0] * scale[1])
    size = (len(across) * scale[0], len(down) * scale[1])
    rectangle = require("matplotlib.patches", "pilot").Rectangle
    for colour, line in (("black", 2.4), ("white", 1.0)):
        axes.add_patch(rectangle((x, y), *size, fill=False, edgecolor=colour, linewidth=line))
