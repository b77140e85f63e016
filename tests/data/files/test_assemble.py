from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dguide.data import Dataset, load
from dguide.data.base import Skipped
from dguide.data.files.archive import tokens_of
from dguide.data.files.assemble import assemble
from dguide.data.holdout import TEST, TRAIN, VALIDATION, by_content, positions


def gathered(rows: list[int], **options: Any) -> Dataset:
    """Sequences of one token."""
    return assemble("it", torch.tensor(rows)[:, None], tokens_of(np.array([[300]]), None)[1], **options)


def rows_of(data: Dataset) -> tuple[list[int], list[int], list[int]]:
    train, validation, test = (part.tokens.flatten().tolist() for part in (data.train, data.validation, data.test))
    return train, validation, test


def test_the_position_of_a_content_decides() -> None:
    """These numbers are fixed: another hash would move the sequences of every data set to other parts."""
    assert positions([b"", b"ACGT"]).tolist() == [0.8894159948913369, 0.11717596766399652]
    rows = list(range(256))
    data = gathered(rows, classes=["ab"[k % 2] for k in rows])
    place = positions(data.codec.contents(torch.tensor(rows)[:, None]))
    intervals = ((0.3, 1.0), (0.2, 0.3), (0.0, 0.2))
    expected = [((place >= low) & (place < high)).nonzero().flatten().tolist() for low, high in intervals]
    assert list(rows_of(data)) == expected


def test_small_classes_get_what_the_position_does_not_give_them() -> None:
    place = torch.tensor([0.1, 0.15, 0.9, 0.8, 0.7, 0.3, 0.3, 0.6, 0.65, 0.4, 0.5, 0.25, 0.94, 0.91, 0.95, 0.22, 0.24])
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 6])
    part = by_content(labels, place)
    # Of class 0 one stays to train on. Of class 1 the smallest is for the test; of class 3 not 0.3, which is all of
    # class 2. Class 4 has too few. Class 5 has one in each part. Of class 6 one stays to train on.
    assert (part == TEST).nonzero().flatten().tolist() == [0, 4, 7, 11]
    assert (part == VALIDATION).nonzero().flatten().tolist() == [13, 15]


def test_copies_of_a_sequence_are_in_one_part(tmp_path: Path) -> None:
    """Three copies of each map, in a real file, and one of them under another class."""
    maps = np.random.default_rng(0).integers(3, size=(40, 4, 4)).repeat(3, 0)
    kinds = np.arange(120) // 3 % 2
    maps[119] = maps[12]
    np.savez(tmp_path / "x.npz", maps=maps, kinds=kinds)
    data = load(f"npz:{tmp_path / 'x.npz'}")
    parts = [split.tokens.numpy() for split in (data.train, data.validation, data.test)]
    assert sum(len({row.tobytes() for row in part}) for part in parts) == 40
    assert sum(map(len, parts)) == 120


def test_classes_that_share_sequences_are_divided_in_the_same_shares() -> None:
    random = np.random.default_rng(0)
    rows, kinds = random.integers(300, size=1000).tolist(), random.integers(3, size=1000)
    data = gathered(rows, classes=[str(kind) for kind in kinds])
    train, validation, test = map(set, rows_of(data))
    assert not train & validation | train & test | validation & test
    for part, low, high in ((data.test, 0.12, 0.28), (data.validation, 0.04, 0.16)):
        share = part.labels.bincount() / torch.from_numpy(kinds).bincount()
        assert ((share > low) & (share < high)).all()


def test_what_stands_in_two_parts_is_left_out_of_one() -> None:
    rows = [1, 2, 3, 4, 2, 5, 5, 6, 4, 5, 7]
    part = torch.tensor([TRAIN] * 4 + [TEST] * 4 + [VALIDATION] * 3)
    data = gathered(rows, classes=list("ababababbab"), part=part, places=[f"file:{row}" for row in range(11)])
    assert rows_of(data) == ([1, 2, 3, 4], [7], [5, 5, 6])
    why = {"file:4": "training", "file:8": "training", "file:9": "test"}
    listed = [Skipped(place, f"also in the {other} part") for place, other in why.items()]
    lack = "no sequence of it is in the validation part: add different ones (it has 3)"
    assert data.skipped == (*listed, Skipped("class a", lack))
    with pytest.raises(ValueError, match=r"0 for the test \(1 left out: sequence 4: also in the training part\)"):
        gathered([1, 2, 3, 4, 2, 7], classes=list("ababab"), part=torch.tensor([TRAIN] * 4 + [TEST, VALIDATION]))


def test_a_training_part_gives_the_validation_part_that_is_missing() -> None:
    rows = list(range(256))
    part = torch.tensor([TEST if row >= 200 else TRAIN for row in rows])
    data = gathered(rows, classes=["ab"[k % 2] for k in rows], part=part)
    train, validation, test = rows_of(data)
    assert test == rows[200:]
    place = positions(data.codec.contents(torch.tensor(rows[:200])[:, None]))
    assert validation == ((place >= 0.2) & (place < 0.3)).nonzero().flatten().tolist()
    assert sorted(train + validation) == rows[:200]


def test_parts_of_a_saved_data_set_lose_what_is_in_both_or_in_the_wrong_one(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    parts = {
        "train": ([[1], [2], [3], [4]], list("abab")),
        "dev": ([[8], [9], [6]], list("abb")),
        "test": ([[5], [2], [6], [7]], list("abbc")),
    }
    made = {key: datasets.Dataset.from_dict({"x": x, "label": label}) for key, (x, label) in parts.items()}
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "d"))
    data = load(f"huggingface:{tmp_path / 'd'},column=x")
    assert (data.class_names, rows_of(data)) == (("a", "b"), ([1, 2, 3, 4], [8, 9], [5, 6]))
    assert [each.why for each in data.skipped] == [
        "also in the test part",
        "also in the training part",
        "class c is not in the training part",
    ]


def test_a_class_without_training_sequences_is_left_out() -> None:
    part = torch.tensor([TRAIN] * 4 + [TEST] * 3 + [VALIDATION] * 3)
    data = gathered(list(range(10)), classes=list("bcbcabcabc"), part=part)
    assert data.class_names == ("b", "c")
    assert data.test.labels.tolist() == data.validation.labels.tolist() == [0, 1]
    assert data.skipped == tuple(Skipped(f"sequence {row}", "class a is not in the training part") for row in (4, 7))


def test_a_class_all_of_whose_sequences_are_copies_is_to_train_on() -> None:
    data = gathered([1, 2, 3, 4, 5, 6, 3], classes=list("aaaabbc"))
    assert data.class_names == ("a", "b", "c")
    assert rows_of(data)[0].count(3) == 2


def test_too_few_different_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match=r"18, 2 of them different: .*0 for .* at least four different ones"):
        gathered([1, 2] * 9, classes=["a", "b"] * 9)
    with pytest.raises(ValueError, match="at least four different ones"):
        gathered(list(range(200)), classes=[f"{k:03d}" for k in range(200)])  # ids instead of classes


def test_errors_say_what_was_left_out_before() -> None:
    skipped = [Skipped(f"b/{k}.png", "unreadable") for k in range(5)]
    told = r"\(5 left out: b/0.png: unreadable; b/1.png: unreadable; b/2.png: unreadable\)"
    with pytest.raises(ValueError, match=f"'a'.*alone {told}"):
        gathered([1, 2, 3], classes=list("aaa"), skipped=skipped)
    with pytest.raises(ValueError, match=f"for the test {told}"):
        gathered([1, 2], classes=list("ab"), skipped=skipped)


@pytest.mark.parametrize(("percentile", "values"), [(95, [1, 2] * 10), (99.9, list(range(20))), (0.1, list(range(20)))])
def test_a_condition_without_a_class_is_refused(percentile: float, values: list[float], tmp_path: Path) -> None:
    """Nothing is above the largest of many equal values; and the only one at or below the first is enough."""
    path = tmp_path / "x.csv"
    path.write_text("text,mass\n" + "".join(f"{'C' * (k + 1)},{value}\n" for k, value in enumerate(values)))
    name = f"csv:{path},text=text,property=mass,percentile={percentile}"
    if len(set(values)) > 2:
        assert set(load(name).train.labels.tolist()) == {0, 1}
    else:
        with pytest.raises(ValueError, match=r"no sequence of 'mass > 2' to train on.*percentile nearer to 50"):
            load(name)
