from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from dguide.evaluate import bootstrap, estimate
from dguide.evaluate.points.distances import Normal
from dguide.evaluate.points.neighbours import Balls
from dguide.evaluate.texts.ngrams import divergence


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


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7])
def test_spread_of_a_mean_is_right_for_small_groups(size: int) -> None:
    """The interval of a mean of groups is the usual one: the variance within them, with n - 1, over their size."""
    points = np.random.default_rng(size).normal(size=(4, size)) + 10 * np.arange(4)[:, None]
    groups, flat = np.repeat(np.arange(4), size), points.ravel()
    low, high = bootstrap(
        lambda rows: float(flat[rows].mean()), len(flat), flat.mean(), strata=groups, repetitions=4000
    )
    error = math.sqrt(points.var(1, ddof=1).mean() / size / 4)
    assert (high - low) / (2 * 1.96) == pytest.approx(error, rel=0.06)


def test_one_sample_of_each_group_has_no_interval() -> None:
    points = np.arange(3.0)
    mean = lambda rows: float(points[rows].mean())  # noqa: E731
    assert all(math.isnan(x) for x in bootstrap(mean, 1, 0.0))
    assert all(math.isnan(x) for x in bootstrap(mean, 3, 1.0, strata=np.arange(3)))
    low, high = bootstrap(mean, 3, 1.0, strata=np.array([0, 0, 1]))
    assert low < 1 < high
    points = np.array([1.0, 1.0, 0.0, 9.0])  # two groups of one do vary, if only as one group
    low, high = bootstrap(mean, 4, 2.75, strata=np.array([0, 0, 1, 2]))
    assert high - low > 3


def normal(source: np.random.Generator) -> tuple[Callable[[np.ndarray], float], float]:
    real, drawn = Normal(np.zeros(6), np.eye(6)), source.normal(size=(60, 6))
    return lambda rows: real.distance(Normal.of(drawn[rows])), 2.0


def letters(source: np.random.Generator) -> tuple[Callable[[np.ndarray], float], float]:
    law = 1 / np.arange(1, 301)
    law /= law.sum()
    drawn = source.choice(300, (60, 20), p=law)
    return lambda rows: divergence(np.bincount(drawn[rows].ravel(), minlength=300) / (20 * len(rows)), law), 1.5


def support(source: np.random.Generator) -> tuple[Callable[[np.ndarray], float], float]:
    # The real points stay: a figure of new samples differs by these alone.
    real, drawn = np.random.default_rng(1).normal(size=(60, 4)), source.normal(size=(60, 4))
    return Balls(real, drawn, 5).density, 2.0


@pytest.mark.parametrize("figure", [normal, letters, support])
def test_intervals_of_figures_with_a_bias_cover_and_are_not_too_wide(
    figure: Callable[[np.random.Generator], tuple[Callable[[np.ndarray], float], float]],
) -> None:
    source, everything = np.random.default_rng(0), np.arange(60)
    expected = [figure(source)[0](everything) for _ in range(300)]
    covered, widths = 0, []
    for seed in range(60):
        statistic, most = figure(source)
        found = estimate("figure", statistic, 60, repetitions=40, seed=seed)
        covered += found.low <= np.mean(expected) <= found.high
        widths.append((found.high - found.low) / (2 * 1.96))
    assert covered >= 53
    assert 0.9 < np.mean(widths) / np.std(expected) < most


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
