"""Data sets of Hugging Face `datasets`, from a folder that `save_to_disk` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import bad, choose, require
from .archive import tokens_of
from .base import Dataset, Skipped
from .codec import Codec
from .gather import assemble, nothing_left
from .pictures import as_tokens, parse_size, pixels
from .texts import tokenise

__all__ = ["hub"]


def hub(
    path: Path,
    column: str,
    label: str = "label",
    split: str = "characters",
    tokenizer: Path | None = None,
    length: int | None = None,
    size: str | None = None,
    levels: int | None = None,
    colours: int | None = None,
) -> Dataset:
    """Strings, images or sequences of integers with a class each, from a folder that `save_to_disk` wrote.

    Nothing is downloaded. If there are parts `train` and `test` (or `validation`), they are what is trained on and what
    is held out; otherwise all parts are one, of which every fifth member of each class is held out.

    Args:
        path: The folder.
        column: Where the strings, images or sequences are.
        label: Where the classes are.
        split: For strings, what a token is: `characters` or `smiles`.
        tokenizer: For strings, a tokenizer.json instead.
        length: For strings, tokens in a sequence; longer ones are left out.
        size: For images, rows and columns.
        levels: For images, number of greys; 16 if nothing is said.
        colours: For images, number of colours instead.

    Raises:
        ValueError: If the folder is none, or the columns are not there or not of these kinds.
        dguide.errors.MissingExtra: If `datasets` is not installed.
    """
    given = {k: v for k, v in locals().items() if k != "path" and v is not None}
    usual = {"label": "label", "split": "characters"}
    name = ",".join([f"huggingface:{path}", *(f"{k}={v}" for k, v in given.items() if v != usual.get(k))])
    library = require("datasets", "huggingface")
    try:
        loaded = library.load_from_disk(str(path))
    except (OSError, ValueError) as error:
        raise bad("data set", f"{path}: {error}", "a folder that save_to_disk wrote") from error
    parts = dict(loaded) if isinstance(loaded, library.DatasetDict) else {"all": loaded}
    other = next((key for key in ("test", "validation") if key in parts), None)
    if "train" in parts and other:
        parts = {"train": parts["train"], other: parts[other]}
    whole = library.concatenate_datasets(list(parts.values()))
    choose("column", column, whole.column_names)
    choose("column", label, whole.column_names)
    everything, classes = list(whole[column]), _classes(whole, label)
    places = [f"{key}[{row}]" for key, part in parts.items() for row in range(len(part))]
    kept = [row for row, each in enumerate(everything) if each is not None and classes[row] is not None]
    gone = set(range(len(places))) - set(kept)
    skipped = [Skipped(places[row], f"no {label} or no {column}") for row in sorted(gone)]
    if not kept:
        raise nothing_left(name, skipped)
    values = [everything[row] for row in kept]
    codec: Codec
    if isinstance(values[0], str):
        found = tokenise(values, [places[row] for row in kept], split, tokenizer, length)
        tokens, codec, kept = found.tokens, found.codec, [kept[index] for index in found.kept]
        skipped += found.skipped
    elif hasattr(values[0], "convert"):
        shape = None if size is None else parse_size(size)
        levels = 16 if levels is None and colours is None else levels
        greys, codec = as_tokens(lambda smooth: [pixels(image, shape, smooth) for image in values], levels, colours)
        tokens = torch.from_numpy(greys)
    else:
        tokens, codec = tokens_of(_integers(values, column), None)
    if not kept:
        raise nothing_left(name, skipped)
    divided = "train" in parts and other is not None
    held_out = torch.tensor([places[row].startswith(f"{other}[") for row in kept]) if divided else None
    chosen = [str(classes[row]) for row in kept]
    return assemble(name, tokens, codec, classes=chosen, what=label, skipped=skipped, held_out=held_out)


def _classes(whole: Any, label: str) -> list[Any]:
    """The class of each row by its name, where the data set knows names; None where there is none."""
    feature, values = whole.features[label], list(whole[label])
    if not hasattr(feature, "int2str"):
        return values
    return [None if each is None or each < 0 else feature.int2str(each) for each in values]


def _integers(values: list[Any], column: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Sequences or maps of whole numbers as one array."""
    try:
        array = np.array(values)
    except ValueError as error:
        got = "sequences of several lengths"
        raise bad(f"column {column}", got, "strings, images, or sequences of one length") from error
    if array.dtype.kind not in "iu" or array.ndim not in (2, 3) or array.min() < 0:
        got = f"{array.dtype} {list(array.shape)}"
        raise bad(f"column {column}", got, "strings, images, or sequences of whole numbers")
    return array.astype(np.int64)
