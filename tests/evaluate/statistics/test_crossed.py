"""Figures over runs and test examples: their intervals hold, and special cases are known ones."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy.stats import norm

from dguide.evaluate.statistics.crossed import Part, crossed
from dguide.evaluate.statistics.proportion import paired_shares, wilson


def decisions(rng, mean, runs, shared, own=0.5, of_run=0.4):
    """Hits [R, n]: examples differ (`shared`), an arm sees each in its way, and runs differ."""
    count = len(shared)
    effect = mean + shared + own * rng.normal(size=count) + of_run * rng.normal(size=(runs, 1))
    return (effect + rng.normal(size=(runs, count)) > 0).astype(float)


@pytest.mark.parametrize(("count", "runs", "means"), [(20, 3, (0.5, 1.5)), (36, 5, (2.0, 2.0)), (200, 4, (0.0, 0.6))])
def test_the_interval_of_a_difference_covers(count, runs, means):
    rng, spread = np.random.default_rng(0), math.sqrt(1 + 4 + 0.5**2 + 0.4**2)
    truth = norm.cdf(means[1] / spread) - norm.cdf(means[0] / spread)
    inside = 0
    for _ in range(300):
        shared = 2 * rng.normal(size=count)
        old, new = (decisions(rng, mean, runs, shared) for mean in means)
        found = crossed([Part(new - old, reach=1.0)]).within(-1, 1)
        inside += found.low <= truth <= found.high
    assert 0.92 <= inside / 300 <= 1.0


def test_equal_runs_leave_the_variance_of_the_examples():
    rng = np.random.default_rng(1)
    first, second = rng.random(60) < 0.8, rng.random(60) < 0.6
    found = crossed([Part(np.tile(first.astype(float) - second, (4, 1)))])
    apart = first.astype(float) - second
    assert found.by_runs == 0
    assert found.variance == pytest.approx(apart.var(ddof=1) / 60)
    low, high = paired_shares(first, second)
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)


def test_without_differences_between_examples_the_runs_decide():
    found = crossed([Part(np.array([[0.1] * 50, [0.2] * 50, [0.3] * 50]))])
    assert found.by_examples == pytest.approx(0)
    assert found.variance == pytest.approx(0.01 / 3)
    assert found.high - found.value == pytest.approx(4.3027 * 0.1 / math.sqrt(3), rel=1e-3)  # t with 2 degrees


def test_noise_of_single_decisions_is_counted_once():
    """Independent decisions: the variance is that of a mean of R n of them, not twice that."""
    rng = np.random.default_rng(2)
    found = [crossed([Part((rng.random((5, 80)) < 0.5).astype(float))]).variance for _ in range(300)]
    assert 0.25 / 400 <= np.mean(found) <= 1.6 * 0.25 / 400


def test_coefficients_scale_a_figure():
    rng = np.random.default_rng(3)
    parts = [Part(rng.random((3, 9))), Part(rng.random((3, 30)))]
    scaled = [Part(each.values, 100.0) for each in parts]
    first, second = crossed(parts), crossed(scaled)
    assert np.allclose(np.array(astuple(second)[:3]), 100 * np.array(astuple(first)[:3]))


def test_agreement_of_few_is_no_certainty():
    none = np.zeros((3, 10))
    assert crossed([Part(none)]).high == 0
    assert crossed([Part(none, reach=1.0)]).high > 0.15
    all_found = crossed([Part(np.ones((3, 10)))]).as_share()
    assert (all_found.low, all_found.high) == pytest.approx(wilson(1.0, 10, all_found.quantile))


@pytest.mark.parametrize("shape", [(1, 5), (3, 0)])
def test_too_little_is_refused(shape):
    with pytest.raises(ValueError, match="at least 2 runs and 1 example"):
        crossed([Part(np.zeros(shape))])
