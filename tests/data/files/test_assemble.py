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
from dguide.data.holdout import HELD_OUT, by_content, positions


def gathered(rows: list[int], **options: Any) -> Dataset:
    """Sequences of one token."""
    return assemble("it", torch.tensor(rows)[:, None], tokens_of(np.array([[300]]), None)[1], **options)


def rows_of(data: Dataset) -> tuple[list[int], list[int]]:
    return data.train.tokens.flatten().tolist(), data.test.tokens.flatten().tolist()


def test_the_position_of_a_content_decides() -> None:
    """These numbers are fixed: another hash would move what is held out of every data set."""
    assert positions([b"", b"ACGT"]).tolist() == [0.8894159948913369, 0.11717596766399652]
    rows = list(range(256))
    data = gathered(rows, classes=["ab"[k % 2] for k in rows])
    place = positions(data.codec.contents(torch.tensor(rows)[:, None]))
    assert rows_of(data)[1] == (place < HELD_OUT).nonzero().flatten().tolist()


def test_small_classes_get_what_the_position_does_not_give_them() -> None:
    place = torch.tensor([0.1, 0.15, 0.9, 0.8, 0.7, 0.3, 0.3, 0.6, 0.65, 0.4, 0.5])
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 3, 3, 3, 4, 4])
    # Of class 0 one stays to train on. Of class 1 the smallest is held out; of class 3 not 0.3, which is all of class
    # 2. Class 4 has too few.
    assert by_content(labels, place).nonzero().flatten().tolist() == [0, 4, 7]


def test_copies_of_a_sequence_are_on_one_side(tmp_path: Path) -> None:
    """Three copies of each map, in a real file, and one of them under another class."""
    maps = np.random.default_rng(0).integers(3, size=(40, 4, 4)).repeat(3, 0)
    kinds = np.arange(120) // 3 % 2
    maps[119] = maps[12]
    np.savez(tmp_path / "x.npz", maps=maps, kinds=kinds)
    data = load(f"npz:{tmp_path / 'x.npz'}")
    seen = {row.tobytes() for row in data.train.tokens.numpy()}
    assert not any(row.tobytes() in seen for row in data.test.tokens.numpy())
    assert len(data.train) + len(data.test) == 120


def test_about_a_fifth_is_held_out_of_classes_that_share_sequences() -> None:
    random = np.random.default_rng(0)
    rows, kinds = random.integers(300, size=1000).tolist(), random.integers(3, size=1000)
    data = gathered(rows, classes=[str(kind) for kind in kinds])
    assert not set(rows_of(data)[0]) & set(rows_of(data)[1])
    share = data.test.labels.bincount() / torch.from_numpy(kinds).bincount()
    assert ((share > 0.12) & (share < 0.28)).all()


def test_what_is_held_out_and_also_to_train_on_is_left_out() -> None:
    rows = [1, 2, 3, 4, 2, 5, 5]
    told = torch.tensor([False] * 4 + [True] * 3)
    data = gathered(rows, classes=list("abababa"), held_out=told, places=[f"file:{row}" for row in range(7)])
    assert rows_of(data) == ([1, 2, 3, 4], [5, 5])
    assert data.skipped == (Skipped("file:4", "also in the training part"),)
    with pytest.raises(
        ValueError, match=r"0 of them to hold out \(1 left out: sequence 4: also in the training part\)"
    ):
        gathered(rows[:5], classes=list("ababa"), held_out=told[:5])


def test_parts_of_a_saved_data_set_lose_what_is_in_both_or_in_the_wrong_one(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    parts = {"train": ([[1], [2], [3], [4]], list("abab")), "test": ([[5], [2], [6], [7]], list("abbc"))}
    made = {key: datasets.Dataset.from_dict({"x": x, "label": label}) for key, (x, label) in parts.items()}
    datasets.DatasetDict(made).save_to_disk(str(tmp_path / "d"))
    data = load(f"huggingface:{tmp_path / 'd'},column=x")
    assert (data.class_names, rows_of(data)) == (("a", "b"), ([1, 2, 3, 4], [5, 6]))
    assert [each.why for each in data.skipped] == [
        "also in the training part",
        "class c is not in the training part",
    ]


def test_a_class_that_is_only_held_out_is_left_out() -> None:
    told = torch.tensor([False] * 4 + [True] * 3)
    data = gathered([1, 2, 3, 4, 5, 6, 7], classes=list("bcbcabc"), held_out=told)
    assert data.class_names == ("b", "c")
    assert data.test.labels.tolist() == [0, 1]
    assert data.skipped == (Skipped("sequence 4", "class a is not in the training part"),)


def test_a_class_all_of_whose_sequences_are_copies_is_to_train_on() -> None:
    data = gathered([1, 2, 3, 4, 5, 3], classes=list("aaabbc"))
    assert data.class_names == ("a", "b", "c")
    assert rows_of(data)[0].count(3) == 2


def test_too_few_different_sequences_are_refused() -> None:
    with pytest.raises(ValueError, match=r"18, 2 of them different, 0 .* at least three different ones"):
        gathered([1, 2] * 9, classes=["a", "b"] * 9)
    with pytest.raises(ValueError, match="at least three different ones"):
        gathered(list(range(200)), classes=[f"{k:03d}" for k in range(200)])  # ids instead of classes


def test_errors_say_what_was_left_out_before() -> None:
    skipped = [Skipped(f"b/{k}.png", "unreadable") for k in range(5)]
    told = r"\(5 left out: b/0.png: unreadable; b/1.png: unreadable; b/2.png: unreadable\)"
    with pytest.raises(ValueError, match=f"'a'.*alone {told}"):
        gathered([1, 2, 3], classes=list("aaa"), skipped=skipped)
    with pytest.raises(ValueError, match=f"to hold out {told}"):
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
