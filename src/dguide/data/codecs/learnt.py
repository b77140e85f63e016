"""The codec of images with a learnt tokenizer: a token is a code, which stands for a part of the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ... import tokenizers
from ...errors import bad, positive
from ...progress import counted
from ...tokenizers import Tokenizer
from ..pictures import Pictures
from .base import Codec
from .images import luma, pixels
from .pixels import plain

__all__ = ["Learnt", "box_means", "brightness"]

_MOST = 32
"""Rows and columns of the box means that are features."""
_AT_ONCE = 2**22
"""Bytes of the pictures that are made floats at once."""


@dataclass(frozen=True)
class Learnt(Codec):
    """Images as codes of a tokenizer, row by row. The tokenizer is loaded when it is first used.

    Args:
        height: Rows of pixels of a picture.
        width: Columns of pixels.
        channels: 1 for grey, 3 for red, green and blue.
        rows: Rows of tokens.
        columns: Columns of tokens.
        codes: Number V of codes.
        digest: SHA-256 of the tokenizer. Tokens of another tokenizer have another meaning.
        folder: Where the tokenizer is: its folder, or its file. Codecs that differ only in it are equal.
        bits: As of `Pixels`: how images with more than 8 bits are scaled before they are encoded.
    """

    height: int
    width: int
    channels: int
    rows: int
    columns: int
    codes: int
    digest: str
    folder: Path = field(compare=False)
    bits: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        for name in ("height", "width", "rows", "columns", "codes"):
            positive(name, getattr(self, name))
        if self.channels not in (1, 3):
            raise bad("channels", self.channels, "1 for grey, or 3 for red, green and blue")

    @classmethod
    def of(cls, tokenizer: Tokenizer, folder: Path, bits: int = 0) -> Learnt:
        """The codec of a tokenizer in a folder."""
        sizes = (tokenizer.height, tokenizer.width, tokenizer.channels, *tokenizer.grid, tokenizer.codes)
        codec = cls(*sizes, tokenizer.digest, folder, bits)
        vars(codec)["tokenizer"] = tokenizer  # where `cached_property` keeps it
        return codec

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer. Raises `ValueError` if there is none in the folder, or another one."""
        found = tokenizers.load(self.folder, size=self.size)
        if Learnt.of(found, self.folder) != self:
            expected = f"{self.digest[:12]}..., the one that made the tokens"
            remedy = "Copy the folder of that tokenizer there, or encode the data and train the model anew."
            raise bad(f"tokenizer {self.folder}", f"SHA-256 {found.digest[:12]}...", expected, remedy)
        return found

    @property
    def vocab_size(self) -> int:
        return self.codes

    @property
    def length(self) -> int:
        return self.rows * self.columns

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tokens, for the network."""
        return self.rows, self.columns

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    def encode(self, image: Any) -> list[int]:
        """The tokens of an image, which is read, cropped and resized as those of a folder.

        Args:
            image: As of `Pixels.encode`.

        Raises:
            ValueError: If it is no image, or cannot be read.
            dguide.errors.MissingExtra: If Pillow is not installed.
        """
        picture = torch.from_numpy(np.array(pixels(plain(image, self.bits), self.size, smooth=True)))[None]
        if self.channels == 1:
            picture = torch.from_numpy(np.rint(luma(picture.numpy())).astype(np.uint8))[..., None]
        tokens: list[int] = self.tokenizer.encode(picture)[0].tolist()
        return tokens

    def decode_pictures(self, tokens: Tensor) -> Tensor:
        """The pictures of sequences [..., L], [..., H, W, C] uint8."""
        self.check(tokens)
        return self.tokenizer.decode(tokens.cpu().long())

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel, from 0 (dark) to 1 (bright), [..., H, W] float32, of sequences [..., L] int64."""
        return brightness(self.decode_pictures(tokens)).to(tokens.device)

    def colours(self, tokens: Tensor) -> Tensor:
        """Red, green and blue of every pixel, 0 to 255, [..., H, W, 3] float32, of sequences [..., L]."""
        pictures = self.decode_pictures(tokens)
        return pictures.expand(*pictures.shape[:-1], 3).float().to(tokens.device)

    def decoded(self, tokens: Tensor) -> Pictures:
        """The pictures of sequences [N, L], in a file without a name: all of them may not fit into the memory."""
        self.check(tokens)
        chunks = list(self._rows(len(tokens)))
        titled = counted(chunks, len(chunks), "decoding pictures")
        made = (self.decode_pictures(tokens[rows]).numpy() for rows in titled)
        return Pictures.filed(made, (*self.size, self.channels))

    def pictures_of(self, images: Tensor | Pictures) -> Tensor:
        """Images in memory, [N, H, W, C] uint8 with the channels of the tokenizer.

        Args:
            images: Sequences [N, L], or pictures of this size.
        """
        if isinstance(images, Tensor):
            return self.decode_pictures(images)
        pictures = images.batch(slice(None))
        return pictures.expand(*pictures.shape[:-1], self.channels)

    def features(self, images: Tensor | Pictures) -> NDArray[np.float64]:
        """Means of the pixels in boxes, on at most 32 x 32 places for each channel; from 0 to 1, [N, D].

        Args:
            images: As of `pictures_of`.
        """
        chunks = [box_means(self.pictures_of(_some(images, rows))) for rows in self._rows(len(images))]
        return np.concatenate(chunks) if chunks else np.zeros((0, 1))

    def _rows(self, count: int) -> Iterator[slice]:
        """The rows of some pictures at a time."""
        step = max(1, _AT_ONCE // (self.height * self.width * self.channels))
        yield from (slice(start, start + step) for start in range(0, count, step))


def _some(images: Tensor | Pictures, rows: slice) -> Tensor | Pictures:
    return images[rows] if isinstance(images, Tensor) else images.take(rows)


def brightness(pictures: Tensor) -> Tensor:
    """Brightness from 0 to 1, [..., H, W] float32, of pictures [..., H, W, C] uint8."""
    if pictures.shape[-1] == 1:
        return pictures[..., 0].float() / 255
    return pictures.float() @ torch.tensor([0.299, 0.587, 0.114]) / 255


def box_means(pictures: Tensor) -> NDArray[np.float64]:
    """Means of pixels from 0 to 1, on at most 32 x 32 places for each channel, [n, D], of pictures [n, H, W, C]."""
    sides = min(_MOST, pictures.shape[1]), min(_MOST, pictures.shape[2])
    means: NDArray[np.float64] = (
        F.adaptive_avg_pool2d(pictures.permute(0, 3, 1, 2).double(), sides).flatten(1).numpy() / 255
    )
    return means
