from __future__ import annotations

import numpy as np
import pytest
import torch

from dguide.data import load
from dguide.evaluate import Classifier, frechet_distance, precision_recall


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.fit(load("digits"))


def test_classifier_knows_real_digits(classifier: Classifier) -> None:
    assert classifier.held_out.value > 0.98
    assert classifier.held_out.count == len(load("digits").held_out)
    held_out = load("digits").held_out
    assert classifier.accuracy(held_out.tokens, held_out.labels) == classifier.held_out


def test_shuffled_labels_score_at_chance(classifier: Classifier) -> None:
    held_out = load("digits").held_out
    order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(0))
    share = classifier.accuracy(held_out.tokens, held_out.labels[order])
    assert share.low < 0.1 < share.high


def test_noise_scores_at_chance(classifier: Classifier) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 16, (500, 64), generator=generator)
    labels = torch.randint(0, 10, (500,), generator=generator)
    share = classifier.accuracy(tokens, labels)
    assert share.low < 0.1 < share.high


def test_labels_must_match(classifier: Classifier) -> None:
    held_out = load("digits").held_out
    with pytest.raises(ValueError, match="one for each"):
        classifier.accuracy(held_out.tokens, held_out.labels[:-1])
    with pytest.raises(ValueError, match="at least one"):
        classifier.accuracy(held_out.tokens[:0], held_out.labels[:0])


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
    held_out = digits.features(digits.held_out.tokens)
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


def test_frechet_distance_of_normal_laws() -> None:
    source = np.random.default_rng(0)
    points = source.normal(size=(500, 4))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(points, points + np.array([3, 0, 4, 0])) == pytest.approx(25)
    spread = (np.sqrt(np.cov(points, rowvar=False).diagonal()) ** 2).sum()  # twice as wide: sum of (2 s - s)^2
    assert frechet_distance(points, 2 * points) == pytest.approx(spread + np.square(points.mean(0)).sum())


def test_frechet_distance_grows_with_damage() -> None:
    digits = load("digits")
    real, held_out = digits.features(digits.train.tokens), digits.features(digits.held_out.tokens)
    noise = np.random.default_rng(0).normal(size=held_out.shape)
    figures = [frechet_distance(real, held_out + amount * noise) for amount in (0, 0.05, 0.1, 0.2)]
    assert figures == sorted(figures)
    assert figures[0] < 0.1


def test_points_that_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"\[N, D\]"):
        precision_recall(np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match="at least 4"):
        precision_recall(np.zeros((3, 2)), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="neighbours"):
        precision_recall(np.zeros((3, 2)), np.zeros((5, 2)), neighbours=0)
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(np.zeros((1, 2)), np.zeros((5, 2)))
