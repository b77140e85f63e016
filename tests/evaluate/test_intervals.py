"""Intervals without draws, and the choice of held-out data that is like what was asked."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dguide.data import Above, Dataset, Label, Split, Strings, Value
from dguide.evaluate.alike import alike, asked_classes
from dguide.evaluate.intervals import distinct_share, jackknife, share


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=50)
    left_out = (values.sum() - values) / 49
    found = jackknife("mean", values.mean(), left_out)
    assert found.high - found.value == pytest.approx(1.96 * values.std(ddof=1) / math.sqrt(50))
    assert found.value - found.low == pytest.approx(found.high - found.value)
    assert math.isnan(jackknife("mean", 1.0, np.array([math.nan])).low)


def test_jackknife_keeps_to_what_a_figure_can_be_and_does_without_what_is_not_there() -> None:
    found = jackknife("share", 0.95, np.array([0.9, 1.0, 0.9, 1.0]), bounds=(0, 1))
    assert (found.high, found.low) == (1, pytest.approx(0.95 - 1.96 * math.sqrt(3) * 0.05))
    some = jackknife("share", 0.5, np.array([0.4, math.nan, 0.6, 0.5]))
    assert some.high - 0.5 == pytest.approx(1.96 * math.sqrt(3 * np.var([0.4, 0.6, 0.5])))
    single = jackknife("share", 0.5, np.array([0.5, math.nan, 0.5]), bounds=(0, 1))  # one sample makes the figure
    assert math.isnan(single.low)
    assert math.isnan(single.high)


def test_distinct_share_counts_and_its_interval_is_a_little_wide() -> None:
    assert distinct_share("unique", ["a", "b", "a", "a"]).value == 0.5
    source = np.random.default_rng(0)
    law = 1 / np.arange(1, 401)
    drawn = [distinct_share("unique", source.choice(400, 300, p=law / law.sum())) for _ in range(200)]
    spread = np.std([each.value for each in drawn])
    stated = np.mean([each.high - each.low for each in drawn]) / (2 * 1.96)
    assert 1 < stated / spread < 1.8


def test_shares_where_all_are_equal_or_none_is_there() -> None:
    every = distinct_share("unique", [str(k) for k in range(1000)])
    assert (every.value, every.high) == (1, 1)
    assert 0.99 < every.low < 1
    assert (share("hit", np.array([True, False, True, True])).value) == 0.75
    for none in (share("hit", np.empty(0, dtype=np.bool_)), distinct_share("unique", [])):
        assert math.isnan(none.value)
        assert none.count == 0


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """1,000 sequences of two classes (0.7, 0.3), of which 0.5 and 0.1 are heavy."""
    row = torch.arange(1000)
    labels = (row % 10 >= 7).long()
    heavy = torch.where(labels == 0, row // 10 % 2 == 0, row // 10 % 10 == 0)
    split = Split(row[:, None].expand(-1, 3), labels, {"mass": heavy.double(), "size": row.double()})
    conditions = (Label(("cat", "dog"), "kind"), Above("mass", 0.5), Value("size", 0.0, 1.0))
    return Dataset("toy", split, split, Strings(("<begin>", "<end>", "<pad>"), 3), conditions)


def test_held_out_data_are_of_the_classes_that_were_asked(dataset: Dataset) -> None:
    kind = torch.tensor([1] * 30 + [0] * 10)
    split = alike(dataset, {"kind": kind}, 40)
    assert split.labels.bincount().tolist() == [10, 30]
    assert split.labels[:20].bincount().tolist() != [0, 20]  # in random order
    assert len(split.tokens[:, 0].unique()) == 40
    assert torch.equal(alike(dataset, {"kind": kind}, 40).tokens, split.tokens)
    assert not torch.equal(alike(dataset, {"kind": kind}, 40, seed=1).tokens, split.tokens)


def test_classes_that_go_together_stay_together(dataset: Dataset) -> None:
    asked = {"kind": torch.tensor([1, 0] * 20), "mass": torch.tensor([1, 0] * 20)}
    split = alike(dataset, asked, 40)
    assert torch.equal(split.labels, split.properties["mass"].long())
    assert split.labels.bincount().tolist() == [20, 20]


def test_a_rare_class_limits_the_others_and_one_that_is_not_there_does_not(dataset: Dataset) -> None:
    many = torch.tensor([1, 0]).repeat(500)
    split = alike(dataset, {"kind": many}, 1000)
    assert split.labels.bincount().tolist() == [300, 300]
    third = Label(("cat", "dog", "bird"), "kind")
    wider = Dataset("toy", dataset.train, dataset.held_out, dataset.codec, (third,))
    assert set(alike(wider, {"kind": torch.tensor([1, 2, 2, 2])}, 4).labels.tolist()) == {1}
    assert len(alike(wider, {"kind": torch.tensor([2])}, 4)) == 0


def test_what_was_not_told_is_as_in_the_data(dataset: Dataset) -> None:
    untold = {"kind": torch.full((500,), 2)}
    assert float(alike(dataset, untold, 500).labels.double().mean()) == pytest.approx(0.3, abs=0.05)
    assert float(alike(dataset, {}, 500).labels.double().mean()) == pytest.approx(0.3, abs=0.05)
    assert len(alike(dataset, {}, 5000)) == 1000


def test_what_was_asked_must_fit(dataset: Dataset) -> None:
    asked = {"kind": torch.tensor([0, 2]), "size": torch.tensor([0.5, math.nan])}
    assert list(asked_classes(dataset, asked, 2)) == ["kind"]
    for wrong, message in (
        ({"kind": torch.tensor([0, 3])}, "2 for not told"),
        ({"kind": torch.tensor([0])}, "one value for each"),
        ({"colour": torch.tensor([0, 1])}, "one of kind, mass, size"),
    ):
        with pytest.raises(ValueError, match=message):
            asked_classes(dataset, wrong, 2)
    with pytest.raises(ValueError, match="at least one"):
        asked_classes(dataset, {}, 0)
