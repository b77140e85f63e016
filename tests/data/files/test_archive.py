from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dguide.data import load
from dguide.data.files.archive import combinations, shrink
from tests.data.loaders import rows, whole


def write(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def maps(count: int = 20, side: int = 4) -> Any:
    return np.random.default_rng(0).integers(3, size=(count, side, side))


def test_maps_with_numbered_classes(tmp_path: Path) -> None:
    grid = maps()
    data = load(f"npz:{write(tmp_path / 'x.npz', maps=grid, kinds=np.arange(20) % 3)}")
    assert data.class_names == ("0", "1", "2")
    assert (data.shape, data.vocab_size) == ((4, 4), 3)
    assert sorted(rows(data)) == sorted(grid.reshape(20, 16).tolist())
    named = load(f"npz:{tmp_path / 'x.npz'},names=none;傷;ring")
    assert named.class_names == ("none", "ring", "傷")
    assert named.train.labels.bincount().tolist() == [int((data.train.labels == k).sum()) for k in (0, 2, 1)]


def test_the_form_of_the_published_wafer_maps(tmp_path: Path) -> None:
    """Arrays arr_0 of maps and arr_1 of eight marks each, some maps with a value that should not occur."""
    grid, marks = maps(60, 6), np.zeros((60, 8), dtype=np.int64)
    grid[7, 2, 2] = 3
    marks[::3, 0] = 1
    marks[::2, 7] = 1
    np.savez(tmp_path / "MixedWM38.npz", grid, marks)
    names = "Center;Donut;Edge-Loc;Edge-Ring;Loc;Near-full;Random;Scratch"
    data = load(f"npz:{tmp_path / 'MixedWM38.npz'},vocab=3,names={names}")
    assert data.class_names == ("Center", "Center+Scratch", "Scratch", "none")
    assert data.vocab_size == 3
    assert [(each.what, each.why) for each in data.skipped] == [("MixedWM38.npz[7]", "value 3, expected below 3")]
    assert len(whole(data)) == 59
    assert load(f"npz:{tmp_path / 'MixedWM38.npz'}").vocab_size == 4
    assert load(f"npz:{tmp_path / 'MixedWM38.npz'},size=3").shape == (3, 3)


def test_the_published_wafer_maps_at_their_real_shape(tmp_path: Path) -> None:
    """Eight marks for each of the maps [N, 52, 52], as int64 and int32, without names of the arrays."""
    random = np.random.default_rng(0)
    marks = np.zeros((400, 8), dtype=np.int32)
    for row, (first, second) in enumerate(random.integers(8, size=(400, 2))):
        marks[row, [first, second][: row % 3]] = 1
    np.savez(tmp_path / "Wafer_Map_Datasets.npz", random.integers(3, size=(400, 52, 52)), marks)
    data = load(f"npz:{tmp_path / 'Wafer_Map_Datasets.npz'},tokens=arr_0,labels=arr_1,size=26,vocab=3")
    assert (data.shape, data.vocab_size) == ((26, 26), 3)
    assert all(each.what.startswith("class ") for each in data.skipped)  # combinations that occur once or twice
    assert {"none", "0", "7"} <= set(data.class_names)
    assert all(name == "none" or len(name) in (1, 3) for name in data.class_names)
    assert len(whole(data)) == 400


def test_names_are_for_the_numbers_of_the_file_even_if_a_class_is_left_out(tmp_path: Path) -> None:
    grid = maps()
    grid[np.arange(20) % 3 == 2, 0, 0] = 3
    path = write(tmp_path / "x.npz", maps=grid, kinds=(np.arange(20) % 3)[:, None])
    data = load(f"npz:{path},vocab=3,names=ring; dot ;line")
    assert data.class_names == ("dot", "ring")
    assert len(data.skipped) == 6


def test_sequences_are_one_row(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", x=np.arange(60).reshape(12, 5) % 7, y=np.arange(12) % 2)
    data = load(f"npz:{path},tokens=x,labels=y")
    assert (data.shape, data.vocab_size) == ((1, 5), 7)


def test_a_smaller_map_shows_what_is_commonest_in_a_block_and_the_larger_of_two() -> None:
    one = np.array([[[0, 1, 2, 2], [1, 1, 1, 1], [0, 0, 2, 0], [0, 2, 2, 1]]])
    assert shrink(one, (2, 2)).tolist() == [[[1, 2], [0, 2]]]
    assert shrink(one, (4, 4)).tolist() == one.tolist()
    line = np.ones((1, 52, 52), dtype=np.int64)
    line[0, :, 17] = 2  # two dies of each block of four that it crosses
    assert (shrink(line, (26, 26))[0] == 2).sum() == 26
    assert shrink(maps(2, 5), (2, 3)).shape == (2, 2, 3)
    with pytest.raises(ValueError, match="at most that of the maps"):
        shrink(one, (5, 4))


def test_names_of_combinations() -> None:
    rows = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0]])
    assert combinations(rows, ["a", "b", "c"]) == ["a", "a+c", "none"]
    assert combinations(rows, [" a", "b ", "c"]) == ["a", "a+c", "none"]
    assert combinations(np.array([11, 2]), None) == ["11", "02"]
    assert combinations(np.array([[1], [0]]), ["none", "ring"]) == ["ring", "none"]
    assert combinations(np.array([10**15, 2]), None) == ["1000000000000000", "0000000000000002"]  # not all between
    for labels, names, message in [
        (np.array([[2, 0]]), None, "zeros and ones"),
        (np.zeros((1, 1, 1), dtype=np.int64), None, "zeros and ones"),
        (np.array([[2, 0]]), None, r"shape \[1, 2\] with values up to 2"),
        (np.array([3]), ["a"], "got 1, expected 4 of them.*numbers from 0 to 3"),
        (np.array([0, 1]), ["a", "b", "c"], "got 3, expected 2 of them"),
        (rows, ["a", "b"], "3 of them.*columns"),
        (np.array([0, 1]), ["a", " a"], "'a' twice"),
        (np.array([0, 1]), ["a", " "], "an empty one"),
        (rows, ["a", "none", "c"], "'none'.*rows without a one"),
    ]:
        with pytest.raises(ValueError, match=message):
            combinations(labels, names)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"x": maps()}, "", "arrays x.*labels=NAME"),
        ({"x": maps(), "y": np.arange(20) % 2, "z": np.arange(20)}, "", "arrays x, y, z"),
        ({"x": maps(), "y": np.arange(20) % 2}, "tokens=w", r"array of x.npz.*'w'.*x, y"),
        ({"x": maps(), "y": np.arange(19) % 2}, "", "20 maps and 19 classes"),
        ({"x": maps() - 1, "y": np.arange(20) % 2}, "", r"from -1 to 1.*at least 0"),
        ({"x": maps() / 2, "y": np.arange(20) % 2}, "", "whole numbers"),
        ({"x": maps() * np.nan, "y": np.arange(20) % 2}, "", "whole numbers"),
        ({"x": maps() * 5000, "y": np.arange(20) % 2}, "", "vocab=NUMBER"),
        ({"x": maps(), "y": np.array(["a", "b"] * 10)}, "labels=y", "classes of x.npz.*whole numbers"),
        ({"x": maps(), "y": np.zeros(20)}, "", "at least two"),
        ({"x": maps(), "y": np.arange(20) % 2}, "vocab=1", "nothing usable"),
        ({"x": np.arange(200), "y": np.arange(200) % 2}, "tokens=x", "maps \\[N, H, W\\]"),
        ({"x": maps(), "y": np.arange(20) % 2}, "size=9", "at most that of the maps"),
        ({"x": maps(), "y": np.array(3)}, "", "20 maps and a single number"),
        ({"x": np.array(3), "y": np.array(3)}, "tokens=x", "maps \\[N, H, W\\]"),
        ({}, "", "got no arrays, expected.*np.savez"),
    ],
)
def test_archives_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, Any], options: str, message: str
) -> None:
    path = write(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        load(f"npz:{path},{options}".rstrip(","))


def test_whole_numbers_in_another_type_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", x=maps().astype(np.float32), y=np.arange(20) % 2 == 0)
    assert load(f"npz:{path}").vocab_size == 3


def test_what_wants_to_be_unpickled_is_refused_and_told_so(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", x=maps(), y=np.array([{"a": 1}] * 20, dtype=object))
    with pytest.raises(ValueError, match=r"pickled objects.*save it again"):
        load(f"npz:{path}")


def test_maps_that_are_objects_are_refused_and_told_so(tmp_path: Path) -> None:
    """As np.array makes them of maps of several sizes."""
    ragged = np.array([np.zeros((n % 2 + 2, 2), dtype=np.int64) for n in range(20)], dtype=object)
    with pytest.raises(ValueError, match=r"pickled objects.*save it again"):
        load(f"npz:{write(tmp_path / 'x.npz', x=ragged, y=np.arange(20) % 2)}")


def test_a_file_of_another_kind_is_not_taken_for_pickled_objects(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("no archive at all")
    with pytest.raises(ValueError, match="no archive, or a part of one"):
        load(f"npz:{tmp_path / 'x.npz'}")
    content = write(tmp_path / "y.npz", x=maps(), y=np.arange(20)).read_bytes()
    (tmp_path / "y.npz").write_bytes(b"#!" + content)
    with pytest.raises(ValueError, match="no archive, or a part of one"):
        load(f"npz:{tmp_path / 'y.npz'}")
    np.save(tmp_path / "x.npy", maps())
    with pytest.raises(ValueError, match="a single array"):
        load(f"npz:{tmp_path / 'x.npy'}")


def test_archives_with_members_that_are_no_arrays_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", x=maps(), y=np.arange(20) % 2)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("notes.txt", "hello")
    with pytest.raises(ValueError, match=r"notes.txt, which is no array"):
        load(f"npz:{path}")


def test_archives_that_are_encrypted_or_packed_in_another_way_are_refused(tmp_path: Path) -> None:
    content = bytearray(write(tmp_path / "x.npz", x=maps(), y=np.arange(20) % 2).read_bytes())
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    for offset, value, message in [(6, 1, "encrypted"), (8, 99, "compression")]:
        changed = bytearray(content)
        changed[local + offset] = changed[central + offset + 2] = value  # its flags, or its way to compress
        (tmp_path / "changed.npz").write_bytes(changed)
        with pytest.raises(ValueError, match=rf"archive.*cannot be read.*{message}.*np\.savez"):
            load(f"npz:{tmp_path / 'changed.npz'}")


@pytest.mark.parametrize(
    "header", [b"{'descr': 1}", b"{'descr': '<i8', 'fortran_order': False, 'shape': (9999999999999,)}"]
)
def test_archives_with_a_malformed_header_are_refused(tmp_path: Path, header: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header + b"\n").to_bytes(2, "little") + header + b"\n")
    with pytest.raises(ValueError, match=r"archive.*cannot be read.*np\.savez"):
        load(f"npz:{tmp_path / 'x.npz'}")


def test_an_archive_that_unfolds_to_more_than_the_memory_is_refused_before(tmp_path: Path) -> None:
    """Packed, 4.8 GB of zeros are 4.7 MB. Here the header alone is enough; nothing is unpacked."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4800000000, 1)}\n"
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(ValueError, match=r"\(values of the archive: got 4,800,000,000, expected at most 536,870,912"):
        load(f"npz:{tmp_path / 'x.npz'}")


def test_damage_anywhere_in_an_archive_is_told(tmp_path: Path) -> None:
    """Every byte in turn is another; what is not told by an error was not part of the data."""
    content = write(tmp_path / "x.npz", x=maps(), y=np.arange(20) % 2).read_bytes()
    for place in range(0, len(content), 3):
        path = tmp_path / f"{place}.npz"
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        with contextlib.suppress(ValueError):
            assert len(whole(load(f"npz:{path}"))) == 20


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    content = write(tmp_path / "whole.npz", x=maps(), y=np.arange(20)).read_bytes()
    (tmp_path / "half.npz").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "one.npy", maps())
    for name in ("half.npz", "text.npz", "empty.npz", "one.npy", "none.npz"):
        with pytest.raises(ValueError, match=r"archive.*np\.savez"):
            load(f"npz:{tmp_path / name}")
