"""Results are whole or absent, wherever they are, and nothing else in the folder is touched."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dguide.errors import InputError
from dguide.study import Saved, Store

SAVED = Saved(
    {"tokens": np.arange(12, dtype=np.int16).reshape(3, 4).T, "kept": np.array([True, False]), "x": np.array(0.5)},
    {"seconds": 1.5, "label": "Gütegrad 3", "calls": [1, 2]},
)


@pytest.fixture(params=["folder", "file", "memory"])
def store(request, tmp_path):
    urls = {"folder": tmp_path / "new" / "a b", "file": f"file://{tmp_path}/new", "memory": f"memory://{tmp_path.name}"}
    return Store(urls[request.param])


def same(one, two):
    assert one.about == two.about
    assert one.arrays.keys() == two.arrays.keys()
    for name, array in one.arrays.items():
        assert array.dtype == two.arrays[name].dtype
        assert array.shape == two.arrays[name].shape
        assert (array == two.arrays[name]).all()


def test_what_is_written_is_read(store):
    assert store.keys() == []
    assert store.read("a/b") is None
    assert not store.holds("a/b")
    for key in ("a/b", "a/b-2", "c"):
        store.write(key, SAVED)
    assert store.keys() == ["a/b", "a/b-2", "c"]
    assert store.holds("a/b")
    found = store.read("a/b")
    same(found, SAVED)
    found.arrays["kept"][0] = False  # the caller's own
    store.write("c", Saved({"y": np.zeros(0, np.float32)}))
    same(store.read("c"), Saved({"y": np.zeros(0, np.float32)}))


@pytest.mark.parametrize("key", ["", "../a", "/a", "a//b", "a/.b", "a/../b", "a b", "a\n", "é"])
def test_keys_cannot_leave_the_folder(store, key):
    for call in (store.read, store.holds, lambda key: store.write(key, SAVED)):
        with pytest.raises(InputError, match="key of a result"):
            call(key)


def test_a_damaged_file_is_missing(tmp_path):
    store, path = Store(tmp_path), tmp_path / "a.safetensors"
    store.write("a", SAVED)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):  # as after a power failure
        path.write_bytes(whole[:length])
        assert store.read("a") is None
    for place in range(len(whole) - 30, len(whole)):  # one bit of the arrays
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert store.read("a") is None
    path.write_bytes(whole.replace(b"1.5", b"9.5"))
    assert store.read("a") is None
    path.write_bytes(whole)
    same(store.read("a"), SAVED)


def test_a_file_of_another_program_is_refused_by_name(tmp_path):
    save_file({"x": np.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match=r"a\.safetensors in .*another program"):
        Store(tmp_path).read("a")


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".a.safetensors.0123456789abcdef.tmp").write_text("of a killed process")
    store = Store(tmp_path)
    store.write("a", SAVED)
    assert store.keys() == ["a"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None]), np.array([1j])])
def test_only_numbers_are_kept(store, array):
    with pytest.raises(InputError, match="array x of a result"):
        store.write("a", Saved({"x": array}))
    assert store.keys() == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch, number):
    store, usual = Store(tmp_path), Path.write_bytes
    store.write("a", SAVED)

    def full(path, content):
        usual(path, content[: len(content) // 2])
        raise OSError(number, "full")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        for key in ("a", "b"):
            with pytest.raises(InputError, match=r"space in .*: got none left, expected room for .* bytes\. Free some"):
                store.write(key, SAVED)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    same(store.read("a"), SAVED)
    store.write("b", SAVED)
    same(store.read("b"), SAVED)


def test_other_errors_of_the_disk_are_themselves(tmp_path):
    (tmp_path / "a").write_text("a file where a folder would be")
    store = Store(tmp_path)
    assert store.read("a/b") is None
    with pytest.raises(FileExistsError):
        store.write("a/b", SAVED)


def test_a_store_is_of_one_study(store):
    assert store.study() is None
    store.claim("1234", {"words": "wafers", "count": 5})
    assert store.study() == {"digest": "1234", "words": "wafers", "count": 5}
    store.claim("1234", {"words": "wafers", "count": 7})
    assert store.study()["count"] == 7
    with pytest.raises(InputError, match=r"got that of wafers, expected a new one, or that of digits\. Choose"):
        store.claim("5678", {"words": "digits"})
    assert store.study()["digest"] == "1234"


@pytest.mark.parametrize("text", ["{", json.dumps({"mine": 1}), "[]", "\xff", "[" * 100_000], ids=range(5))
def test_a_study_file_of_somebody_else_is_refused(tmp_path, text):
    (tmp_path / "study.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"study\.json in"):
        Store(tmp_path).claim("1234", {"words": "wafers"})
    assert (tmp_path / "study.json").read_text(encoding="latin-1") == text


@pytest.mark.parametrize("url", ["nothing://x", "s3//x\0"])
def test_an_address_that_nobody_knows(url):
    with pytest.raises((InputError, ValueError)):
        Store(url).write("a", SAVED)
