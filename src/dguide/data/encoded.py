"""Data sets of images whose tokens are the codes of a learnt tokenizer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import tokenizers
from ..errors import bad
from ..progress import counted
from ..tokenizers import Tokenizer
from ..tokenizers.base import BATCH
from .base import Dataset, Skipped, Split
from .cache import cached
from .codecs.base import Codec
from .codecs.learnt import Learnt
from .holdout import first_copies, unusable
from .pictures import Pictures, grey_alone
from .sources import Numbered, Source, from_pixels

__all__ = ["encoded", "refuse", "sized", "with_tokens"]

_PARTS = ("training", "validation", "test")


def encoded(data: Dataset, folder: Path | None) -> Dataset:
    """The data set with the tokens of the tokenizer in `folder`; without a folder, as it is.

    Classes, properties and parts stay as they are, and `Split.images` holds the pictures. Different pictures can have
    the same tokens. Those in two parts are left out of the validation or the test, and listed.

    Args:
        data: Images as pixels, or as numbers of pictures (`Numbered`).
        folder: Folder of the tokenizer, or its file.

    Raises:
        ValueError: If the data are no images, their pictures are not of the size and the channels of the tokenizer, or
            a part has no sequence of its own.
    """
    if folder is None:
        return data
    data = from_pixels(data)
    assert isinstance(data.codec, Numbered)
    source = Source.of(data)
    tokenizer = tokenizers.load(folder, size=(source.height, source.width))
    _check(source, tokenizer, folder, data)
    numbers = torch.cat([split.tokens[:, 0] for split in (data.train, data.validation, data.test)])
    known, where = numbers.unique(return_inverse=True)
    pictures = Pictures(data.codec.pictures.array, known)
    recipe = {"format": 1, "source": source.digest, "tokenizer": tokenizer.digest}
    small = np.min_scalar_type(tokenizer.codes - 1)
    arrays = cached("tokens", recipe, lambda: {"tokens": _tokens(pictures, tokenizer).astype(small)}, ("tokens",))
    tokens = torch.from_numpy(arrays["tokens"].astype(np.int64))[where]
    return with_tokens(data, tokens, Learnt.of(tokenizer, folder, data.codec.bits), pictures.take(where))


def with_tokens(data: Dataset, tokens: Tensor, codec: Codec, images: Pictures | None = None) -> Dataset:
    """The data set with other tokens, in the same parts, but for sequences that then equal some of another part.

    These are left out of the validation or the test part, and listed.

    Args:
        data: The data set.
        tokens: New tokens of the training, validation and test part in turn, [N, L] int64.
        codec: Their codec.
        images: The pictures that they stand for, N of them.

    Raises:
        ValueError: If a part has no sequence of its own.
    """
    splits = (data.train, data.validation, data.test)
    sizes = [len(split) for split in splits]
    part = torch.repeat_interleave(torch.arange(3), torch.tensor(sizes))
    gone = unusable(torch.zeros_like(part), first_copies(tokens), part, None)
    kept = torch.tensor([row not in gone for row in range(len(part))])
    places: list[str] = []
    parts: list[Split] = []
    for split, name, rows in zip(splits, _PARTS, torch.arange(len(part)).split(sizes), strict=True):
        places += split.places or [f"{name} part[{row}]" for row in range(len(split))]
        new = replace(split, tokens=tokens[rows], images=None if images is None else images.take(rows))
        parts.append(new.take(kept[rows]))
        if not len(parts[-1]):
            got = f"no sequence of the {name} part whose tokens are not in another part too"
            raise bad(f"tokens of {data.name}", got, "some", "Take tokens that tell more pictures apart.")
    skipped = [Skipped(places[row], f"its tokens are {why}") for row, why in gone.items()]
    train, validation, test = parts
    listed = (*data.skipped, *skipped)
    return replace(data, train=train, validation=validation, test=test, codec=codec, skipped=listed)


def sized(folder: Path, size: str | None) -> str:
    """The size to read pictures at for the tokenizer in `folder`: its own, if none is given."""
    if size is not None:
        return size
    tokenizer = tokenizers.load(folder)
    return f"{tokenizer.height}x{tokenizer.width}"


def refuse(what: str, **options: object) -> None:
    """Raises `ValueError` for options that reduce images to greys or colours, which a tokenizer does not want."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        expected = "none of them beside tokenizer, which takes pictures as they are"
        raise bad(f"options of {what}", ", ".join(given), expected, "Leave them out, or leave out tokenizer.")


def _check(source: Source, tokenizer: Tokenizer, folder: Path, data: Dataset) -> None:
    """Raises `ValueError` for pictures that the tokenizer does not take. Grey ones are also coloured ones."""
    got = f"{source.height} x {source.width} pixels, {_kind(source.channels)}"
    expected = f"{tokenizer.height} x {tokenizer.width} pixels, {_kind(tokenizer.channels)}, of the tokenizer {folder}"
    if (source.height, source.width) != (tokenizer.height, tokenizer.width):
        remedy = "Choose that size of the data, or train a tokenizer on them."
        raise bad(f"pictures of {source.name}", got, expected, remedy)
    if source.channels > tokenizer.channels:
        remedy = f"Make all of them grey (in colour is {_in_colour(source, data)}), or train a tokenizer on them."
        raise bad(f"pictures of {source.name}", got, expected, remedy)


def _in_colour(source: Source, data: Dataset) -> str:
    """The place of the first picture that is not grey."""
    for split, part, name in zip(
        (data.train, data.validation, data.test), (source.train, source.validation, source.test), _PARTS, strict=True
    ):
        for row in range(len(part)):
            if not grey_alone(part.batch(slice(row, row + 1)).numpy()):
                return split.places[row] if split.places else f"number {row} of the {name} part"
    return "the palette"


def _kind(channels: int) -> str:
    return "grey" if channels == 1 else "in colour"


def _tokens(pictures: Pictures, tokenizer: Tokenizer) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The tokens of all pictures, [N, L]; some of them at a time."""
    slices = pictures.slices(BATCH)
    chunks = [
        tokenizer.encode(_channels(pictures.batch(rows), tokenizer.channels)).numpy()
        for rows in counted(slices, len(slices), "encoding pictures")
    ]
    return np.concatenate(chunks)


def _channels(pictures: Tensor, channels: int) -> Tensor:
    return pictures.expand(*pictures.shape[:-1], channels)
