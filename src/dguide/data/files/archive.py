"""Loads NumPy archives of integer maps or sequences with classes."""

from __future__ import annotations

import colorsys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import bad, choose
from ...files import DAMAGED, read_npz
from ...spec import written
from ..base import Dataset, Skipped
from ..codecs.base import Codec
from ..codecs.pixels import Pixels
from ..encoded import encoded
from .assemble import assemble, nothing_left
from .pictures import parse_size

__all__ = ["archive", "combinations", "shrink", "tokens_of"]

MOST = 4096
"""Largest number of token values, unless the user gives `vocab`."""
_NO_COLUMN = "none"
"""The name of the class for a row of zeros."""


def archive(
    path: Path,
    tokens: str | None = None,
    labels: str | None = None,
    names: str | None = None,
    vocab: int | None = None,
    size: str | None = None,
    tokenizer: Path | None = None,
) -> Dataset:
    """Loads integer maps [N, H, W], or sequences [N, L], with classes, from an .npz file.

    Classes are numbers [N] or [N, 1], or rows [N, K] of zeros and ones, as in the published set of mixed-type wafer
    maps. With rows, each combination that occurs is a class, such as `Center+Scratch` or `none`. Sequences with a value
    of `vocab` or more are omitted and listed.

    Args:
        path: The file. It is never unpickled.
        tokens: Name of the array of maps; by default the largest array.
        labels: Name of the array of classes; by default the only other array.
        names: Names of all classes from 0 to the largest, or of the columns of `labels`, separated by semicolons; by
            default their numbers.
        vocab: Number V of token values; by default the largest value plus one.
        size: Rows and columns of the maps after `shrink`.
        tokenizer: Folder of a tokenizer of images, whose codes are then the tokens.

    Raises:
        ValueError: If the file is not such an archive, or needs pickle, or its arrays do not fit each other.
    """
    name = written("npz", archive, dict(locals()))
    arrays = _read(path)
    key = choose(f"array of {path.name}", tokens, arrays) if tokens else max(arrays, key=lambda k: arrays[k].size)
    others = [other for other in arrays if other != key]
    if labels is None and len(others) != 1:
        raise bad(
            f"archive {path.name}", f"arrays {', '.join(arrays)}", "one of maps and one of classes", "Pass labels=NAME."
        )
    class_array = arrays[choose(f"array of {path.name}", labels or others[0], arrays)]
    maps = _whole(f"array {key} of {path.name}", arrays[key])
    if maps.ndim not in (2, 3) or not maps.size:
        raise bad(f"array {key} of {path.name}", f"shape {list(maps.shape)}", "maps [N, H, W] or sequences [N, L]")
    if not class_array.ndim or len(class_array) != len(maps):
        got = f"{len(maps)} maps and {len(class_array) if class_array.ndim else 'a single number instead of'} classes"
        raise bad(f"archive {path.name}", got, "as many of both")
    classes = combinations(_whole(f"classes of {path.name}", class_array), names.split(";") if names else None)
    kept, skipped = _within(maps, vocab, path)
    if not kept.any():
        raise nothing_left(name, skipped)
    maps = maps[kept] if size is None else shrink(maps[kept], parse_size(size))
    rows = np.flatnonzero(kept)
    data = assemble(
        name,
        *tokens_of(maps, vocab),
        classes=[classes[row] for row in rows],
        skipped=skipped,
        places=[f"{path.name}[{row}]" for row in rows],
    )
    return encoded(data, tokenizer)


def tokens_of(maps: NDArray[np.int64], vocab: int | None) -> tuple[torch.Tensor, Codec]:
    """Converts maps or sequences to tokens [N, L] with a codec that shows value k as colour k."""
    values = vocab or max(2, int(maps.max()) + 1)
    rows, columns = maps.shape[1:] if maps.ndim == 3 else (1, maps.shape[1])
    return torch.from_numpy(np.ascontiguousarray(maps)).flatten(1), Pixels(rows, columns, _colours(values))


def combinations(labels: NDArray[np.int64], names: list[str] | None) -> list[str]:
    """The names of classes [N] or [N, 1], or of rows [N, K] of zeros and ones: the names of the ones joined by `+`.

    A row of zeros is `none`.

    Raises:
        ValueError: If the labels have another form, or the number of names is wrong.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim not in (1, 2) or (labels.ndim == 2 and not np.isin(labels, (0, 1)).all()):
        got = f"shape {list(labels.shape)} with values up to {labels.max(initial=0)}"
        raise bad("classes", got, "numbers [N], or rows of zeros and ones [N, K]")
    count = int(labels.max()) + 1 if labels.ndim == 1 else labels.shape[1]
    known = None if names is None else _names(names, count, labels.ndim == 2)
    width = len(str(count - 1))  # so that names and numbers have the same order

    def name(number: int) -> str:
        return known[number] if known else f"{number:0{width}d}"

    if labels.ndim == 2:
        return ["+".join(name(int(k)) for k in np.flatnonzero(row)) or _NO_COLUMN for row in labels]
    return [name(number) for number in labels.tolist()]


def _names(names: list[str], count: int, columns: bool) -> list[str]:
    """The names without surrounding spaces. Raises `ValueError` unless there are `count` different ones."""
    stripped = [each.strip() for each in names]
    if len(stripped) != count:
        what = "columns" if columns else f"numbers from 0 to {count - 1}"
        raise bad("names of classes", f"{len(stripped)}", f"{count} of them, separated by semicolons, for the {what}")
    twice = next((each for each in stripped if stripped.count(each) > 1), None)
    if twice is not None or "" in stripped:
        raise bad("names of classes", f"{twice!r} twice" if twice else "an empty one", "a name of its own for each")
    if columns and _NO_COLUMN in stripped:
        raise bad("names of classes", repr(_NO_COLUMN), "another name", "It stands for rows without a one.")
    return stripped


def shrink(maps: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Reduces the rows and columns of maps [N, H, W]: the most frequent value of each block, the largest on a tie.

    So two good and two failed dies become a failed one. Thin lines remain visible, which every other die would not
    guarantee.

    Raises:
        ValueError: If the maps are not [N, H, W], or the new shape is larger.
    """
    if maps.ndim != 3 or any(new > old for new, old in zip(shape, maps.shape[1:], strict=True)):
        raise bad("size", shape, f"at most that of the maps, {list(maps.shape[1:])}")
    starts = [np.arange(new) * old // new for new, old in zip(shape, maps.shape[1:], strict=True)]
    best = np.zeros((len(maps), *shape), dtype=np.int64)
    most = np.zeros(best.shape, dtype=np.int64)
    for value in np.unique(maps):
        count = np.add.reduceat(np.add.reduceat((maps == value).astype(np.int64), starts[0], 1), starts[1], 2)
        best, most = np.where(count >= most, value, best), np.maximum(count, most)
    return best


def _read(path: Path) -> dict[str, NDArray[Any]]:
    what, expected = f"archive {path}", "an archive of arrays that np.savez wrote"
    if not path.is_file():
        raise bad("archive", f"{path}, which is no file", expected, "Check the path.")
    with path.open("rb") as start:
        head = start.read(6)
    single = head == b"\x93NUMPY"
    if not (head.startswith(b"PK") and zipfile.is_zipfile(path)):
        raise bad(what, "a single array" if single else "no archive, or a part of one", expected)
    try:
        arrays = read_npz(path)
    except DAMAGED as error:
        if "pickle" not in str(error):
            raise bad(what, f"what cannot be read ({error})", expected) from error
        remedy = "Unpickling can run code; whoever trusts the file can save it again as arrays of integers."
        raise bad(what, "pickled objects", expected, remedy) from error
    other = [key for key, value in arrays.items() if not isinstance(value, np.ndarray)]
    if other or not arrays:
        raise bad(what, f"{other[0]}, which is no array" if other else "no arrays", expected)
    return arrays


def _whole(what: str, array: NDArray[Any]) -> NDArray[np.int64]:
    """The array as int64. Raises `ValueError` unless its values are whole numbers of at least 0."""
    numeric = array.dtype.kind in "iufb" and np.isfinite(array).all()
    if not numeric or (array != np.floor(array)).any() or (array.size and array.min() < 0):
        got = f"{array.dtype}" + (f" from {array.min()} to {array.max()}" if numeric and array.size else "")
        raise bad(what, got, "whole numbers of at least 0")
    whole: NDArray[np.int64] = array.astype(np.int64)
    return whole


def _within(maps: NDArray[np.int64], vocab: int | None, path: Path) -> tuple[NDArray[np.bool_], list[Skipped]]:
    """Which maps have only values below `vocab`, [N] bool, and the list of the others."""
    largest = maps.reshape(len(maps), -1).max(1)
    limit = MOST if vocab is None else vocab
    if vocab is None and largest.max() >= MOST:
        remedy = "Pass vocab=NUMBER if they are tokens."
        raise bad(f"archive {path.name}", f"values up to {largest.max()}", f"values below {MOST}", remedy)
    beyond = np.flatnonzero(largest >= limit)
    return largest < limit, [
        Skipped(f"{path.name}[{i}]", f"value {largest[i]}, expected below {limit}") for i in beyond
    ]


def _colours(count: int) -> tuple[str, ...]:
    """White, then clearly different colours: hues a golden angle apart."""
    hues = [colorsys.hls_to_rgb((0.6 + 0.381966 * k) % 1, 0.35 + 0.3 * (k % 3) / 2, 0.65) for k in range(count - 1)]
    return ("#ffffff", *(f"#{round(255 * r):02x}{round(255 * g):02x}{round(255 * b):02x}" for r, g, b in hues))
