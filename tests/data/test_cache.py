from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from dguide.data.cache import Arrays, cached

MEMBERS = ("tokens", "words")


class Work:
    """Counts how often it was done."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self) -> Arrays:
        self.done += 1
        return {"tokens": np.arange(6, dtype=np.uint8).reshape(2, 3), "words": np.array(["a", "漢"])}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_work_is_done_once_for_each_recipe(home: Path) -> None:
    work = Work()
    first, again = (cached("it", {"size": 1}, work, MEMBERS) for _ in range(2))
    assert work.done == 1
    for name, array in work().items():
        assert (first[name] == array).all()
        assert (again[name] == array).all()
    cached("it", {"size": 2}, work, MEMBERS)
    assert work.done == 3
    assert len(list((home / "dguide" / "data").iterdir())) == 2


@pytest.mark.parametrize("keep", [0, 1, 100])
def test_a_damaged_file_is_made_anew(home: Path, keep: int) -> None:
    work = Work()
    cached("it", {}, work, MEMBERS)
    (path,) = (home / "dguide" / "data").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    assert (cached("it", {}, work, MEMBERS)["tokens"] == [[0, 1, 2], [3, 4, 5]]).all()
    assert work.done == 2
    cached("it", {}, work, MEMBERS)
    assert work.done == 2


def test_a_file_that_is_damaged_anywhere_is_made_anew(home: Path) -> None:
    """Also where what is packed cannot be unpacked, or is said to be encrypted."""
    work = Work()
    cached("it", {}, work, MEMBERS)
    (path,) = (home / "dguide" / "data").iterdir()
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert (cached("it", {}, work, MEMBERS)["tokens"] == [[0, 1, 2], [3, 4, 5]]).all()
    assert work.done > len(whole) // 2


def test_a_file_with_other_members_or_too_many_values_is_made_anew(home: Path) -> None:
    work = Work()
    for made, wrong in enumerate(({"tokens": np.zeros(2)}, work() | {"more": np.zeros(2)}, {"tokens": np.array(1)})):
        work.done = 0
        cached("it", {"case": made}, work, MEMBERS)
        path = max((home / "dguide" / "data").iterdir(), key=lambda each: each.stat().st_mtime_ns)
        np.savez(path, **wrong)
        assert cached("it", {"case": made}, work, MEMBERS).keys() == {*MEMBERS}
        assert work.done == 2


def test_what_may_be_otherwise_another_time_is_not_kept(home: Path) -> None:
    work = Work()
    for done in (1, 2):
        cached("it", {}, work, MEMBERS, lambda arrays: "漢" not in arrays["words"])
        assert work.done == done
    assert not list(home.rglob("*.npz"))


def test_data_are_there_even_if_nothing_can_be_kept(home: Path) -> None:
    (home / "dguide").write_text("in the way")
    work = Work()
    assert (cached("it", {}, work, MEMBERS)["tokens"] == [[0, 1, 2], [3, 4, 5]]).all()
    assert work.done == 1


def test_data_are_there_for_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", refuse)
    assert len(cached("it", {}, Work(), MEMBERS)["tokens"]) == 2


def test_compiled_code_beside_the_data_stays_that_of_the_user(home: Path) -> None:
    before = os.umask(0o002)
    try:
        cached("it", {}, Work(), MEMBERS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((home / "dguide").stat().st_mode) == 0o700


def test_what_fails_leaves_nothing(home: Path) -> None:
    def fail() -> Arrays:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cached("it", {}, fail, MEMBERS)
    assert not list(home.rglob("*.npz"))
