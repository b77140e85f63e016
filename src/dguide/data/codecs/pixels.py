"""The codec of images: a token is a colour of a palette."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad, positive, require
from .base import Codec
from .images import (
    Bytes,
    Unfit,
    bits_of,
    colours_of,
    decoded,
    eight_bits,
    numbers,
    open_image,
    pixels,
    reason,
    silent,
    to_colours,
    to_greys,
)

__all__ = ["Pixels", "plain"]

_COLOUR = re.compile("#[0-9a-f]{6}")
_LUMA = torch.tensor([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Pixels(Codec):
    """Images in row-major order: token k is colour k of the palette.

    Args:
        height: Rows H.
        width: Columns W.
        palette: Colour of each token, as `#rrggbb`. The method `grey` uses equidistant greys.
        ink: Whether greys are amounts of ink, which pictures show dark on white paper. It does not change the tokens,
            so codecs that differ only in it are equal.
        bits: Bits of the largest number in images with more than 8 bits, by which all of them are scaled; 0 if there
            were none. It does not change the tokens that are there either.
    """

    height: int
    width: int
    palette: tuple[str, ...]
    ink: bool = field(default=False, compare=False)
    bits: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        positive("height", self.height)
        positive("width", self.width)
        object.__setattr__(self, "palette", tuple(self.palette))
        wrong = [colour for colour in self.palette if not _COLOUR.fullmatch(str(colour))]
        if wrong or len(self.palette) < 2:
            raise bad("palette", wrong or self.palette, "at least two colours, each as #rrggbb")
        if self.bits not in (0, *range(9, 17)):
            raise bad("bits", self.bits, "9 to 16, or 0")

    @classmethod
    def grey(cls, height: int, width: int, levels: int, *, ink: bool = False) -> Pixels:
        """The codec for `levels` equidistant greys from black to white."""
        greys = [round(255 * level / (levels - 1)) for level in range(levels)]
        return cls(height, width, tuple(f"#{g:02x}{g:02x}{g:02x}" for g in greys), ink)

    @property
    def vocab_size(self) -> int:
        return len(self.palette)

    @property
    def length(self) -> int:
        return self.height * self.width

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def size(self) -> tuple[int, int]:
        return self.shape

    @cached_property
    def is_grey(self) -> bool:
        """Whether the palette is equidistant greys from black to white."""
        return self.palette == Pixels.grey(1, 1, len(self.palette)).palette

    def encode(self, image: Any) -> list[int]:
        """The tokens of an image: the nearest colour of the palette for each pixel.

        The image is read, cropped and resized as those of a folder. Whole numbers with more than 8 bits are scaled by
        `bits`, and larger ones are white; if `bits` is 0, they are scaled by the bits that this image uses. Greys are
        nearest in brightness. An image whose colours are all in a palette of other colours is resized without mixing
        them.

        Args:
            image: A `PIL.Image.Image`, the path of an image, or an array or tensor [H, W] or [H, W, 3] of 8 bits, of
                16 bits, or of numbers from 0 to 1.

        Raises:
            ValueError: If it is no image, or cannot be read.
            dguide.errors.MissingExtra: If Pillow is not installed.
        """
        upright = plain(image, self.bits)
        smooth = pixels(upright, self.shape, smooth=True)[None]
        if self.is_grey:
            return to_greys(smooth, self.vocab_size)[0].tolist()  # type: ignore[no-any-return]
        sharp = pixels(upright, self.shape, smooth=False)[None]
        known = [int(colour[1:], 16) for colour in self.palette]
        kept = bool(np.isin(numbers(sharp), known).all())
        return to_colours(sharp if kept else smooth, self.palette)[0].tolist()  # type: ignore[no-any-return]

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel, from 0 (dark) to 1 (bright): `token / (V - 1)` if tokens are greys.

        Args:
            tokens: Sequences, [..., L] int64.

        Returns:
            Pictures, [..., H, W] float32.

        Raises:
            ValueError: If `tokens` has another length.
        """
        self._fits(tokens)
        brightness = tokens.float() / (self.vocab_size - 1) if self.is_grey else self.colours(tokens) @ _LUMA / 255
        return brightness.reshape(*tokens.shape[:-1], *self.shape)

    def colours(self, tokens: Tensor) -> Tensor:
        """Red, green and blue of every pixel, 0 to 255, [..., H, W, 3] float32, of sequences [..., L]."""
        self._fits(tokens)
        palette = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in self.palette]
        return torch.tensor(palette, dtype=torch.float32, device=tokens.device)[tokens].reshape(
            *tokens.shape[:-1], *self.shape, 3
        )

    def features(self, tokens: Tensor) -> NDArray[np.float64]:
        """`token / (V - 1)` if tokens are greys, else red, green and blue of every pixel; from 0 to 1, [N, D]."""
        self._fits(tokens)
        if self.is_grey:
            greys: NDArray[np.float64] = tokens.cpu().double().numpy() / (self.vocab_size - 1)
            return greys
        colours: NDArray[np.float64] = self.colours(tokens.cpu()).double().flatten(1).numpy() / 255
        return colours

    def contents(self, tokens: Tensor) -> list[bytes]:
        self._fits(tokens)
        palette = np.array([int(colour[1:], 16) for colour in self.palette], dtype="<i4")
        return [palette[row].tobytes() for row in tokens.cpu().numpy()]

    def _fits(self, tokens: Tensor) -> None:
        if tokens.shape[-1] != self.length:
            raise bad(
                "tokens",
                f"shape {tuple(tokens.shape)}",
                f"a last dimension of {self.length} ({self.height} rows of {self.width})",
                "Pass whole images, row by row.",
            )


_IMAGE = "an image, the path of one, or an array [H, W] or [H, W, 3]"
_RANGE = "8 bits, 16 bits, or numbers from 0 to 1"


def plain(image: Any, bits: int) -> Any:
    """An image in red, green and blue, as a `PIL.Image.Image`. Raises `ValueError` if it is none."""
    module, is_path = require("PIL.Image", "data"), isinstance(image, str | Path)
    what = f"image {image}" if is_path else "image"
    if not is_path and not isinstance(image, module.Image):
        image = module.fromarray(_bytes(image, bits))
    try:
        with silent():
            if is_path:
                with open_image(Path(image).expanduser()) as opened:
                    image = decoded(opened)
            else:
                image = decoded(image)
    except MemoryError:
        raise  # it may be that of the machine
    except Exception as error:  # Pillow raises any class for a damaged file, and only Pillow is called here
        raise bad(what, reason(error, image), _IMAGE) from error
    try:
        return colours_of(image, (bits or bits_of(image)) if image.mode[0] == "I" else 0)
    except Unfit as error:
        raise bad(what, str(error), _RANGE) from error


def _bytes(image: object, bits: int) -> Bytes:
    """An array or tensor [H, W] or [H, W, 3] with 8 bits. Raises `ValueError` if it is none."""
    if not isinstance(image, np.ndarray | Tensor):
        raise bad("image", repr(image)[:60], _IMAGE)
    array = np.asarray(image.cpu() if isinstance(image, Tensor) else image)
    if (
        array.dtype.kind not in "buif"
        or array.ndim not in (2, 3)
        or array.shape[2:] not in ((), (3,))
        or not array.size
    ):
        raise bad("image", f"{array.dtype} of shape {list(array.shape)}", _IMAGE)
    if array.dtype == np.uint8:
        return array
    try:
        return array * np.uint8(255) if array.dtype.kind == "b" else eight_bits(array, None, bits or bits_of(array))
    except Unfit as error:
        raise bad("image", str(error), _RANGE) from error
