"""Loads data sets of Hugging Face `datasets` from a folder that `save_to_disk` wrote."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import bad, choose, require
from ...spec import written
from ..base import Dataset, Skipped
from ..encoded import encoded
from ..holdout import TEST, TRAIN, VALIDATION
from ..sources import Numbered, from_pixels
from .assemble import assemble, nothing_left
from .columns import class_names, sequences

__all__ = ["hub", "hub_pictures"]

_VALIDATION = ("validation", "valid", "val", "dev", "eval")
_TEST = ("test", *_VALIDATION)
"""Names of the parts for validation and test, in order of preference."""


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
    vocab: int | None = None,
) -> Dataset:
    """Loads strings, images or sequences of integers with classes from a folder that `save_to_disk` wrote.

    Nothing is downloaded. A part `train` is the training part. The test part is the first of `test`, `validation`,
    `valid`, `val`, `dev` and `eval` that shares classes with it, and the validation part is the next one but `test`
    that does; without one, 10 % of the training part are, by content. Other parts are listed as omitted. Without
    `train` or a test part, all parts are joined and divided by content. Rows without a class (missing,
    blank, nan, or -1 if classes have names) and unreadable images are omitted and listed.

    Args:
        path: The folder.
        column: Column of the strings, images or sequences.
        label: Column of the classes.
        split: For strings, the tokens: `characters` or `smiles`.
        tokenizer: For strings, a tokenizer.json; its words are then the tokens. For images, the folder of a tokenizer
            of images.
        length: For strings, tokens in a sequence; longer strings are omitted.
        size: For images, rows and columns; by default those of the images, if all have the same.
        levels: For images, number of greys; 16 by default.
        colours: For images, number of colours instead of greys.
        vocab: For integers, number V of token values; sequences with larger values are omitted. By default the largest
            value plus one.

    Raises:
        ValueError: If the folder is not valid, a column is missing or of another kind, or an option does not apply.
        dguide.errors.MissingExtra: If `datasets` is not installed.
    """
    given = dict(locals())
    name = written("huggingface", hub, given, full=False)
    of_kind = {k: v for k, v in given.items() if k not in ("path", "column", "label")}
    options = {k: v for k, v in of_kind.items() if v is not None and v != "characters"}
    data = _loaded(name, path, column, label, options)
    return encoded(data, tokenizer if isinstance(data.codec, Numbered) else None)


def hub_pictures(path: Path, column: str, label: str = "label", size: str | None = None) -> Dataset:
    """The images of a folder that `save_to_disk` wrote as they are, as numbers of pictures.

    Arguments and errors are those of `hub`.
    """
    given = {"path": path, "column": column, "label": label, "size": size}
    options = {"whole": True, **({} if size is None else {"size": size})}
    data = _loaded(written("huggingface", hub, given, full=False), path, column, label, options)
    return data if isinstance(data.codec, Numbered) else from_pixels(data)


def _loaded(name: str, path: Path, column: str, label: str, options: Mapping[str, Any]) -> Dataset:
    """The data set with these options for its kind of sequences."""
    if column == label:
        raise bad(f"data set {path.name}", f"{column} for two things", "different columns as column and label")
    column, label = (unicodedata.normalize("NFC", each) for each in (column, label))
    rows = _rows(path, column, label)
    kept = [row for row, each in enumerate(rows.classes) if each is not None and rows.values[row] is not None]
    gone = sorted(set(range(len(rows.places))) - set(kept))
    skipped = [*rows.skipped, *(Skipped(rows.places[row], f"no {label} or no {column}") for row in gone)]
    if not kept:
        raise nothing_left(name, skipped)
    values, places = [rows.values[row] for row in kept], [rows.places[row] for row in kept]
    tokenised = sequences(values, places, rows.feature, column, options)
    skipped += tokenised.skipped
    if not tokenised.kept:
        raise nothing_left(name, skipped)
    kept = [kept[index] for index in tokenised.kept]
    part = None if rows.part is None else torch.tensor([rows.part[row] for row in kept])
    classes = [str(rows.classes[row]) for row in kept]
    return assemble(
        name,
        tokenised.tokens,
        tokenised.codec,
        classes=classes,
        what=label,
        skipped=skipped,
        part=part,
        places=[places[index] for index in tokenised.kept],
    )


@dataclass(frozen=True)
class _Rows:
    """The rows of all used parts in sequence, with the names of their classes (None for a row without a class)."""

    values: list[Any]
    classes: list[str | None]
    places: list[str]
    feature: Any
    part: list[int] | None
    skipped: list[Skipped]


def _rows(path: Path, column: str, label: str) -> _Rows:
    library = require("datasets", "huggingface")
    parts = _parts(path)
    known = {key: class_names(part, label) for key, part in parts.items() if label in part.column_names}
    codes = _codes(known)
    used = {key: parts[key] for key in codes or parts}
    for key, part in used.items():
        choose(f"column of {key}", column, part.column_names)
        choose(f"column of {key}", label, part.column_names)
    feature = _type(path, column, used)
    _type(path, label, used)
    values: list[Any] = []
    for part in used.values():
        stored = part.cast_column(column, library.Image(decode=False)) if isinstance(feature, library.Image) else part
        values += list(stored[column])
    return _Rows(
        values,
        [each for key in used for each in known[key]],
        [f"{key}[{row}]" for key, part in used.items() for row in range(len(part))],
        feature,
        [code for key, code in codes.items() for _ in range(len(used[key]))] if codes else None,
        [
            Skipped(key, f"{len(part)} rows of a part that is not for training, validation or test")
            for key, part in parts.items()
            if key not in used
        ],
    )


def _parts(path: Path) -> dict[str, Any]:
    library = require("datasets", "huggingface")
    expected = "a folder that save_to_disk wrote"
    try:
        loaded = library.load_from_disk(str(path))
    except IndexError as error:  # the library raises it if there are no rows
        raise bad(
            f"data set {path}", "no rows, or a part without any", f"{expected}, with rows in each part"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # for different damages of its JSON
        got = f"{path}: {type(error).__name__}: {error}"
        raise bad("data set", got, expected, "Check the path; if it is right, save the data again.") from error
    parts = dict(loaded) if isinstance(loaded, library.DatasetDict) else {"all": loaded}
    if not any(len(part) for part in parts.values()):
        raise bad(f"data set {path}", "no rows", f"{expected}, with rows in each part")
    return {key: _normal(part) for key, part in parts.items()}


def _normal(part: Any) -> Any:
    """The part with the names of its columns in one Unicode form, unless two would then be the same."""
    names = [unicodedata.normalize("NFC", each) for each in part.column_names]
    changed = names != part.column_names and len(set(names)) == len(names)
    return part.rename_columns(dict(zip(part.column_names, names, strict=True))) if changed else part


def _codes(classes: Mapping[str, Sequence[str | None]]) -> dict[str, int]:
    """The names of the used parts, and what they are for; empty if there is no training part or no test part."""
    trained = set(classes.get("train", ())) - {None}
    shares = {key for key, names in classes.items() if trained & set(names)}
    test = next((key for key in _TEST if key in shares), None)
    if test is None:
        return {}
    validation = next((key for key in _VALIDATION if key in shares and key != test), None)
    return {"train": TRAIN, **({validation: VALIDATION} if validation else {}), test: TEST}


def _type(path: Path, column: str, parts: Mapping[str, Any]) -> Any:
    """The type of a column in the library. Raises `ValueError` if parts with values have different types."""
    features = {key: part.features[column] for key, part in parts.items()}
    types = {str(each): key for key, each in features.items() if getattr(each, "dtype", None) != "null"}
    if len(types) > 1:
        got = "; ".join(f"{kind} in {key}" for kind, key in types.items())
        remedy = "Save it again after Dataset.cast_column(...) of the parts that differ."
        raise bad(f"column {column} of {path.name}", got, "one type in all parts", remedy)
    return features[next(iter(types.values()), next(iter(parts)))]
