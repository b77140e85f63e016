from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss

from dguide.evaluate.reading.calibration import (
    calibration_chance,
    calibration_error,
    calibration_estimates,
    reliability,
)


def stated(count: int, seed: int = 0, sure: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities, and classes drawn with them."""
    source = torch.Generator().manual_seed(seed)
    log_probs = torch.log_softmax(sure * torch.randn(count, 4, generator=source, dtype=torch.float64), -1)
    return log_probs, torch.multinomial(log_probs.exp(), 1, generator=source).squeeze(1)


def test_figures_are_those_of_scikit_learn() -> None:
    log_probs, labels = stated(500)
    found = {each.name: each for each in calibration_estimates(log_probs, labels, repetitions=100)}
    probs = log_probs.exp().numpy()
    assert found["log loss"].value == pytest.approx(log_loss(labels, probs))
    each = [brier_score_loss(labels == k, probs[:, k]) for k in range(4)]
    assert found["Brier score"].value == pytest.approx(sum(each))
    assert found["accuracy"].value == float((log_probs.argmax(-1) == labels).double().mean())
    figures = list(found.values())
    assert all(figure.low < figure.value < figure.high for figure in figures[:3])
    assert math.isnan(figures[3].low)
    assert "true probabilities get" in figures[3].note


def test_stated_probabilities_that_are_true_have_little_error() -> None:
    log_probs, labels = stated(20_000)
    assert calibration_error(log_probs, labels) < 0.015
    boast = torch.log_softmax(3 * log_probs, -1)
    assert calibration_error(boast, labels) > 0.1
    bins = reliability(boast, labels, 5)
    assert [b.accuracy.count for b in bins] == [4000] * 5
    assert all(b.confidence > b.accuracy.high for b in bins[1:])
    assert [b.confidence for b in bins] == sorted(b.confidence for b in bins)
    by_hand = sum(abs(b.accuracy.value - b.confidence) for b in bins) / 5
    assert calibration_error(boast, labels, 5) == pytest.approx(by_hand)


def test_error_of_a_perfect_classifier_is_as_documented() -> None:
    """At one confidence, but for differences that break ties, where the formula is exact but for the normal limit."""
    p, count, bins = 0.7, 1000, 10
    sure = p + 1e-9 * torch.arange(count, dtype=torch.float64)
    log_probs = torch.stack([sure, 1 - sure], -1).log()
    source = np.random.default_rng(0)
    errors = [calibration_error(log_probs, torch.from_numpy((source.random(count) > p) * 1), bins) for _ in range(100)]
    assert np.mean(errors) == pytest.approx(math.sqrt(2 * p * (1 - p) * bins / math.pi / count), rel=0.1)


def test_order_of_equally_sure_sequences_does_not_matter() -> None:
    source = np.random.default_rng(0)
    sure = torch.tensor([0.6, 0.7, 0.8], dtype=torch.float64)[torch.from_numpy(source.integers(3, size=300))]
    log_probs, labels = torch.stack([sure, 1 - sure], -1).log(), torch.from_numpy((source.random(300) > 0.7) * 1)
    for order in (torch.from_numpy(source.permutation(300)), labels.argsort(), labels.argsort(descending=True)):
        assert reliability(log_probs[order], labels[order], 7) == reliability(log_probs, labels, 7)
        assert calibration_error(log_probs[order], labels[order], 7) == calibration_error(log_probs, labels, 7)
    bins = reliability(log_probs, labels, 7)
    assert all(b.accuracy.low <= b.accuracy.value <= b.accuracy.high for b in bins)
    by_hand = sum(b.accuracy.count * abs(b.accuracy.value - b.confidence) for b in bins) / 300
    assert calibration_error(log_probs, labels, 7) == pytest.approx(by_hand)
    own = float((labels == 0).double().mean())
    alike = torch.tensor([[0.7, 0.3]], dtype=torch.float64).log().expand(300, 2)
    assert [b.accuracy.value for b in reliability(alike, labels)] == pytest.approx([own] * 10)
    assert calibration_error(alike, labels) == pytest.approx(abs(own - 0.7))


def test_an_infinite_log_loss_says_why() -> None:
    log_probs = torch.tensor([[0.5, 0.5, 0], [0.2, 0.8, 0], [0.9, 0.1, 0]], dtype=torch.float64).log()
    found = calibration_estimates(log_probs, torch.tensor([0, 2, 0]), repetitions=5)[1]
    assert (found.value, found.note) == (math.inf, "nats; of classes with probability 0: 1")
    assert calibration_estimates(log_probs, torch.tensor([0, 1, 0]), repetitions=5)[1].note.startswith("nats; no upper")


def test_few_sequences_and_bad_input() -> None:
    log_probs, labels = stated(3)
    assert len(reliability(log_probs, labels)) == 3
    with pytest.raises(ValueError, match=r"\[N, C\]"):
        calibration_error(log_probs[0], labels)
    with pytest.raises(ValueError, match="labels"):
        calibration_error(log_probs, labels[:2])
    with pytest.raises(ValueError, match="labels"):
        calibration_error(log_probs[:0], labels[:0])
    with pytest.raises(ValueError, match="bins"):
        reliability(log_probs, labels, 0)


def test_intervals_end_at_zero() -> None:
    log_probs = torch.log_softmax(torch.tensor([[9.0, 0.0]] * 19 + [[0.0, 9.0]], dtype=torch.float64), -1)
    found = calibration_estimates(log_probs, torch.zeros(20, dtype=torch.int64))
    assert all(each.high > each.value > each.low >= 0 for each in found[1:3])
    assert found[2].high < 2
    right = calibration_estimates(log_probs[:1].expand(20, 2), torch.zeros(20, dtype=torch.int64))
    assert all(each.high > each.value >= each.low >= 0 for each in right[1:3])
    wrong = calibration_estimates(
        log_probs[:1].expand(20, 2) - 90 * torch.tensor([0, 1]), torch.ones(20, dtype=torch.int64)
    )
    assert 1.5 < wrong[2].low < wrong[2].value <= wrong[2].high <= 2


def test_calibration_error_of_a_calibrated_classifier_lies_in_the_range_that_is_reported_for_it() -> None:
    inside, bins = 0, np.zeros(10)
    for seed in range(100):
        log_probs, labels = stated(200, seed)
        low, high = calibration_chance(log_probs, seed=seed)
        inside += low <= calibration_error(log_probs, labels) <= high
        bins += [b.chance[0] <= b.accuracy.value <= b.chance[1] for b in reliability(log_probs, labels)]
    assert inside >= 87
    assert (bins >= 87).all()  # 3.6 standard deviations below 95
    boast = torch.log_softmax(3 * log_probs, -1)
    assert calibration_error(boast, labels) > calibration_chance(boast)[1]
    assert math.isnan(calibration_chance(log_probs, repetitions=38)[0])
