"""Each arm adds what it says to the training part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dguide.data import Pictures, few, load
from dguide.pilot.augment.arms import BASELINES, NOTHING, OVERSAMPLED, Arm, arms, as_pictures, balance, compose, parts
from dguide.pilot.augment.ordinary import Ordinary

RARE, REAL, ADDED = 8, 20, 50


@pytest.fixture(scope="module")
def data():
    return few(load("digits"), "8", REAL)


def drawn(data, count=ADDED):
    shape = parts(data)[0].array.shape[1:]
    return Pictures.of(np.full((count, *shape), 77, dtype=np.uint8))


def composed(arm, data, pictures=None):
    return compose(arm, data, RARE, ADDED, Ordinary(), pictures)


def test_without_anything_the_training_part_is_as_it_is(data):
    found = composed(NOTHING, data)
    assert len(found.images) == len(data.train)
    assert torch.equal(found.labels, data.train.labels)
    assert not found.moved.any()


@pytest.mark.parametrize("arm", [OVERSAMPLED, *BASELINES], ids=lambda arm: arm.name)
def test_repeated_examples_are_real_ones_in_turn(data, arm):
    found = composed(arm, data)
    pictures = found.images.batch(slice(None))[found.labels == RARE].flatten(1)
    kinds, counts = pictures.unique(dim=0, return_counts=True)
    assert len(pictures) == REAL + ADDED
    assert len(kinds) == REAL
    assert set(counts.tolist()) == {3, 4}
    wanted = {"no": 0, "rare": REAL + ADDED, "all": len(found.labels)}[arm.moved]
    assert int(found.moved.sum()) == wanted
    assert found.moved[found.labels == RARE].all() == (arm.moved != "no")


@pytest.mark.parametrize(("repeated", "generated"), [(0.0, ADDED), (0.5, ADDED // 2)])
def test_generated_examples_join_and_the_rare_class_is_as_frequent_in_every_arm(data, repeated, generated):
    found = composed(Arm("x", "all", repeated, "setting"), data, drawn(data))
    pictures = found.images.batch(slice(None))
    assert int((found.labels == RARE).sum()) == REAL + ADDED
    made = (pictures == 77).flatten(1).all(1)
    assert int(made.sum()) == generated
    assert (found.labels[made] == RARE).all()
    assert torch.equal(pictures[: len(data.train)], parts(data)[0].batch(slice(None)))


@pytest.mark.parametrize("count", [None, ADDED - 1])
def test_too_few_generated_examples_are_refused(data, count):
    with pytest.raises(ValueError, match=f"expected {ADDED} of shape"):
        composed(Arm("x", drawn="setting"), data, count and drawn(data, count))


def test_every_setting_and_way_has_an_arm_alone_and_beside_ordinary_augmentation():
    names = [arm.name for arm in arms(["unguided", "guided 2"], ("whole", "filled"))]
    assert len(names) == len(set(names)) == 4 + 2 * 2 * 2
    assert "guided 2, filled in + ordinary" in names


def test_balance_is_what_lacks_to_the_mean_of_the_others(data):
    counts = torch.bincount(data.train.labels)
    assert balance(data, RARE) == round((counts.sum().item() - REAL) / 9) - REAL
    full = load("digits")
    assert balance(replace(full, train=full.train.take(full.train.labels == RARE)), RARE) == 1


def test_pictures_of_samples_are_those_of_the_data(data):
    real = parts(data)[0].batch(slice(None))
    made = np.concatenate(list(as_pictures(data.codec, data.train.tokens, 1)))
    assert np.array_equal(made, real.numpy())
