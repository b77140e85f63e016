"""Prepared data on disk, so that a slow preparation is done once on a machine."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..compiler import cache_directory
from ..files import replacing

__all__ = ["DAMAGED", "Arrays", "cached", "read_npz"]

Arrays = dict[str, NDArray[Any]]

DAMAGED = (OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What reading an .npz file can raise that is damaged, wherever it is, or encrypted, or compressed in another way."""


def read_npz(path: Path) -> Arrays:
    """All arrays of an archive, without pickle. Raises one of `DAMAGED` if there is none, or it is damaged."""
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def cached(
    name: str,
    recipe: Mapping[str, Any],
    prepare: Callable[[], Arrays],
    lasting: Callable[[Arrays], bool] = lambda arrays: True,
) -> Arrays:
    """What `prepare` returns, from the cache of the user if it was prepared by the same recipe before.

    Files lie in `$XDG_CACHE_HOME/dguide/data` or `~/.cache/dguide/data`, and can be deleted at any time. If nothing can
    be kept there, the data are prepared each time.

    Args:
        name: First part of the file's name.
        recipe: All that the result depends on, as values that JSON can carry: versions, sizes and dates of sources.
        prepare: Does the work.
        lasting: Whether its result would be the same another time, so that it may be kept.
    """
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_directory() / "data" / f"{name}-{key}.npz"
    try:
        return read_npz(path)
    except DAMAGED:
        pass  # there is none, or it is damaged
    arrays = prepare()
    if not lasting(arrays):
        return arrays
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
    except OSError:
        pass
    return arrays
