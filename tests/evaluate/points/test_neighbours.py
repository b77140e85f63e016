from __future__ import annotations

import numpy as np
import pytest

from dguide.data import load
from dguide.evaluate import neighbourhood, precision_recall
from dguide.evaluate.points.neighbours import Balls


def test_precision_and_recall_on_a_line_by_hand() -> None:
    real = np.array([[0.0], [1.0], [3.0]])  # radii with k = 1: 1, 1, 2
    generated = np.array([[-0.5], [4.9], [6.0], [20.0]])  # radii 5.4, 1.1, 1.1, 14
    figure = precision_recall(real, generated, neighbours=1)
    assert figure.precision == 2 / 4  # 4.9 is within 2 of 3; 6 is not
    assert figure.recall == 1.0  # the ball of -0.5 covers all


def test_precision_and_recall_agree_with_all_pairs() -> None:
    source = np.random.default_rng(0)
    real, generated = source.normal(size=(80, 3)), 1.5 * source.normal(size=(60, 3))

    def share(points: np.ndarray, support: np.ndarray, k: int) -> float:
        own = np.sort(np.linalg.norm(support[:, None] - support[None], axis=-1), axis=1)[:, k]
        return float((np.linalg.norm(points[:, None] - support[None], axis=-1) <= own).any(1).mean())

    for k in (1, 3, 5):
        figure = precision_recall(real, generated, k)
        assert figure.precision == share(generated, real, k)
        assert figure.recall == share(real, generated, k)
        assert 0.3 < figure.precision < 1


def test_held_out_digits_are_near_the_best_and_failures_show_where_they_should() -> None:
    digits = load("digits")
    real = digits.features(digits.train.tokens)[::4]
    held_out = digits.features(digits.test.tokens)
    good = precision_recall(real, held_out)
    assert good.precision > 0.9
    assert good.recall > 0.9
    source = np.random.default_rng(0)
    noise = precision_recall(real, source.random(held_out.shape))
    assert (noise.precision, noise.recall) == (0, 0)
    few = np.repeat(held_out[:20], 18, axis=0) + 1e-3 * source.random((360, 64))
    narrow = precision_recall(real, few)
    assert narrow.precision > 0.8
    assert narrow.recall < 0.05


def test_density_and_coverage_on_a_line_by_hand() -> None:
    real = np.array([[0.0], [1.0], [3.0]])  # balls with k = 1: -1 to 1, 0 to 2, 1 to 5
    figure = neighbourhood(real, np.array([[0.5], [0.75], [4.9], [20.0]]), neighbours=1)
    assert figure.density == (2 + 2 + 1 + 0) / 4
    assert figure.coverage == 1.0
    assert neighbourhood(real, np.array([[-0.5], [-0.75], [9.0]]), neighbours=1).coverage == 1 / 3


def test_density_and_coverage_agree_with_all_pairs() -> None:
    source = np.random.default_rng(0)
    real, generated = source.normal(size=(1100, 3)), 1.2 * source.normal(size=(60, 3))
    apart = np.linalg.norm(real[:, None] - generated[None], axis=-1)
    own = np.sort(np.linalg.norm(real[:, None] - real[None], axis=-1), axis=1)
    for k in (1, 5):
        inside = apart <= own[:, k, None]
        figure = neighbourhood(real, generated, k)
        assert figure.density == pytest.approx(inside.sum() / (k * 60))
        assert figure.coverage == inside.any(1).mean()
        balls, rows = Balls(real, generated, k), np.array([3, 3, 8, 50])
        assert balls.coverage(rows) == inside[:, rows].any(1).mean()
        assert balls.density(rows) == pytest.approx(inside[:, rows].sum() / (k * 4))
        assert balls.precision(rows) == inside[:, rows].any(0).mean()


def test_one_law_has_density_one_and_the_coverage_of_the_formula() -> None:
    source, size, k = np.random.default_rng(0), 100, 5
    figures = [neighbourhood(*source.normal(size=(2, size, 4)), neighbours=k) for _ in range(60)]
    expected = 1 - np.prod([(size - i) / (2 * size - i) for i in range(1, k + 1)])
    coverage = [figure.coverage for figure in figures]
    assert np.mean(coverage) == pytest.approx(expected, abs=4 * np.std(coverage) / np.sqrt(60))
    density = [figure.density for figure in figures]
    assert np.mean(density) == pytest.approx(1, abs=4 * np.std(density) / np.sqrt(60))


def test_an_outlier_spoils_recall_and_precision_but_not_density_and_coverage() -> None:
    source = np.random.default_rng(0)
    real, generated = source.normal(size=(200, 2)), source.normal(size=(200, 2)) + 6
    apart = neighbourhood(real, generated)
    assert max(apart.precision, apart.recall, apart.density, apart.coverage) < 0.05
    real[0] = 100  # its ball holds everything
    spoilt = neighbourhood(real, generated)
    assert spoilt.precision == 1
    assert spoilt.density < 0.25
    generated[0] = -100
    spoilt = neighbourhood(source.normal(size=(200, 2)), generated)
    assert spoilt.recall == 1
    assert spoilt.coverage < 0.05


def test_a_set_lies_within_itself() -> None:
    points = load("digits").features(load("digits").test.tokens[:100])
    figure = neighbourhood(points, points, 5)
    assert (figure.precision, figure.recall, figure.coverage) == (1, 1, 1)
    assert figure.density >= 6 / 5  # five neighbours and the point itself, and ties


def test_points_that_cannot_be_compared() -> None:
    for figure in (precision_recall, neighbourhood):
        with pytest.raises(ValueError, match=r"\[N, D\]"):
            figure(np.zeros((5, 2)), np.zeros((5, 3)), 1)
        with pytest.raises(ValueError, match="at least 4"):
            figure(np.zeros((3, 2)), np.zeros((5, 2)), 3)
        with pytest.raises(ValueError, match="neighbours"):
            figure(np.zeros((3, 2)), np.zeros((5, 2)), neighbours=0)
