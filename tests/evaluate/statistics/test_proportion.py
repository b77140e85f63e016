from __future__ import annotations

import math

import pytest

from dguide.evaluate import proportion


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_agrees_with_published_values(successes: int, trials: int, low: float, high: float) -> None:
    share = proportion(successes, trials)
    assert share.value == successes / trials
    assert share.low == pytest.approx(low, abs=5e-5)
    assert share.high == pytest.approx(high, abs=5e-5)


def test_interval_covers_as_often_as_it_says() -> None:
    trials, truth = 40, 0.1
    covered = 0.0
    for hits in range(trials + 1):
        share = proportion(hits, trials)
        if share.low <= truth <= share.high:
            covered += math.comb(trials, hits) * truth**hits * (1 - truth) ** (trials - hits)
    assert 0.92 < covered < 0.98


def test_ends_and_errors() -> None:
    assert proportion(0, 5).low == 0.0
    assert proportion(5, 5).high == 1.0
    assert proportion(3, 10, confidence=0.5).high < proportion(3, 10).high
    for arguments in ((1, 0), (-1, 3), (4, 3)):
        with pytest.raises(ValueError, match="expected"):
            proportion(*arguments)
    with pytest.raises(ValueError, match="confidence"):
        proportion(1, 2, confidence=1.0)
