"""Pictures of a data set as they are, for what learns from pixels: in its three parts, with classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import bad
from .base import Dataset, Skipped
from .codecs.base import Codec
from .codecs.images import Bytes
from .codecs.pixels import Pixels
from .files.assemble import assemble
from .pictures import Pictures

__all__ = ["Numbered", "Source", "from_pixels", "numbered"]


@dataclass(frozen=True, eq=False)
class Source:
    """The pictures of a data set in its parts. All are parts of one array, [M, H, W, C] uint8.

    Args:
        name: Its name for `dguide.data.pictures`.
        train: The pictures to learn from.
        validation: Those to choose with.
        test: Those to report on.
        labels: The classes of the three parts under the first condition, [N] int64 each.
        class_names: The names of the classes.
        digest: SHA-256 of the pictures and the classes of the parts, in hexadecimal.
        skipped: Entries of the source that are in no part, with reasons.
        synthetic: Whether a program generated the pictures.
    """

    name: str
    train: Pictures
    validation: Pictures
    test: Pictures
    labels: tuple[Tensor, Tensor, Tensor]
    class_names: tuple[str, ...]
    digest: str
    skipped: tuple[Skipped, ...] = ()
    synthetic: bool = False

    @classmethod
    def of(cls, data: Dataset) -> Source:
        """The source of a data set whose tokens are numbers of pictures (`Numbered`)."""
        codec = data.codec
        if not isinstance(codec, Numbered):
            raise bad("codec of a source", type(codec).__name__, "Numbered")
        splits = (data.train, data.validation, data.test)
        train, validation, test = (Pictures(codec.pictures.array, split.tokens[:, 0]) for split in splits)
        sha256 = hashlib.sha256(json.dumps([list(codec.pictures.array.shape[1:]), data.class_names]).encode())
        for split in splits:
            for numbers in (codec.sums[split.tokens[:, 0].numpy()], split.labels.numpy().astype("<i8")):
                sha256.update(f"{numbers.shape}".encode())
                sha256.update(np.ascontiguousarray(numbers).data)
        labels = (data.train.labels, data.validation.labels, data.test.labels)
        about = data.class_names, sha256.hexdigest(), data.skipped, data.synthetic
        return cls(data.name, train, validation, test, labels, *about)

    @property
    def height(self) -> int:
        return self.train.height

    @property
    def width(self) -> int:
        return self.train.width

    @property
    def channels(self) -> int:
        """1 if all pictures are grey, else 3."""
        return self.train.channels


@dataclass(frozen=True, eq=False)
class Numbered(Codec):
    """Pictures as they are: a sequence is the number of a picture, or of the first that equals it.

    Args:
        pictures: All pictures of the source.
        sums: SHA-256 of each, [M, 32] uint8.
        bits: As of `Pixels`: how images with more than 8 bits were scaled.
    """

    pictures: Pictures
    sums: Bytes
    bits: int = 0

    @property
    def vocab_size(self) -> int:
        return len(self.sums)

    @property
    def length(self) -> int:
        return 1

    @property
    def numbers(self) -> Tensor:
        """The sequences of `pictures`: for each the number of the first equal picture in the array, [N, 1] int64."""
        seen: dict[bytes, int] = {}
        rows = self.pictures.rows.tolist()
        return torch.tensor([[seen.setdefault(self.sums[row].tobytes(), row)] for row in rows], dtype=torch.int64)

    def contents(self, tokens: Tensor) -> list[bytes]:
        """The checksum of each picture: the part of a picture depends on its pixels alone."""
        return [each.tobytes() for each in self.sums[tokens[:, 0].numpy()]]


def numbered(name: str, codec: Numbered, classes: Sequence[str], **about: Any) -> Dataset:
    """A data set of pictures as they are, divided by their content (`assemble`).

    Args:
        name: Its name.
        codec: The pictures; those that could not be read are not in its `pictures.rows`.
        classes: Names of the classes.
        about: Further arguments of `assemble`.
    """
    return assemble(name, codec.numbers, codec, classes=classes, **about)


def from_pixels(data: Dataset) -> Dataset:
    """The same data set, whose tokens become the numbers of its pictures in the colours of the palette.

    Tokens that are numbers of pictures stay.

    Raises:
        ValueError: If it is not one of pixels.
    """
    codec = data.codec
    if isinstance(codec, Numbered):
        return data
    if not isinstance(codec, Pixels):
        raise bad(f"pictures of {data.name}", f"{type(codec).__name__}, whose sequences are no pixels", "images")
    splits = (data.train, data.validation, data.test)
    palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in codec.palette], dtype=np.uint8)
    palette = palette[:, :1] if (palette == palette[:, :1]).all() else palette
    tokens = torch.cat([split.tokens for split in splits]).numpy().astype(np.min_scalar_type(len(palette)))
    pictures = Pictures.of(palette[tokens].reshape(-1, *codec.shape, palette.shape[1]))
    made = Numbered(pictures, pictures.digests(), codec.bits)
    numbers = made.numbers.split([len(split) for split in splits])
    train, validation, test = (replace(split, tokens=row) for split, row in zip(splits, numbers, strict=True))
    return replace(data, train=train, validation=validation, test=test, codec=made)
