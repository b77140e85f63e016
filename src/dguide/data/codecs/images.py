"""Converts an image of any size and mode to few greys or colours: decodes, crops, resizes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import require

__all__ = [
    "FORMATS",
    "MOST_PIXELS",
    "UPPER",
    "Bytes",
    "Palette",
    "Shape",
    "Unfit",
    "bits_of",
    "colours_of",
    "decoded",
    "eight_bits",
    "luma",
    "more_bits",
    "numbers",
    "open_image",
    "pixels",
    "reason",
    "silent",
    "to_colours",
    "to_greys",
]

Shape = tuple[int, int]
Palette = tuple[str, ...]
Bytes = NDArray[np.uint8]
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""The formats that are read, by their names in Pillow."""
MOST_PIXELS = 2**26
"""Largest number of pixels in an image before it is resized."""
UPPER = "16 bits a channel, of which only the upper 8 are read"
"""What is said of colours with 16 bits: Pillow gives no access to the lower 8."""
_LEAST = 32
"""Least of the brightest value of colours with 16 bits, after the lower 8 are lost: an eighth of the range."""
_DEEP = "dguide: more than 8 bits"
"""The name in the information of an image that keeps what decoding it loses."""
_WHITE = (255, 255, 255, 255)
_AT_ONCE = 4096
"""Number of colours that are compared with a palette at once. It limits the memory."""


class Unfit(ValueError):
    """The error for an image with unknown range of brightness. The message is the reason to omit it."""


@contextmanager
def silent() -> Iterator[None]:
    """A context in which Pillow warns of nothing on standard error, nor do the C libraries that it calls.

    What is wrong with an image is said where it is listed. C code writes to the file descriptor, past `sys.stderr`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            kept = os.dup(2)
        except OSError:  # there is no standard error
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def open_image(source: Any) -> Any:
    """Opens a file or bytes as a `PIL.Image.Image`, not yet decoded, by its content.

    Only the `FORMATS` are tried: others of Pillow call other programs, or are rarely images.

    Raises:
        Unfit: If it has more than `MOST_PIXELS`; Pillow raises many other classes.
    """
    module = require("PIL.Image", "data")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", module.DecompressionBombWarning)  # the limit here is lower
        image = module.open(source, formats=FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        image.close()
        raise Unfit(f"{width * height / 1e6:,.0f} megapixels, more than {MOST_PIXELS / 1e6:,.0f}")
    if more_bits(image):
        image.info[_DEEP] = True
    return image


def decoded(image: Any) -> Any:
    """The decoded first frame of a `PIL.Image.Image`, upright. Pillow raises any class for a damaged file."""
    deep = more_bits(image)
    image.load()
    upright = require("PIL.ImageOps", "data").exif_transpose(image)  # a copy, even if nothing is turned
    if deep:
        upright.info[_DEEP] = True
    return upright


def reason(error: BaseException, source: object) -> str:
    """The message of an error of `open_image` or `decoded`, without the name of the source."""
    text = str(error).partition(" <_io.")[0].removesuffix(repr(str(source))).rstrip(" :")
    return f"unreadable: {text}"[:200]


def colours_of(image: Any, bits: int) -> Any:
    """Converts a decoded `PIL.Image.Image` to red, green and blue with 8 bits.

    Transparent parts become white. Whole numbers with more than 8 bits, and numbers from 0 to 1, are scaled to 8 bits.

    Args:
        image: The image.
        bits: Bits of the largest number in all images with more than 8 bits.

    Raises:
        Unfit: If the numbers have another range, or more than 8 bits of which at most 8 are used, or if colours with
            16 bits are almost black without the lower 8.
    """
    module = require("PIL.Image", "data")
    if image.mode[0] in "IF":  # PIL would clip these values instead of scaling them
        image = module.fromarray(eight_bits(np.asarray(image), image.info.get("transparency"), bits))
    elif more_bits(image):
        brightest = max(high for _, high in image.convert("RGB").getextrema())
        if brightest < _LEAST:
            raise Unfit(f"{UPPER}, and these go up to {brightest} of 255: save it with 8 bits")
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
    """Bits of the largest whole number in a decoded image or an array; 0 if they are not of 0 to 65535."""
    low, high = np.asarray(image).min(), np.asarray(image).max()
    return int(high).bit_length() if low >= 0 and high <= 65535 else 0


def more_bits(image: Any) -> bool:
    """Whether a `PIL.Image.Image` had more than 8 bits in a channel before it was decoded.

    Pillow decodes colours of 16 bits to the upper 8 of them, and then no longer tells: `open_image` and `decoded` do.
    """
    return _DEEP in image.info or any(
        ";16" in str(tile[3]) or (tile[0].startswith("ppm") and isinstance(tile[3], tuple) and tile[3][-1] > 255)
        for tile in getattr(image, "tile", ())
    )


def eight_bits(values: NDArray[Any], transparent: int | None, bits: int) -> Bytes:
    """Scales numbers from 0 to 1, or whole numbers of `bits`, to 0 to 255. The value `transparent` becomes white.

    Whole numbers with more bits become white, too.
    """
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
    grey: Bytes = np.minimum(values >> max(bits - 8, 0), 255).astype(np.uint8)
    if transparent is not None:
        grey[values == transparent] = 255
    return grey


def luma(images: Bytes) -> NDArray[np.float64]:
    """The brightness of pixels from 0 to 255, [...], of images [..., 3]."""
    brightness: NDArray[np.float64] = images.astype(np.float64) @ [0.299, 0.587, 0.114]
    return brightness


def to_greys(images: Bytes, levels: int) -> NDArray[np.int64]:
    """The nearest of `levels` equidistant greys for each pixel of images [N, H, W, 3], as [N, H W]."""
    greys: NDArray[np.int64] = np.rint(luma(images) / 255 * (levels - 1)).astype(np.int64).reshape(len(images), -1)
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
