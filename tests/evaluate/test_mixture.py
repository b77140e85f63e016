"""The choice of real data and samples that are compared: the same number of each combination of classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from dguide.data import Above, Dataset, Label, Split, Strings, Value
from dguide.evaluate.mixture import Mixture, requested_classes

CODEC = Strings(("<begin>", "<end>", "<pad>"), 3)


def held(labels: Tensor, classes: int) -> Dataset:
    """Sequences of these classes, held out and to train with; each says which row it is."""
    split = Split(torch.arange(len(labels))[:, None].expand(-1, 3), labels, {"mass": (labels % 2).double()})
    names = tuple(f"class {k}" for k in range(classes))
    return Dataset("toy", split, split, split, CODEC, (Label(names, "kind"), Above("mass", 0.5)))


def compared(dataset: Dataset, **classes: Tensor) -> tuple[Mixture, Split, np.ndarray, np.ndarray]:
    """The mixture, held-out sequences for it, what each stands for, and the samples beside them."""
    count = len(next(iter(classes.values())))
    mixture = Mixture.of(dataset, classes, count).kept(count, dataset.test)
    counts = mixture.counts(count, dataset.test, drawn=True)
    split, groups = mixture.take(dataset.test, counts)
    rows = mixture.own(counts)
    assert len(split) == len(rows) == counts.sum()
    assert len(split.tokens[:, 0].unique()) == len(split)
    assert np.bincount(groups, minlength=len(counts)).tolist() == counts.tolist()
    assert np.bincount(mixture.groups[rows], minlength=len(counts)).tolist() == counts.tolist()
    return mixture, split, groups, rows


def test_many_classes_of_which_one_is_rare() -> None:
    """A hundred classes asked once each, one of them twice; three of each are held out, but one of that."""
    dataset = held(torch.cat([torch.arange(100), torch.arange(1, 100).repeat(2)]), 100)
    asked = torch.cat([torch.arange(100), torch.tensor([0])])
    mixture, split, _, _ = compared(dataset, kind=asked)
    assert len(split) == 50
    assert len(split.labels.unique()) == len(split)
    assert mixture.aside == ()


@pytest.mark.parametrize("classes", [3, 7, 10, 37])
def test_sizes_are_equal_however_they_are_rounded(classes: int) -> None:
    source = torch.Generator().manual_seed(classes)
    dataset = held(torch.randint(0, classes, (336,), generator=source), classes)
    asked = torch.randint(0, classes, (1001,), generator=source)
    mixture, split, _, _ = compared(dataset, kind=asked)
    there, counts = (x.labels.bincount(minlength=classes) for x in (dataset.test, split))
    factor = float((there / asked.bincount(minlength=classes)).min())
    if not mixture.aside:
        assert len(split) == int(factor * 1001 + 1e-9)
    assert (counts <= there).all()
    total = len(split) / int(mixture.numbers.sum())
    assert np.abs(counts.numpy() - total * mixture.numbers).max() < 1


def test_a_class_with_one_held_out_sequence_does_not_leave_one_of_every_other() -> None:
    labels = torch.cat([torch.arange(9).repeat(36), torch.tensor([9])])
    mixture, split, _, _ = compared(held(labels, 10), kind=torch.arange(10).repeat(36))
    assert split.labels.bincount(minlength=10).tolist() == [36] * 9 + [0]
    assert mixture.note == "left aside, with too little real data: class 9"
    mixture, split, _, _ = compared(held(labels[-3:], 10), kind=torch.tensor([9, 9, 7, 8]))
    assert mixture.aside == ()  # half of what was asked
    assert set(split.labels.tolist()) >= {9}


def test_what_is_nowhere_held_out_is_named() -> None:
    asked = {"kind": torch.tensor([0, 2, 3, 4, 5]), "mass": torch.ones(5, dtype=torch.int64)}
    mixture, split, _, _ = compared(held(torch.arange(4).repeat(5), 6), **asked)
    assert set(split.labels.tolist()) == {3}
    assert mixture.note == "left aside, with too little real data: 4 classes"
    assert mixture.aside[0] == "class 0 and mass > 0.5"


def test_told_and_untold_samples_stand_for_themselves() -> None:
    """The untold ones are as in the data though many of class 0 are taken for those that were told, and only they."""
    dataset = held(torch.arange(1000) % 4, 4)
    asked = torch.cat([torch.zeros(150), torch.full((300,), 4)]).long()
    shares = []
    for seed in range(20):
        mixture = Mixture.of(dataset, {"kind": asked}, 450)
        counts = mixture.counts(450, dataset.test, drawn=True)
        split, groups = mixture.take(dataset.test, counts, seed)
        assert counts.tolist() == [150, 300]
        assert (split.labels[torch.from_numpy(groups == 0)] == 0).all()
        shares.append((split.labels[torch.from_numpy(groups == 1)] == 0).double().mean())
        rows = mixture.own(counts, seed)
        assert asked[rows].bincount(minlength=5).tolist() == [150, 0, 0, 0, 300]
    assert float(np.mean(shares)) == pytest.approx(0.25, abs=0.02)


def test_told_and_untold_samples_share_what_there_is() -> None:
    dataset = held(torch.cat([torch.zeros(40), torch.arange(1, 4).repeat(120)]).long(), 4)
    mixture, split, groups, _ = compared(dataset, kind=torch.cat([torch.zeros(100), torch.full((100,), 4)]).long())
    assert 30 <= (groups == 0).sum() == (groups == 1).sum() <= 40  # a tenth of the others are of class 0, too
    assert (split.labels[torch.from_numpy(groups == 1)] == 0).sum() <= 8
    both = {"kind": torch.tensor([0, 4, 4, 1] * 30), "mass": torch.tensor([2, 0, 2, 1] * 30)}
    mixture, split, groups, _ = compared(dataset, **both)
    for k, pattern in enumerate(mixture.patterns.tolist()):
        rows = torch.from_numpy(groups == k)
        assert pattern[0] == 4 or (split.labels[rows] == pattern[0]).all()
        assert pattern[1] == 2 or (split.properties["mass"][rows] == pattern[1]).all()


def alike(dataset: Dataset, classes: dict[str, Tensor], most: int, seed: int = 0) -> Split:
    """Held-out sequences for what was asked, however often."""
    count = len(next(iter(classes.values()), torch.empty(1)))
    mixture = Mixture.of(dataset, classes, count).kept(most, dataset.test)
    return mixture.take(dataset.test, mixture.counts(most, dataset.test), seed)[0]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """1,000 sequences of two classes (0.7, 0.3), of which 0.5 and 0.1 are heavy."""
    row = torch.arange(1000)
    labels = (row % 10 >= 7).long()
    heavy = torch.where(labels == 0, row // 10 % 2 == 0, row // 10 % 10 == 0)
    split = Split(row[:, None].expand(-1, 3), labels, {"mass": heavy.double(), "size": row.double()})
    conditions = (Label(("cat", "dog"), "kind"), Above("mass", 0.5), Value("size", 0.0, 1.0))
    return Dataset("toy", split, split, split, Strings(("<begin>", "<end>", "<pad>"), 3), conditions)


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
    wider = Dataset("toy", dataset.train, dataset.validation, dataset.test, dataset.codec, (third,))
    assert set(alike(wider, {"kind": torch.tensor([1, 2, 2, 2])}, 4).labels.tolist()) == {1}
    assert len(alike(wider, {"kind": torch.tensor([2])}, 4)) == 0


def test_what_was_not_told_is_as_in_the_data(dataset: Dataset) -> None:
    untold = {"kind": torch.full((500,), 2)}
    assert float(alike(dataset, untold, 500).labels.double().mean()) == pytest.approx(0.3, abs=0.05)
    assert float(alike(dataset, {}, 500).labels.double().mean()) == pytest.approx(0.3, abs=0.05)
    assert len(alike(dataset, {}, 5000)) == 1000


def test_what_was_asked_must_fit(dataset: Dataset) -> None:
    asked = {"kind": torch.tensor([0, 2]), "size": torch.tensor([0.5, math.nan])}
    assert list(requested_classes(dataset, asked, 2)) == ["kind"]
    for wrong, message in (
        ({"kind": torch.tensor([0, 3])}, "2 for not given"),
        ({"kind": torch.tensor([0])}, "one value for each"),
        ({"colour": torch.tensor([0, 1])}, "one of kind, mass, size"),
    ):
        with pytest.raises(ValueError, match=message):
            requested_classes(dataset, wrong, 2)
    with pytest.raises(ValueError, match="at least one"):
        requested_classes(dataset, {}, 0)
