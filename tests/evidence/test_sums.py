"""Sums of paired figures, and what samples of a model with several conditions are told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dguide.data import load
from dguide.evaluate import Estimate, estimate
from studies.evidence.models import in_turn, told
from studies.evidence.sums import Sums
from studies.evidence.tested import level, record, turned

VALUES = np.random.default_rng(0).normal(size=(2, 60)) + np.random.default_rng(1).normal(scale=5, size=60)
LABELS = np.arange(60) % 3


def test_a_difference_of_pairs_has_the_interval_of_the_differences_and_each_half_is_computed_once():
    seen = []

    def figure(setting, rows):
        seen.append((setting, rows.tobytes()))
        return float(VALUES[setting][rows].mean())

    sums = Sums(figure, LABELS, 40)
    found = sums("apart", [(1.0, 0), (-1.0, 1)], 0.9)
    expected = estimate(
        "apart", lambda rows: (VALUES[0] - VALUES[1])[rows].mean(), 60, strata=LABELS, repetitions=40, level=0.9
    )
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))
    alone = sums("one", [(1.0, 0)], 0.9)
    assert alone.high - alone.low > 2 * (found.high - found.low)  # the pairs share most of the noise
    assert len(seen) == len(set(seen)) == 2 * 41


@pytest.mark.parametrize(
    ("low", "high", "better", "said"),
    [
        (0.1, 0.3, "higher", "confirmed"),
        (0.1, 0.3, "lower", "refuted"),
        (-0.3, -0.1, "lower", "confirmed"),
        (-0.1, 0.3, "lower", "undecided"),
        (float("nan"), float("nan"), "lower", "undecided"),
    ],
)
def test_a_gain_is_above_0_where_the_first_setting_is_better(low, high, better, said):
    assert record(turned(Estimate("it", (low + high) / 2, low, high, 9, better=better)))["verdict"] == said


def test_the_errors_of_a_family_add_up_to_five_percent():
    assert 20 * (1 - level(20)) == pytest.approx(0.05)


def test_what_is_not_asked_for_is_not_given():
    data = load("digits")
    assert torch.equal(told(data, 3, {})[data.conditions[0].name], data.conditions[0].not_given.expand(3))
    assert in_turn(data, 12).tolist() == [*range(10), 0, 1]
