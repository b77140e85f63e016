from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import polynomial_kernel

from dguide.evaluate import frechet_distance, kernel_distance
from dguide.evaluate.points.distances import Kernel
from tests.evaluate.real import DIGITS, learnt


def test_frechet_distance_of_normal_laws() -> None:
    source = np.random.default_rng(0)
    points = source.normal(size=(500, 4))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(points, points + np.array([3, 0, 4, 0])) == pytest.approx(25)
    spread = (np.sqrt(np.cov(points, rowvar=False).diagonal()) ** 2).sum()  # twice as wide: sum of (2 s - s)^2
    assert frechet_distance(points, 2 * points) == pytest.approx(spread + np.square(points.mean(0)).sum())


def test_frechet_distance_grows_with_damage() -> None:
    real, held_out = DIGITS.features(DIGITS.train.tokens), DIGITS.features(DIGITS.test.tokens)
    noise = np.random.default_rng(0).normal(size=held_out.shape)
    figures = [frechet_distance(real, held_out + amount * noise) for amount in (0, 0.05, 0.1, 0.2)]
    assert figures == sorted(figures)
    assert figures[0] < 0.1


def test_frechet_distance_of_digits_agrees_with_a_matrix_root() -> None:
    """The formula as it is printed, with the root of a product that is not symmetric."""
    real, other = learnt()(DIGITS.train.tokens), learnt()(DIGITS.test.tokens[:40])  # fewer points than features
    one, two = np.cov(real, rowvar=False), np.cov(other, rowvar=False)
    root = np.trace(sqrtm(one @ two + 1e-12 * np.eye(64))).real
    expected = np.square(real.mean(0) - other.mean(0)).sum() + np.trace(one) + np.trace(two) - 2 * root
    assert frechet_distance(real, other) == pytest.approx(expected, rel=1e-3)
    assert frechet_distance(other, real) == pytest.approx(frechet_distance(real, other), rel=1e-6)


def test_kernel_distance_is_its_three_sums() -> None:
    source = np.random.default_rng(0)
    real, other = source.normal(size=(7, 3)), source.normal(size=(5, 3)) + 1

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 3 + 1) ** 3)

    within = [
        np.mean([kernel(x, y) for i, x in enumerate(points) for j, y in enumerate(points) if i != j])
        for points in (real, other)
    ]
    between = np.mean([kernel(x, y) for x in real for y in other])
    assert kernel_distance(real, other) == pytest.approx(sum(within) - 2 * between)


def test_kernel_distance_of_digits_is_that_of_subsets() -> None:
    """As the source computes it: the mean over subsets, with the kernel of another library."""
    real, other = DIGITS.features(DIGITS.train.tokens), DIGITS.features(DIGITS.test.tokens) ** 2
    source, figures, size = np.random.default_rng(0), [], 100
    off = 1 - np.eye(size)
    for _ in range(300):
        x, y = source.permutation(real)[:size], source.permutation(other)[:size]
        within = sum((polynomial_kernel(z, degree=3, coef0=1) * off).sum() for z in (x, y)) / (size * (size - 1))
        figures.append(within - 2 * polynomial_kernel(x, y, degree=3, coef0=1).mean())
    spread = 4 * np.std(figures) / np.sqrt(len(figures))
    assert kernel_distance(real, other) == pytest.approx(np.mean(figures), abs=spread)
    assert kernel_distance(real, other) > 4 * spread


def test_kernel_distance_has_no_bias_and_frechet_distance_has() -> None:
    source = np.random.default_rng(0)
    pairs = [source.normal(size=(2, 30, 8)) for _ in range(300)]
    figures = [kernel_distance(*pair) for pair in pairs]
    assert abs(np.mean(figures)) < 3 * np.std(figures) / np.sqrt(len(figures))
    assert np.mean([frechet_distance(*pair) for pair in pairs[:50]]) > 0.5


def test_kernel_distance_of_repeated_points_counts_no_point_with_itself() -> None:
    source = np.random.default_rng(0)
    real, other = source.normal(size=(20, 2)), source.normal(size=(6, 2))
    rows = np.array([0, 0, 3, 5, 5, 5])
    pairs = [(i, j) for i in rows for j in rows if i != j]
    within = np.mean([(other[i] @ other[j] / 2 + 1) ** 3 for i, j in pairs])
    between = np.mean([(x @ other[i] / 2 + 1) ** 3 for x in real for i in rows])
    found = Kernel(real, other)
    assert found.distance(rows) == pytest.approx(float(found.real[0, 0]) + within - 2 * between)
    assert np.isnan(found.distance(np.array([4, 4])))


def test_kernel_distance_of_classes_asked_in_turn_has_no_bias() -> None:
    """As many of each class as was asked, on both sides: pairs of one class are rarer than among independent points."""
    source, size = np.random.default_rng(0), 5
    centres = 2 * source.normal(size=(10, 4))
    classes = np.repeat(np.arange(10), size)
    rows = np.arange(len(classes))
    told, plain = [], []
    for _ in range(200):
        real, other = (centres[classes] + source.normal(size=(len(classes), 4)) for _ in range(2))
        told.append(Kernel(real, other, (classes, classes)).distance(rows))
        plain.append(kernel_distance(real, other))
    error = np.std(told) / np.sqrt(len(told))
    assert abs(np.mean(told)) < 3 * error
    assert np.mean(plain) < -10 * error


def test_kernel_distance_by_classes_is_a_mean_over_pairs_of_classes() -> None:
    source = np.random.default_rng(0)
    real, other = source.normal(size=(9, 3)), source.normal(size=(7, 3)) + 1
    theirs, own = np.array([0, 0, 0, 0, 1, 1, 1, 2, 3]), np.array([0, 1, 1, 1, 0, 3, 3])  # of 2 none, of 3 one is real
    share = {0: 2 / 5, 1: 3 / 5}

    def mean(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean([(a @ b / 3 + 1) ** 3 for a in x for b in y if a is not b and not np.array_equal(a, b)]))

    expected = sum(
        p * q * (mean(real[theirs == c], real[theirs == d]) + mean(other[own == c], other[own == d]))
        - 2 * p * q * mean(real[theirs == c], other[own == d])
        for c, p in share.items()
        for d, q in share.items()
    )
    assert Kernel(real, other, (theirs, own)).distance(np.arange(7)) == pytest.approx(expected)
    assert np.isnan(Kernel(real, other, (theirs, own)).distance(np.array([0, 1])))
    with pytest.raises(ValueError, match="one for each of 9 and 7"):
        Kernel(real, other, (theirs, own[1:]))


def test_points_that_cannot_be_compared() -> None:
    for distance in (frechet_distance, kernel_distance):
        with pytest.raises(ValueError, match=r"\[N, D\]"):
            distance(np.zeros((5, 2)), np.zeros((5, 3)))
        with pytest.raises(ValueError, match="at least 2"):
            distance(np.zeros((1, 2)), np.zeros((5, 2)))
