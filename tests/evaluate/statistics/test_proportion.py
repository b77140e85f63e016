from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from dguide.evaluate import proportion
from dguide.evaluate.statistics.proportion import wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_agrees_with_published_values(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes / trials, trials)
    assert found == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("successes", "trials"), [(81, 263), (15, 148), (0, 20), (1, 29), (29, 29), (1, 3), (999, 1000)]
)
def test_ends_have_the_probability_of_the_mid_p_interval(successes: int, trials: int) -> None:
    share = proportion(successes, trials)
    assert share.value == successes / trials
    for end, beyond in ((share.low, binom.sf(successes, trials, share.low)), (share.high, None)):
        if 0 < end < 1:
            beyond = binom.cdf(successes - 1, trials, end) if beyond is None else beyond
            assert beyond + binom.pmf(successes, trials, end) / 2 == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("trials", [20, 50, 200, 1000])
def test_interval_contains_every_probability_as_often_as_it_says(trials: int) -> None:
    ends = [proportion(hits, trials) for hits in range(trials + 1)]
    for truth in (0.002, 0.01, 0.03, 0.1, 0.3, 0.5):
        law = binom.pmf(np.arange(trials + 1), trials, truth)
        covered = sum(p for p, end in zip(law, ends, strict=True) if end.low <= truth <= end.high)
        assert covered > 0.93
        assert covered < 0.98 or trials * truth < 10


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
