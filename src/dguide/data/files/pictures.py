"""Converts images of any size and mode to tokens: crops, resizes, and reduces to few greys or colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import bad, require
from ..codecs.pixels import Pixels

__all__ = ["Bytes", "Palette", "Shape", "Unfit", "as_tokens", "bits_of", "colours_of", "parse_size", "pixels"]

Shape = tuple[int, int]
Palette = tuple[str, ...]
Bytes = NDArray[np.uint8]
_WHITE = (255, 255, 255, 255)
_AT_ONCE = 4096
"""Number of colours that are compared with a palette at once. It limits the memory."""


class Unfit(ValueError):
    """The error for an image with unknown range of brightness. The message is the reason to omit it."""


def parse_size(text: str) -> Shape:
    """Reads rows and columns from `32` or `24x32`. Raises `ValueError` for other texts."""
    rows, cross, columns = text.lower().partition("x")
    if not rows.isdecimal() or (cross and not columns.isdecimal()) or not int(rows) or (cross and not int(columns)):
        raise bad("size", repr(text), "a number of pixels, or rows x columns such as 24x32")
    return int(rows), int(columns or rows)


def colours_of(image: Any, bits: int) -> Any:
    """Converts a decoded `PIL.Image.Image` to red, green and blue with 8 bits.

    Transparent parts become white. Whole numbers with more than 8 bits, and numbers from 0 to 1, are scaled to 8 bits.

    Args:
        image: The image.
        bits: Bits of the largest number in all images with more than 8 bits.

    Raises:
        Unfit: If the numbers have another range, or more than 8 bits of which at most 8 are used.
    """
    module = require("PIL.Image", "data")
    if image.mode[0] in "IF":  # PIL would clip these values instead of scaling them
        image = module.fromarray(_eight_bits(np.asarray(image), image.info.get("transparency"), bits))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = module.alpha_composite(module.new("RGBA", image.size, _WHITE), image)
    return image.convert("RGB")


def pixels(image: Any, shape: Shape | None, smooth: bool) -> Bytes:
    """Converts the result of `colours_of` to an array [H, W, 3].

    For `shape`, the image is cropped around the center to the new proportions. Then each pixel is the mean of the old
    pixels that it covers, or one of them if not `smooth`.

    Args:
        image: A `PIL.Image.Image` in red, green and blue.
        shape: Rows and columns; None for those of the image.
        smooth: Whether to take means.
    """
    ops, module = require("PIL.ImageOps", "data"), require("PIL.Image", "data")
    if shape is not None and image.size != shape[::-1]:
        method = module.Resampling.BOX if smooth else module.Resampling.NEAREST
        image = ops.fit(image, shape[::-1], method)
    return np.asarray(image)


def bits_of(image: Any) -> int:
    """Bits of the largest number in a decoded `PIL.Image.Image` of whole numbers; 0 if they are not of 0 to 65535."""
    low, high = np.asarray(image).min(), np.asarray(image).max()
    return int(high).bit_length() if low >= 0 and high <= 65535 else 0


def _eight_bits(values: NDArray[Any], transparent: int | None, bits: int) -> Bytes:
    """Scales numbers from 0 to 1, or whole numbers of `bits`, to 0 to 255. The value `transparent` becomes white."""
    low, high = values.min(), values.max()
    if values.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # also true for nan
            raise Unfit(f"numbers from {low:g} to {high:g}, expected 0 to 1: save it with 8 bits")
        scaled: Bytes = np.rint(values * 255).astype(np.uint8)
        return scaled
    if low < 0 or high > 65535:
        raise Unfit(f"numbers from {low} to {high}, expected 0 to 65535: save it with 8 bits")
    if high > 0 and bits <= 8:
        raise Unfit("16 bits, but no value above 255: save it with 8 bits")
    grey: Bytes = (values >> max(bits - 8, 0)).astype(np.uint8)
    if transparent is not None:
        grey[values == transparent] = 255
    return grey


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
        return _to_greys(images, number), Pixels.grey(images.shape[1], images.shape[2], number)
    sharp = read(False)
    palette = _exact_palette(sharp, colours)
    images = np.stack(sharp if palette else read(True))
    palette = palette or _learnt_palette(images, colours)
    if len(palette) < 2:
        raise bad("images", f"one colour alone, {', '.join(palette)}", "at least two colours", "Look at the images.")
    return _to_colours(images, palette), Pixels(images.shape[1], images.shape[2], palette)


def _to_greys(images: Bytes, levels: int) -> NDArray[np.int64]:
    """The nearest of `levels` equidistant greys for each pixel of images [N, H, W, 3], as [N, H W]."""
    luma = images.astype(np.float64) @ [0.299, 0.587, 0.114]
    greys: NDArray[np.int64] = np.rint(luma / 255 * (levels - 1)).astype(np.int64).reshape(len(images), -1)
    return greys


def _to_colours(images: Bytes, palette: Palette) -> NDArray[np.int64]:
    """The nearest colour of the palette for each pixel of images [N, H, W, 3], as [N, H W]."""
    colours = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in palette], dtype=np.int64)
    seen, where = np.unique(_numbers(images), return_inverse=True)
    channels = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], -1)
    nearest = np.empty(len(seen), dtype=np.int64)
    for start in range(0, len(seen), _AT_ONCE):
        apart = channels[start : start + _AT_ONCE, None] - colours
        nearest[start : start + _AT_ONCE] = np.square(apart).sum(-1).argmin(1)
    tokens: NDArray[np.int64] = nearest[where].reshape(len(images), -1)
    return tokens


def _exact_palette(images: Sequence[Bytes], most: int) -> Palette | None:
    """The colours of the images, from dark to light; None if there are more than `most`."""
    seen: set[int] = set()
    for image in images:
        seen.update(np.unique(_numbers(image)).tolist())
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
    return _palette(set(_numbers(medians[None]).tolist()) if len(medians) else set())


def _numbers(colours: NDArray[Any]) -> NDArray[np.int32]:
    """Red, green and blue [..., 3] as one number for each colour."""
    wide = colours.astype(np.int32)
    return (wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).ravel()


def _palette(colours: set[int]) -> Palette:
    light = sorted(colours, key=lambda c: (0.299 * (c >> 16) + 0.587 * (c >> 8 & 255) + 0.114 * (c & 255), c))
    return tuple(f"#{colour:06x}" for colour in light)
