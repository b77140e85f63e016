from __future__ import annotations

import pytest
import torch

from dguide.data import load
from dguide.evaluate import Classifier


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.fit(load("digits"))


def test_classifier_knows_real_digits(classifier: Classifier) -> None:
    assert classifier.held_out.value > 0.98
    assert classifier.held_out.count == len(load("digits").test)
    held_out = load("digits").test
    assert classifier.accuracy(held_out.tokens, held_out.labels) == classifier.held_out


def test_shuffled_labels_score_at_chance(classifier: Classifier) -> None:
    held_out = load("digits").test
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
    held_out = load("digits").test
    with pytest.raises(ValueError, match="one for each"):
        classifier.accuracy(held_out.tokens, held_out.labels[:-1])
    with pytest.raises(ValueError, match="at least one"):
        classifier.accuracy(held_out.tokens[:0], held_out.labels[:0])
