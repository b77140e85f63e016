"""Rows of pictures to be shown below each other, in files of limited size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import bad, require
from .images import PAPER, Picture, mosaic, reduced
from .style import as_png, blank

__all__ = ["MOST_BYTES", "PictureRow", "picture_rows"]

MOST_BYTES = 300_000
"""The most bytes of all pictures of a report."""
_TILE = 0.75
"""Inches of a picture."""
_SIDES = (96, 64, 48, 32, 24, 16)
"""The most pixels of a side that are tried, one after the other, until the files are small enough."""


@dataclass(frozen=True, eq=False)
class PictureRow:
    """Pictures beside each other.

    Args:
        name: Their name, for what stands beside the picture: it is not drawn, as no font has all languages.
        pictures: [N, H, W, 3] from 0 (dark) to 1 (bright).
        regions: Regions that are marked, [N, H, W] bool; None for none.
    """

    name: str
    pictures: Picture
    regions: NDArray[np.bool_] | None = None


def picture_rows(rows: Sequence[PictureRow], most: int) -> tuple[bytes, ...]:
    """A PNG of each row, all of one width, so that columns stand below each other.

    Pictures are made smaller, and then fewer, until all files together have at most `most` bytes.

    Args:
        rows: The rows; all pictures have one size.
        most: The most bytes of all files together.

    Raises:
        ValueError: If one picture in each row is still too much.
    """
    columns = max(len(row.pictures) for row in rows)
    counts = sorted({-(-columns // 2**halved) for halved in range(columns.bit_length() + 1)}, reverse=True)
    for count, side in product(counts, _SIDES):
        files = tuple(as_png(_drawn(row, count, side)) for row in rows)
        size = sum(map(len, files))
        if size <= most:
            return files
    raise bad("pictures", f"{size} bytes for one in each of {len(rows)} rows", f"at most {most}")


def _drawn(row: PictureRow, columns: int, side: int) -> Any:
    """The figure of a row with places for `columns` pictures, of at most `side` pixels."""
    height, width = row.pictures.shape[1:3]
    pictures = reduced(row.pictures[:columns], side)
    sheet = np.full((1, columns, *pictures.shape[1:]), PAPER)
    sheet[0, : len(pictures)] = pictures
    image = mosaic(sheet).clip(0, 1)
    high, wide = pictures.shape[1:3]
    scale = _TILE / max(high, wide)
    figure = blank((image.shape[1] * scale, image.shape[0] * scale))
    figure.set_layout_engine("none")  # the picture fills the file
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(image, interpolation="nearest", aspect="auto")
    for column, region in enumerate(() if row.regions is None else row.regions[:columns]):
        _mark(axes, region, column * (wide + 1) + 0.5, (wide / width, high / height))
    return figure


def _mark(axes: Any, region: NDArray[np.bool_], left: float, scale: tuple[float, float]) -> None:
    """A frame around a region, white on black, so that it is seen on any picture."""
    down, across = (np.flatnonzero(region.any(axis)) for axis in (1, 0))
    corner = (left + across[0] * scale[0], 0.5 + down[0] * scale[1])
    size = (len(across) * scale[0], len(down) * scale[1])
    rectangle = require("matplotlib.patches", "pilot").Rectangle
    for colour, line in (("black", 2.4), ("white", 1.0)):
        axes.add_patch(rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=line))
