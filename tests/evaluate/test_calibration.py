from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss

from dguide.evaluate.calibration import calibration_error, calibration_estimates, reliability


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
    assert all(figure.low < figure.value < figure.high for figure in found.values())


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
    """At one constant confidence, where the formula is exact but for the normal limit."""
    p, count, bins = 0.7, 1000, 10
    log_probs = torch.tensor([[p, 1 - p]], dtype=torch.float64).log().expand(count, 2)
    source = np.random.default_rng(0)
    errors = [calibration_error(log_probs, torch.from_numpy((source.random(count) > p) * 1), bins) for _ in range(100)]
    assert np.mean(errors) == pytest.approx(math.sqrt(2 * p * (1 - p) * bins / math.pi / count), rel=0.1)


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
