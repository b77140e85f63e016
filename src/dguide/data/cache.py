"""Stores prepared data on disk, so that a slow preparation runs only once on a machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from ..compiler import cache_directory
from ..files import DAMAGED, Arrays, read_npz, replacing, write_npz
from .codecs.images import Bytes

__all__ = ["Arrays", "cached", "cached_pictures", "nameless"]


def cached(
    name: str,
    recipe: Mapping[str, Any],
    prepare: Callable[[], Arrays],
    members: Collection[str],
    lasting: Callable[[Arrays], bool] = lambda arrays: True,
) -> Arrays:
    """The result of `prepare`, from the cache if the same recipe was prepared before.

    The files are in `$XDG_CACHE_HOME/dguide/data` or `~/.cache/dguide/data`. They can be deleted at any time. If this
    folder is not writable, the data are prepared in each call.

    Args:
        name: First part of the file name.
        recipe: All that determines the result, as values for JSON: versions, sizes and dates of the sources.
        prepare: Prepares the data.
        members: The names of its arrays. A file with others is damaged.
        lasting: Whether another call of `prepare` would give the same arrays. Otherwise they are not stored.
    """
    path = _place(name, recipe)
    stored = _stored(path, members)
    if stored is not None:
        return stored
    arrays = prepare()
    if path is not None and lasting(arrays):
        _store(path, arrays)
    return arrays


def cached_pictures(
    name: str,
    recipe: Mapping[str, Any],
    prepare: Callable[[BinaryIO], tuple[Bytes, Arrays]],
    members: Collection[str],
    lasting: Callable[[Arrays], bool] = lambda arrays: True,
) -> tuple[Bytes, Arrays]:
    """The result of `prepare`, as of `cached`: pictures [M, H, W, C] as a map of a file, and arrays about them.

    The pictures are in a file .npy beside the .npz of the arrays.

    Args:
        name: First part of the names of both files.
        recipe: As of `cached`.
        prepare: Writes the pictures to an empty file, open to read and to write, and returns a map of it, and arrays.
        members: The names of the arrays.
        lasting: Whether another call of `prepare` would give the same. Otherwise nothing is stored.
    """
    path = _place(name, recipe)
    stored = _stored(path, members)
    if path is not None and stored is not None:
        with contextlib.suppress(*DAMAGED):  # missing or cut
            return np.load(path.with_suffix(".npy"), mmap_mode="r"), stored
    if path is None or not _writable(path.parent):
        with nameless() as file:
            return prepare(file)
    pictures = path.with_suffix(".npy")
    with replacing(pictures) as temporary, temporary.open("r+b") as file:
        array, arrays = prepare(file)
    if lasting(arrays):
        _store(path, arrays)
    else:
        with contextlib.suppress(OSError):  # a map of it is open, which not every system allows
            pictures.unlink()
    return array, arrays


def nameless() -> BinaryIO:
    """An empty file, open to read and to write, that is gone when no map of it is left; with the cache if possible.

    A folder for temporary files can be in memory, where a large file has no place.
    """
    with contextlib.suppress(OSError):
        folder = cache_directory() / "data"
        if _writable(folder):
            return cast(BinaryIO, tempfile.TemporaryFile(dir=folder))
    return cast(BinaryIO, tempfile.TemporaryFile())


def _place(name: str, recipe: Mapping[str, Any]) -> Path | None:
    """The file for a recipe; None where there is no home directory."""
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    try:
        return cache_directory() / "data" / f"{name}-{key}.npz"
    except OSError:
        return None


def _stored(path: Path | None, members: Collection[str]) -> Arrays | None:
    """The arrays in a file; None if it is missing or damaged."""
    if path is None:
        return None
    try:
        stored = read_npz(path)
    except DAMAGED:
        return None
    return stored if stored.keys() == {*members} else None


def _store(path: Path, arrays: Arrays) -> None:
    with contextlib.suppress(OSError):
        if _writable(path.parent):
            write_npz(path, arrays)


def _writable(folder: Path) -> bool:
    """Whether files can be written to the folder of the data, which is made if it is missing."""
    try:
        cache_directory().mkdir(mode=0o700, parents=True, exist_ok=True)  # compiled code beside it must be the user's
        folder.mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
