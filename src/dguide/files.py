"""Files that are written whole or not at all, and archives of arrays without pickle."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["DAMAGED", "Arrays", "read_npz", "replacing", "write_npz"]

Arrays: TypeAlias = dict[str, NDArray[Any]]

DAMAGED = (OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""The errors for an .npz file that is damaged, encrypted or compressed by another method."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it on success and removed on failure: readers see all or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_npz(path: Path) -> Arrays:
    """All arrays of an archive, without pickle. Raises one of `DAMAGED` if the file is missing or damaged."""
    with zipfile.ZipFile(path):  # refuses a single array, for which np.load returns no archive
        pass
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes named arrays without pickle. The file appears only when it is complete."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
