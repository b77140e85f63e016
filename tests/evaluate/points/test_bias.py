from __future__ import annotations

import numpy as np
import pytest

from dguide.evaluate import bias, frechet_distance, kernel_distance
from tests.evaluate.real import DIGITS, learnt


def test_frechet_distance_of_one_law_falls_with_the_number_of_points() -> None:
    points = learnt()(DIGITS.train.tokens)
    means = [found.mean for found in bias(points, frechet_distance, (100, 200, 400, 600), repetitions=8)]
    assert means == sorted(means, reverse=True)
    assert means[0] > 3 * means[-1] > 0


def test_kernel_distance_of_one_law_does_not_stray_from_zero() -> None:
    points = learnt()(DIGITS.train.tokens)
    for found in bias(points, kernel_distance, (100, 400), repetitions=20):
        assert abs(found.mean) < 4 * found.deviation / np.sqrt(20)


def test_samples_are_disjoint_and_of_the_size() -> None:
    points = np.arange(20.0)[:, None]

    def common(one: np.ndarray, two: np.ndarray) -> float:
        assert len(one) == len(two) == 10
        return float(len(np.intersect1d(one, two)))

    (found,) = bias(points, common, (10,))
    assert (found.size, found.mean, found.deviation) == (10, 0, 0)


def test_mean_and_deviation_are_those_over_the_repetitions() -> None:
    figures = iter([1.0, 2.0, 6.0])
    (found,) = bias(np.zeros((4, 1)), lambda one, two: next(figures), (2,), repetitions=3)
    assert found.mean == 3
    assert found.deviation == pytest.approx(np.sqrt(7))


def test_bad_sizes() -> None:
    with pytest.raises(ValueError, match="at most 5, half of the 10"):
        bias(np.zeros((10, 1)), frechet_distance, (6,))
    with pytest.raises(ValueError, match="at least two"):
        bias(np.zeros((10, 1)), frechet_distance, (2,), repetitions=1)
