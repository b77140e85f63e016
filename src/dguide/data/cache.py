"""Stores prepared data on disk, so that a slow preparation runs only once on a machine."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compiler import cache_directory
from ..errors import bad
from ..files import replacing

__all__ = ["DAMAGED", "Arrays", "cached", "read_npz"]

Arrays = dict[str, NDArray[Any]]

DAMAGED = (OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""The errors for an .npz file that is damaged, encrypted or compressed by another method."""


MOST_NUMBERS = 2**29
"""Largest number of values in an archive: 4 GB as int64."""


def read_npz(path: Path) -> Arrays:
    """All arrays of an archive, without pickle.

    The sizes in the headers are checked before any array is unpacked.

    Raises:
        Exception: One of `DAMAGED`, if the file is missing or damaged, or has more than `MOST_NUMBERS` values.
    """
    with zipfile.ZipFile(path) as archive:
        total = sum(_numbers(archive, member) for member in archive.infolist() if member.filename.endswith(".npy"))
    if total > MOST_NUMBERS:
        raise bad("values of the archive", f"{total:,}", f"at most {MOST_NUMBERS:,}")
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _numbers(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Number of values of an array, or of 8 bytes if these are more, by its header."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
        shape, _, dtype = read(file)
    return max(1, -(-int(dtype.itemsize) // 8)) * abs(math.prod(shape))


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
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    try:
        path = cache_directory() / "data" / f"{name}-{key}.npz"
    except OSError:
        return prepare()
    try:
        stored = read_npz(path)
        if stored.keys() == {*members}:
            return stored
    except DAMAGED:
        pass  # missing or damaged
    arrays = prepare()
    if not lasting(arrays):
        return arrays
    try:
        cache_directory().mkdir(mode=0o700, parents=True, exist_ok=True)  # compiled code beside it must be the user's
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
    except OSError:
        pass
    return arrays
