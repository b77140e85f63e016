"""Chooses the greys or colours that are the tokens of a set of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import bad, require
from ..codecs.images import Bytes, Palette, Shape, numbers, to_colours, to_greys
from ..codecs.pixels import Pixels

__all__ = ["as_tokens", "parse_size"]


def parse_size(text: str) -> Shape:
    """Reads rows and columns from `32` or `24x32`. Raises `ValueError` for other texts."""
    rows, cross, columns = text.lower().partition("x")
    if not rows.isdecimal() or (cross and not columns.isdecimal()) or not int(rows) or (cross and not int(columns)):
        raise bad("size", repr(text), "a number of pixels, or rows x columns such as 24x32")
    return int(rows), int(columns or rows)


def as_tokens(
    read: Callable[[bool], Sequence[Bytes]], levels: int | None, colours: int | None
) -> tuple[NDArray[np.int64], Pixels]:
    """Converts images to tokens of equidistant greys, or of a palette.

    With `colours`, images with at most this number of colours keep them exactly, and are resized without mixing
    colours. Other images get a palette by median cut.

    Args:
        read: Gives all images at one size, [H, W, 3] each; its argument is `smooth` of `pixels`.
        levels: Number of greys, 2 to 256.
        colours: Number of colours, 2 to 256, instead of greys.

    Returns:
        Tokens [N, L] and their codec.

    Raises:
        ValueError: If not exactly one of the numbers is given, or it is out of range, or there is only one colour.
    """
    number = colours if levels is None else levels
    if (levels is None) == (colours is None) or number is None or not 2 <= number <= 256:
        raise bad("levels and colours", f"{levels} and {colours}", "one of them, 2 to 256")
    if colours is None:
        images = np.stack(read(True))
        return to_greys(images, number), Pixels.grey(images.shape[1], images.shape[2], number)
    sharp = read(False)
    palette = _exact_palette(sharp, colours)
    images = np.stack(sharp if palette else read(True))
    palette = palette or _learnt_palette(images, colours)
    if len(palette) < 2:
        raise bad("images", f"one colour alone, {', '.join(palette)}", "at least two colours", "Look at the images.")
    return to_colours(images, palette), Pixels(images.shape[1], images.shape[2], palette)


def _exact_palette(images: Sequence[Bytes], most: int) -> Palette | None:
    """The colours of the images, from dark to light; None if there are more than `most`."""
    seen: set[int] = set()
    for image in images:
        seen.update(np.unique(numbers(image)).tolist())
        if len(seen) > most:
            return None
    return _palette(seen)


def _learnt_palette(images: Bytes, colours: int) -> Palette:
    """A palette of `colours` colours for images [N, H, W, 3], by median cut of at most 2^20 pixels."""
    module = require("PIL.Image", "data")
    flat = images.reshape(-1, 3)
    flat = flat[:: max(1, len(flat) >> 20)]
    strip = module.fromarray(flat[None]).quantize(colours, method=module.Quantize.MEDIANCUT)
    medians = np.array(strip.getpalette(), dtype=np.int64).reshape(-1, 3)[:colours]
    return _palette(set(numbers(medians[None]).tolist()) if len(medians) else set())


def _palette(colours: set[int]) -> Palette:
    light = sorted(colours, key=lambda c: (0.299 * (c >> 16) + 0.587 * (c >> 8 & 255) + 0.114 * (c & 255), c))
    return tuple(f"#{colour:06x}" for colour in light)
