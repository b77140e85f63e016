"""Converts an image of any size and mode to few greys or colours: decodes, crops, resizes."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import require

__all__ = [
    "Bytes",
    "Palette",
    "Shape",
    "Unfit",
    "colours_of",
    "eight_bits",
    "numbers",
    "pixels",
    "reason",
    "to_colours",
    "to_greys",
    "unreadable",
]

Shape = tuple[int, int]
Palette = tuple[str, ...]
Bytes = NDArray[np.uint8]
_WHITE = (255, 255, 255, 255)
_AT_ONCE = 4096
"""Number of colours that are compared with a palette at once. It limits the memory."""


class Unfit(ValueError):
    """The error for an image with unknown range of brightness. The message is the reason to omit it."""


def unreadable() -> tuple[type[BaseException], ...]:
    """The errors of Pillow for damaged files."""
    damaged = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, struct.error, zlib.error)
    return (*damaged, require("PIL.Image", "data").DecompressionBombError)


def reason(error: BaseException, source: object) -> str:
    """The message of an error of `unreadable`, without the name of the source."""
    text = str(error).partition(" <_io.")[0].removesuffix(repr(str(source))).rstrip(" :")
    return f"unreadable: {text}"[:200]


def colours_of(image: Any) -> Any:
    """Converts a `PIL.Image.Image` to red, green and blue with 8 bits, fully decoded.

    Transparent parts become white. Channels of 16 bits, and numbers from 0 to 1, are scaled to 8 bits.

    Raises:
        Unfit: If the numbers have another range, or 16 bits but no value above 255.
    """
    ops, module = require("PIL.ImageOps", "data"), require("PIL.Image", "data")
    image = ops.exif_transpose(image)
    if image.mode[0] in "IF":  # PIL would clip these values instead of scaling them
        image = module.fromarray(eight_bits(np.asarray(image), image.info.get("transparency")))
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


def eight_bits(values: NDArray[Any], transparent: int | None) -> Bytes:
    """Scales numbers from 0 to 1, or from 0 to 65535, to 0 to 255. The value `transparent` becomes white."""
    low, high = values.min(), values.max()
    if values.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # also true for nan
            raise Unfit(f"numbers from {low:g} to {high:g}, expected 0 to 1: save it with 8 bits")
        scaled: Bytes = np.rint(values * 255).astype(np.uint8)
        return scaled
    if low < 0 or high > 65535:
        raise Unfit(f"numbers from {low} to {high}, expected 0 to 65535: save it with 8 bits")
    if 0 < high < 256:
        raise Unfit("16 bits, but no value above 255: save it with 8 bits")
    grey: Bytes = (values // 256).astype(np.uint8)
    if transparent is not None:
        grey[values == transparent] = 255
    return grey


def to_greys(images: Bytes, levels: int) -> NDArray[np.int64]:
    """The nearest of `levels` equidistant greys for each pixel of images [N, H, W, 3], as [N, H W]."""
    luma = images.astype(np.float64) @ [0.299, 0.587, 0.114]
    greys: NDArray[np.int64] = np.rint(luma / 255 * (levels - 1)).astype(np.int64).reshape(len(images), -1)
    return greys


def to_colours(images: Bytes, palette: Palette) -> NDArray[np.int64]:
    """The nearest colour of the palette for each pixel of images [N, H, W, 3], as [N, H W]."""
    colours = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in palette], dtype=np.int64)
    seen, where = np.unique(numbers(images), return_inverse=True)
    channels = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], -1)
    nearest = np.empty(len(seen), dtype=np.int64)
    for start in range(0, len(seen), _AT_ONCE):
        apart = channels[start : start + _AT_ONCE, None] - colours
        nearest[start : start + _AT_ONCE] = np.square(apart).sum(-1).argmin(1)
    tokens: NDArray[np.int64] = nearest[where].reshape(len(images), -1)
    return tokens


def numbers(colours: NDArray[Any]) -> NDArray[np.int32]:
    """Red, green and blue [..., 3] as one number for each colour."""
    wide = colours.astype(np.int32)
    return (wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).ravel()
