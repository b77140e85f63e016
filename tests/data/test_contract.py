"""What every loader keeps: a rule that one of them must follow is tried with all of them."""

from __future__ import annotations

import importlib.util
import unicodedata
from pathlib import Path

import pytest

from dguide.data import Dataset, load
from tests.data.loaders import FILES, SETS, Loader, Member, contents, many, whole

NAMED = [each for each in FILES if each.name != "npz"]
"""Those whose source has names of classes."""

every_file = pytest.mark.parametrize("loader", FILES, ids=lambda loader: loader.name)
every_name = pytest.mark.parametrize("loader", NAMED, ids=lambda loader: loader.name)
every_set = pytest.mark.parametrize("name", SETS)


@pytest.fixture(autouse=True)
def home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """A cache of its own; but QM9 takes a minute to prepare."""
    if "qm9" not in request.node.name:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def built(name: str) -> Dataset:
    if importlib.util.find_spec(SETS[name]) is None:
        pytest.skip(f"{SETS[name]} is not installed")
    return load(name)


def assert_own_tensors(name: str) -> None:
    first = load(name)
    digest = first.digest
    for split in (first.train, first.validation, first.test):
        for _, values in split.named():
            values.zero_()
    assert first.digest != digest
    assert load(name).digest == digest


@every_set
def test_sets_keep_their_names_their_split_and_their_tensors(name: str) -> None:
    data = built(name)
    assert data.name == name
    shares = (1 / 40, 1 / 40) if name == "qm9" else (0.1, 0.2)
    for part, share in zip((data.validation, data.test), shares, strict=True):
        assert abs(len(part) - share * len(whole(data))) <= 10  # of each class
    assert data.skipped == ()
    assert_own_tensors(name)


@every_file
def test_the_name_of_a_data_set_loads_it_again(loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "with, comma 部品").mkdir()
    data = load(loader.of(loader.source(tmp_path / "with, comma 部品", many(20))))
    assert load(data.name).name == data.name
    assert load(data.name).digest == data.digest


@every_file
def test_a_changed_source_is_read_again(loader: Loader, tmp_path: Path) -> None:
    members = many(20)
    name = loader.of(loader.source(tmp_path, members))
    before = load(name)
    loader.source(tmp_path, [*members[:-1], Member(members[-1].content + 1, members[-1].kind)])
    assert load(name).digest != before.digest
    loader.source(tmp_path, members)
    assert load(name).digest == before.digest


@every_file
def test_one_who_writes_to_the_tensors_changes_nobody_elses(loader: Loader, tmp_path: Path) -> None:
    assert_own_tensors(loader.of(loader.source(tmp_path, many(20))))


@every_file
def test_entries_that_cannot_be_used_are_listed_with_their_place(loader: Loader, tmp_path: Path) -> None:
    members = many(20)
    complete = load(loader.of(loader.source(tmp_path, members)))
    data = load(loader.of(loader.source(tmp_path, [*members[:7], None, *members[7:]])))
    (left_out,) = data.skipped
    assert "source" in left_out.what or "all[7]" in left_out.what
    assert left_out.why
    assert [sorted(part) for part in contents(data)] == [sorted(part) for part in contents(complete)]


@every_file
def test_a_fifth_of_each_class_is_for_the_test_and_a_tenth_for_the_validation(loader: Loader, tmp_path: Path) -> None:
    data = load(loader.of(loader.source(tmp_path, many(200))))
    for part, low, high in ((data.test, 0.12, 0.28), (data.validation, 0.04, 0.16)):
        share = part.labels.bincount() / 200
        assert ((share > low) & (share < high)).all()  # 2.8 standard deviations


@every_file
def test_the_part_of_a_sequence_does_not_depend_on_other_entries(loader: Loader, tmp_path: Path) -> None:
    """Nor on their order, although new words may change the numbers of tokens, and longer strings the padding."""
    members = many(100)
    before = contents(load(loader.of(loader.source(tmp_path, members))))
    for others in (members[::-1], members[:120], [*many(100, seed=1), *members]):
        now = contents(load(loader.of(loader.source(tmp_path, others))))
        assert not any(set(now[a]) & set(before[b]) for a in range(3) for b in range(3) if a != b)


@every_file
def test_copies_are_in_one_part_even_in_several_classes(loader: Loader, tmp_path: Path) -> None:
    members = many(50)
    copies = [Member(each.content, kind) for each in members for kind in ("bad", "good")]
    data = load(loader.of(loader.source(tmp_path, copies * 2)))
    train, validation, test = contents(data)
    assert len(train) + len(validation) + len(test) == 400
    assert len({*train, *validation, *test}) == len({*train}) + len({*validation}) + len({*test})


@every_file
@pytest.mark.parametrize("count", range(1, 9))
def test_small_classes_are_to_train_on_and_from_three_and_four_in_the_other_parts(
    loader: Loader, count: int, tmp_path: Path
) -> None:
    """A class that is missing in a part is named, with what to do. The archive has its number, 2 for rare."""
    rare = [Member(4**15 + each, "rare") for each in range(count)]
    data = load(loader.of(loader.source(tmp_path, [*many(20), *rare])))
    parts = (data.train, data.validation, data.test)
    train, validation, test = (int((split.labels == 2).sum()) for split in parts)
    assert train >= 1
    assert train + validation + test == count
    assert test >= (count > 2)
    assert validation >= (count > 3)
    why, remedy = "no sequence of it is in the {}", f": add different ones (it has {count})"
    lack = [*(["test part, so it cannot be judged"] * (test == 0)), *(["validation part"] * (validation == 0))]
    assert [each.what for each in data.skipped] == [f"class {data.class_names[2]}"] * len(lack)
    assert [each.why for each in data.skipped] == [why.format(each) + remedy for each in lack]


@every_file
def test_a_class_of_equal_members_is_named(loader: Loader, tmp_path: Path) -> None:
    data = load(loader.of(loader.source(tmp_path, [*many(20), *[Member(4**15, "rare")] * 60])))
    assert (data.train.labels == 2).sum() == 60
    assert [each.what for each in data.skipped] == [f"class {data.class_names[2]}"] * 2
    assert all("(it has 1)" in each.why for each in data.skipped)


@every_name
def test_classes_that_differ_in_the_form_of_an_accent_are_one(loader: Loader, tmp_path: Path) -> None:
    composed = [Member(each.content, "M\u00e4rz") for each in many(10, ("a",), 1)]
    parts = [Member(each.content, unicodedata.normalize("NFD", "M\u00e4rz")) for each in many(10, ("a",), 2)]
    data = load(loader.of(loader.source(tmp_path, [*composed, *parts, *many(10, ("傷",))])))
    assert data.class_names == ("M\u00e4rz", "傷")
    labels = whole(data).labels
    assert labels.bincount().tolist() == [20, 10]


@every_file
def test_a_relative_path_is_that_of_the_working_directory(
    loader: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = loader.source(tmp_path, many(20))
    monkeypatch.chdir(tmp_path)
    assert load(loader.of(Path(path.name))).digest == load(loader.of(path)).digest


@every_file
def test_hidden_files_are_no_data(loader: Loader, tmp_path: Path) -> None:
    path = loader.source(tmp_path, many(20))
    data = load(loader.of(path))
    for folder in (path, *path.glob("*/")) if path.is_dir() else (path.parent,):
        if folder.is_dir():
            (folder / ".thumb.png").write_bytes(b"hidden")
            (folder / ".hidden").mkdir()
    again = load(loader.of(path))
    assert again.digest == data.digest
    if loader.name == "images":
        assert [each.why for each in again.skipped] == ["hidden"] * 6
