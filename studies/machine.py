"""Processes that are found by a mark in their environment, and a disk of any size."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from studies.common import about

__all__ = ["MARK", "ROOM", "alive", "disk", "left_behind", "seconds_of"]

MARK = "DGUIDE_STUDY_OF_KILLS"
"""The variable of the environment that has the mark."""
ROOM = 200_000_000
"""Bytes of a disk that is large enough."""
_PATIENCE = 30
"""Seconds after which a process counts as left behind."""


@contextmanager
def disk(folder: Path) -> Iterator[Callable[[int], object]]:
    """A disk in memory at a new folder; gives a function that sets its size in bytes."""

    def mount(*words: str) -> object:
        return subprocess.run(["mount", *words, str(folder)], check=True)

    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs")
    try:
        yield lambda size: mount("-o", f"remount,size={size}")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def left_behind(mark: str) -> tuple[int, float]:
    """How many processes with the mark do not end by themselves, and the seconds after which the others have."""
    began = time.monotonic()
    while (left := alive(mark)) and time.monotonic() < began + _PATIENCE:
        time.sleep(0.01)
    for each in left:
        os.kill(each, signal.SIGKILL)
    return len(left), time.monotonic() - began


def seconds_of(process: int) -> float:
    """The seconds of processors that a process has used; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def alive(mark: str) -> list[int]:
    """The processes that have the mark in their environment; one that has ended has none any more."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (each / "environ").read_bytes():
                found.append(int(each.name))
        except OSError:  # it ended, or is that of another user
            continue
    return found


if __name__ == "__main__":
    about(__doc__, "studies.killed")
