"""Stores prepared data on disk, so that a slow preparation runs only once on a machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..compiler import cache_directory
from ..files import DAMAGED, Arrays, read_npz, write_npz

__all__ = ["Arrays", "cached"]


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
        write_npz(path, arrays)
    except OSError:
        pass
    return arrays
