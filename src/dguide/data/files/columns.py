"""Reads columns of Hugging Face `datasets`: names of classes; strings, images or integers as tokens."""

from __future__ import annotations

import io
import math
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import bad, positive, require
from ..base import Skipped
from ..codecs.images import open_image
from .archive import MOST, tokens_of
from .image_files import read_images
from .pictures import parse_size
from .texts import Sequences, tokenise

__all__ = ["class_names", "sequences"]

_OPTIONS = {
    "strings": ("split", "tokenizer", "length"),
    "images": ("size", "levels", "colours"),
    "integers": ("vocab",),
}
_LARGEST = 2**63 - 1


def class_names(part: Any, label: str) -> list[str | None]:
    """The name of the class of each row of a `datasets.Dataset`; None for a row without a class.

    Raises:
        ValueError: If a row has several classes, or a value that cannot be a class.
    """
    feature, values = part.features[label], list(part[label])
    names = getattr(feature, "names", None)
    if names is not None:
        values = [None if each is None or not 0 <= each < len(names) else names[each] for each in values]
    return [_class_name(value, label) for value in values]


def _class_name(value: Any, label: str) -> str | None:
    if value is None or isinstance(value, str):
        return unicodedata.normalize("NFC", value or "").strip() or None
    if isinstance(value, float):
        return None if math.isnan(value) else str(int(value) if value.is_integer() else value)
    if not isinstance(value, int):  # a bool is an int, too
        got = f"{type(value).__name__} {str(value)[:60]}"
        raise bad(f"column {label}", got, "one class in each row, as a number or a string")
    return str(value)


def sequences(values: list[Any], places: list[str], feature: Any, column: str, options: Mapping[str, Any]) -> Sequences:
    """Converts a column to tokens.

    Args:
        values: The values, none of them None; images as the library stores them.
        places: The place of each value, for the list of omitted ones.
        feature: The type of the column in the library.
        column: The name of the column.
        options: The given options of `hub`, by name.

    Raises:
        ValueError: If the values are not strings, images or integers, or an option does not apply to them.
    """
    is_image = isinstance(feature, require("datasets", "huggingface").Image)
    kind = "images" if is_image else "strings" if isinstance(values[0], str) else "integers"
    foreign = [option for option in options if option not in _OPTIONS[kind]]
    if foreign:
        expected = f"those of {kind}: {', '.join(_OPTIONS[kind])}"
        raise bad(f"options of column {column}", ", ".join(foreign), expected, "Leave the others out.")
    if kind == "strings":
        usual = {"split": "characters", "tokenizer": None, "length": None}
        return tokenise([value.strip() for value in values], places, **(usual | dict(options)))
    if kind == "images":
        return _images(values, places, column, feature.mode, **options)
    return _integers(values, places, column, **options)


def _images(
    values: list[Any],
    places: list[str],
    column: str,
    mode: str | None,
    size: str | None = None,
    levels: int | None = None,
    colours: int | None = None,
) -> Sequences:
    def opened(stored: Any) -> Any:
        image = open_image(_source(stored))
        return image if mode is None else image.convert(mode)

    shape = None if size is None else parse_size(size)
    tokenised = read_images(values, opened, f"column {column}", shape, levels, colours)
    skipped = [Skipped(places[index], why) for index, why in tokenised.notes.items()]
    unread = set(tokenised.unread)
    kept = [index for index in range(len(values)) if index not in unread]
    return Sequences(torch.from_numpy(tokenised.tokens).long(), tokenised.codec, kept, skipped)


def _source(stored: Mapping[str, Any]) -> io.BytesIO | Path:
    """The bytes or the file of an image."""
    if stored["bytes"] is None and stored["path"]:
        return Path(stored["path"])
    return io.BytesIO(stored["bytes"] or b"")


def _integers(values: list[Any], places: list[str], column: str, vocab: int | None = None) -> Sequences:
    array = _array(values, places, column)
    largest = array.reshape(len(array), -1).max(1)
    if vocab is None and largest.max() >= MOST:
        remedy = "Pass vocab=NUMBER if they are tokens."
        raise bad(f"column {column}", f"values up to {largest.max()}", f"values below {MOST}", remedy)
    if vocab is not None and positive("vocab", vocab) < 2:
        raise bad("vocab", vocab, "at least 2 token values")
    limit = MOST if vocab is None else vocab
    kept = np.flatnonzero(largest < limit).tolist()
    skipped = [
        Skipped(places[row], f"value {largest[row]}, expected below {limit}")
        for row in np.flatnonzero(largest >= limit).tolist()
    ]
    tokens, codec = tokens_of(array[kept], vocab)
    return Sequences(tokens, codec, kept, skipped)


def _array(values: list[Any], places: list[str], column: str) -> NDArray[np.int64]:
    """Sequences [N, L] or maps [N, H, W] of whole numbers of at least 0, as one array."""
    expected = "strings, images, or sequences or maps of whole numbers of at least 0, all of one length"
    rows: list[NDArray[Any]] = []
    for value, place in zip(values, places, strict=True):
        got = ""
        try:
            row = np.array(value)
        except ValueError:
            raise bad(f"column {column}", f"rows of several lengths in {place}", expected) from None
        if row.dtype == object:
            got = "a missing number (None)" if None in row.ravel().tolist() else type(row.ravel()[0]).__name__
        elif row.ndim not in (1, 2):
            got = f"{row.dtype} of shape {list(row.shape)}"
        elif not row.size:
            got = "no numbers"
        elif row.dtype.kind not in "iu":
            got = "strings" if row.dtype.kind == "U" else f"{row.dtype}"
        elif row.min() < 0 or row.max() > _LARGEST:
            got = f"the number {row.min() if row.min() < 0 else row.max()}"
        if got:
            raise bad(f"column {column}", f"{got} in {place}", expected)
        rows.append(row)
    shapes = Counter(row.shape for row in rows)
    if len(shapes) > 1:
        common = ", ".join(f"{n} of {'x'.join(map(str, shape))}" for shape, n in shapes.most_common(3))
        raise bad(f"column {column}", f"sequences of several lengths ({common})", expected)
    return np.stack(rows).astype(np.int64)
