"""Files that are written whole or not at all, where they are, and archives of arrays without pickle."""

from __future__ import annotations

import contextlib
import errno
import glob
import math
import os
import secrets
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import DiskFull, bad

__all__ = ["DAMAGED", "Arrays", "expanded", "in_space", "read_npz", "replacing", "write_npz"]

Arrays: TypeAlias = dict[str, NDArray[Any]]

DAMAGED = (OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
"""The errors for an .npz file that is damaged, encrypted or compressed by another method."""
MOST_NUMBERS = 2**29
"""Largest number of values in an archive: 4 GB as int64."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_STALE = 24 * 60 * 60
"""Seconds after which a temporary file belongs to no process that still writes it."""


@contextmanager
def in_space(where: object, what: str, rest: str = "") -> Iterator[None]:
    """Says in words that no space is left. Around another one this one speaks: it knows more of what is written.

    Args:
        where: The folder or address.
        what: What there must be room for.
        rest: What the user may expect of the same command, after a colon.

    Raises:
        DiskFull: In place of the `OSError` of a full disk, or of a full share of it.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        remedy = f"Free some space and run the same command again{rest}."
        raise DiskFull(str(bad(f"space in {where}", "none left", f"room for {what}", remedy))) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it on success and removed on failure: readers see all or nothing.

    The content is on the disk before the rename, so a power failure leaves the old file or the new one. Temporary
    files of `path` that killed processes left are removed after a day.

    Raises:
        ValueError: If the folder does not exist.
        DiskFull: If there is no space.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise bad("file", f"{path}, but the folder {folder} does not exist", "one in a folder", "Create it first.")
    _remove_stale(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with in_space(folder, path.name):
        # A new file under a name that nobody can foresee, never what a link points to. The umask sets its permissions,
        # which `tempfile` would not allow.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    if os.name == "posix":
        with contextlib.suppress(OSError):  # not every file system can; the file is there in any case
            _flush(path.parent)


def expanded(path: Path) -> Path:
    """The path with `~` replaced by the home directory. Raises `InputError` if there is none."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise bad("path", str(path), "one in a known home directory", f"{error} Write the whole path.") from error


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


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes named arrays without pickle. The file appears only when it is complete."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _numbers(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Number of values of an array, or of 8 bytes if these are more, by its header."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
        shape, _, dtype = read(file)
    return max(1, -(-int(dtype.itemsize) // 8)) * abs(math.prod(shape))


def _flush(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_stale(path: Path) -> None:
    for left in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 16}.tmp"):
        with contextlib.suppress(OSError):  # another process removed it, or may
            if time.time() - left.lstat().st_mtime > _STALE:
                left.unlink()
