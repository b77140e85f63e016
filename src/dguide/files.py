"""Files that are written whole or not at all, and where they are."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import bad

__all__ = ["expanded", "replacing"]

_STALE = 24 * 60 * 60
"""Seconds after which a temporary file belongs to no process that still writes it."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it on success and removed on failure: readers see all or nothing.

    The content is on the disk before the rename, so a power failure leaves the old file or the new one. Temporary
    files of `path` that killed processes left are removed after a day.
    """
    _remove_stale(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
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
