"""Files appear whole, and what a killed process leaves does no harm."""

from __future__ import annotations

import errno
import os
import pickle
import stat
from pathlib import Path

import pytest

from dguide.errors import DiskFull, InputError
from dguide.files import in_space, replacing


def test_temporaries_are_new_files_with_the_usual_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, names, flushed = tmp_path / "x", [], []
    other = tmp_path / "other"
    other.write_text("of somebody")
    (tmp_path / f".x.{os.getpid()}").symlink_to(other)  # a name that can be foreseen
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (flushed.append(os.fstat(handle).st_mode), fsync(handle))[1])
    before = os.umask(0o027)
    try:
        for content in ("one", "two"):
            with replacing(path) as temporary:
                assert stat.S_ISREG(temporary.lstat().st_mode)
                names.append(temporary.name)
                temporary.write_text(content)
    finally:
        os.umask(before)
    assert path.read_text() == "two"
    assert other.read_text() == "of somebody"
    assert len(set(names)) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [stat.S_ISDIR(mode) for mode in flushed] == [False, True] * 2  # the file, then its name


def test_what_killed_processes_left_is_removed_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "a[1]"
    left = []
    for target, days in ((path, 2), (path, 0.5), (tmp_path / "a1", 2)):
        child = os.fork()
        if child == 0:
            with replacing(target):
                os._exit(0)
        os.waitpid(child, 0)
        (new,) = set(tmp_path.iterdir()) - set(left)
        old = new.stat().st_mtime - days * 86400
        os.utime(new, (old, old))
        left.append(new)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert set(tmp_path.iterdir()) == {path, *left[1:]}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("moment", ["open", "fsync"])
def test_a_full_disk_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, moment: str
) -> None:
    def full(*_: object) -> int:
        raise OSError(number, "full")

    monkeypatch.setattr(os, moment, full)
    words = (
        f"space in {tmp_path}: got none left, expected room for x.md. Free some space and run the same command again."
    )
    with pytest.raises(DiskFull) as caught, replacing(tmp_path / "x.md") as temporary:
        temporary.touch()
    assert str(caught.value) == words
    assert list(tmp_path.iterdir()) == []
    assert isinstance(caught.value, InputError)  # for those who catch either, here or in another process
    assert isinstance(caught.value, OSError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.errno) == (words, errno.ENOSPC)


def test_who_knows_more_of_what_is_written_speaks(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=r"space in s3://x: .* 5 bytes\. Free .* again: it goes on\."):  # noqa: SIM117
        with in_space("s3://x", "5 bytes", ": it goes on"), replacing(tmp_path / "x"):
            raise OSError(errno.ENOSPC, "full")
    with pytest.raises(PermissionError, match="not yours"), replacing(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "not yours")
