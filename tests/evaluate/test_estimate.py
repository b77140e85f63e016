from __future__ import annotations

import math

import numpy as np
import pytest

from dguide.evaluate import bootstrap, estimate


def test_interval_of_a_mean_covers_as_often_as_it_says() -> None:
    source, covered = np.random.default_rng(0), 0
    for seed in range(200):
        points = source.exponential(size=60)
        found = estimate("mean", lambda rows, x=points: float(x[rows].mean()), 60, repetitions=100, seed=seed)
        covered += found.low <= 1 <= found.high
    assert 0.88 <= covered / 200 <= 0.98


def test_interval_does_not_inherit_the_bias_of_repeated_points() -> None:
    """The smallest distance is zero as soon as a point stands in the sample twice: it always does."""
    points = np.arange(30.0)
    low, high = bootstrap(lambda rows: float(np.diff(np.sort(points[rows])).min()), 30, 1.0)
    assert (low, high) == (1.0, 1.0)


def test_groups_keep_their_sizes() -> None:
    groups = np.array([0] * 10 + [7] * 30)
    assert bootstrap(lambda rows: float((groups[rows] == 7).sum()), 40, 30.0, strata=groups) == (30.0, 30.0)
    low, high = bootstrap(lambda rows: float((groups[rows] == 7).sum()), 40, 30.0)
    assert low < 27
    assert high > 33
    seen = np.zeros(40)

    def count(rows: np.ndarray) -> float:
        np.add.at(seen, rows, 1)
        return 0.0

    bootstrap(count, 40, 0.0, strata=groups, repetitions=500)
    assert 430 < seen.min() <= seen.max() < 570  # all of them equally often: 500 expected, deviation 22


def test_depends_on_the_seed_alone() -> None:
    points = np.random.default_rng(0).normal(size=50)
    one, same, other = (bootstrap(lambda rows: float(points[rows].mean()), 50, 0.0, seed=seed) for seed in (1, 1, 2))
    assert one == same != other


def test_what_has_no_interval() -> None:
    assert all(math.isnan(x) for x in bootstrap(lambda rows: 1.0, 5, 1.0, repetitions=0))
    assert all(math.isnan(x) for x in bootstrap(lambda rows: math.nan, 5, 1.0))
    assert all(math.isnan(x) for x in bootstrap(lambda rows: 1.0, 5, math.nan))
    with pytest.raises(ValueError, match="at least one"):
        bootstrap(lambda rows: 1.0, 0, 1.0)
    with pytest.raises(ValueError, match="a group for each"):
        bootstrap(lambda rows: 1.0, 5, 1.0, strata=np.zeros(4, dtype=np.int64))
