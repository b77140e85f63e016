"""Chooses the greys or colours that are the tokens of a set of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ...errors import bad, require
from ..codecs.images import Bytes, Palette, Shape, numbers, to_colours, to_greys
from ..codecs.pixels import Pixels
from ..pictures import Pictures

__all__ = ["as_tokens", "parse_size"]


def parse_size(text: str) -> Shape:
    """Reads rows and columns from `32` or `24x32`. Raises `ValueError` for other texts."""
    rows, cross, columns = text.lower().partition("x")
    if not rows.isdecimal() or (cross and not columns.isdecimal()) or not int(rows) or (cross and not int(columns)):
        raise bad("size", repr(text), "a number of pixels, or rows x columns such as 24x32")
    return int(rows), int(columns or rows)


def as_tokens(read: Callable[[bool], Pictures], levels: int | None, colours: int | None) -> tuple[Bytes, Pixels]:
    """Converts images to tokens of equidistant greys, or of a palette.

    With `colours`, images with at most this number of colours keep them exactly, and are resized without mixing
    colours. Other images get a palette by median cut.

    Args:
        read: Gives all images at one size; its argument is `smooth` of `pixels`.
        levels: Number of greys, 2 to 256.
        colours: Number of colours, 2 to 256, instead of greys.

    Returns:
        Tokens [N, L] uint8 and their codec.

    Raises:
        ValueError: If not exactly one of the numbers is given, or it is out of range, or there is only one colour.
    """
    number = colours if levels is None else levels
    if (levels is None) == (colours is None) or number is None or not 2 <= number <= 256:
        raise bad("levels and colours", f"{levels} and {colours}", "one of them, 2 to 256")
    if colours is None:
        images = read(True)
        greys = [to_greys(chunk, number).astype(np.uint8) for chunk in _in_colour(images)]
        return np.concatenate(greys), Pixels.grey(images.height, images.width, number)
    images = read(False)
    palette = _exact_palette(images, colours)
    images = images if palette else read(True)
    palette = palette or _learnt_palette(images, colours)
    if len(palette) < 2:
        raise bad("images", f"one colour alone, {', '.join(palette)}", "at least two colours", "Look at the images.")
    tokens = [to_colours(chunk, palette).astype(np.uint8) for chunk in _in_colour(images)]
    return np.concatenate(tokens), Pixels(images.height, images.width, palette)


def _in_colour(images: Pictures) -> Iterator[Bytes]:
    """The images in turn, [n, H, W, 3] each."""
    yield from (np.broadcast_to(chunk, (*chunk.shape[:3], 3)) for chunk in images.chunks())


def _exact_palette(images: Pictures, most: int) -> Palette | None:
    """The colours of the images, from dark to light; None if there are more than `most`."""
    seen: set[int] = set()
    for chunk in _in_colour(images):
        seen.update(np.unique(numbers(chunk)).tolist())
        if len(seen) > most:
            return None
    return _palette(seen)


def _learnt_palette(images: Pictures, colours: int) -> Palette:
    """A palette of `colours` colours by median cut of at most 2^20 pixels of the images, at equal distances."""
    module = require("PIL.Image", "data")
    every = max(1, len(images) * images.height * images.width >> 20)
    taken, passed = [], 0
    for chunk in _in_colour(images):
        flat = chunk.reshape(-1, 3)
        taken.append(flat[-passed % every :: every])
        passed += len(flat)
    strip = module.fromarray(np.concatenate(taken)[None]).quantize(colours, method=module.Quantize.MEDIANCUT)
    medians = np.array(strip.getpalette(), dtype=np.int64).reshape(-1, 3)[:colours]
    return _palette(set(numbers(medians[None]).tolist()) if len(medians) else set())


def _palette(colours: set[int]) -> Palette:
    light = sorted(colours, key=lambda c: (0.299 * (c >> 16) + 0.587 * (c >> 8 & 255) + 0.114 * (c & 255), c))
    return tuple(f"#{colour:06x}" for colour in light)
