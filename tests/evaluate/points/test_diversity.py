from __future__ import annotations

import math

import numpy as np
import pytest

from dguide.evaluate.points.diversity import Diversity
from tests.evaluate.real import DIGITS

REAL, CLASSES = DIGITS.features(DIGITS.train.tokens), DIGITS.train.labels.numpy()
EVERYTHING = np.arange(len(REAL))


def test_by_hand() -> None:
    real, classes = np.array([[0.0], [2.0], [5.0], [9.0]]), np.array([0, 0, 1, 1])  # means 2 and 4
    points, labels = np.array([[0.0], [3.0], [6.0], [7.0], [8.0]]), np.array([0, 0, 0, 1, 1])  # means 4 and 1
    found = Diversity(real, classes, points, labels)
    assert found.ratio(np.arange(5)) == pytest.approx((4 + 1) / (2 + 4))
    assert found.ratio(np.array([0, 0, 1])) == pytest.approx(3 / 2)  # the other class has no pair
    assert math.isnan(found.ratio(np.array([0, 0, 3])))


def test_real_data_have_one_and_its_number_does_not_matter() -> None:
    assert Diversity(REAL, CLASSES, REAL, CLASSES).ratio(EVERYTHING) == pytest.approx(1)
    source = np.random.default_rng(0)
    few = [
        Diversity(REAL, CLASSES, REAL[r], CLASSES[r]).ratio(np.arange(80))
        for r in source.integers(len(REAL), size=(30, 80))
    ]
    assert np.mean(few) == pytest.approx(1, abs=4 * np.std(few) / np.sqrt(30) + 0.005)


def test_one_image_a_class_has_none_and_mixed_classes_have_more() -> None:
    first = np.array([np.flatnonzero(label == CLASSES)[0] for label in CLASSES])
    assert Diversity(REAL, CLASSES, REAL[first], CLASSES).ratio(EVERYTHING) == 0
    shuffled = np.random.default_rng(0).permutation(CLASSES)
    assert Diversity(REAL, CLASSES, REAL, shuffled).ratio(EVERYTHING) > 1.3


def test_labels_must_match() -> None:
    with pytest.raises(ValueError, match="one for each point"):
        Diversity(REAL, CLASSES, REAL, CLASSES[:-1])
