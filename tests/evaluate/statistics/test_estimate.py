from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from dguide.evaluate import estimate
from dguide.evaluate.points.distances import Normal
from dguide.evaluate.points.neighbours import Balls
from dguide.evaluate.statistics.halves import halves
from dguide.evaluate.texts.ngrams import divergence


def test_interval_of_a_mean_covers_as_often_as_it_says() -> None:
    source, covered = np.random.default_rng(0), 0
    for seed in range(200):
        points = source.exponential(size=60)
        found = estimate("mean", lambda rows, x=points: float(x[rows].mean()), 60, repetitions=100, seed=seed)
        covered += found.low <= 1 <= found.high
    assert 0.88 <= covered / 200 <= 0.98


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


def test_halves_keep_the_sizes_of_groups() -> None:
    groups = np.array([0] * 10 + [7] * 30)
    share = lambda rows: float((groups[rows] == 7).mean())  # noqa: E731
    assert "the same for all halves" in estimate("share", share, 40, strata=groups).note
    assert estimate("share", share, 40).low < 0.7


def test_depends_on_the_seed_alone() -> None:
    points = np.random.default_rng(0).normal(size=50)
    one, same, other = (estimate("mean", lambda rows: float(points[rows].mean()), 50, seed=seed) for seed in (1, 1, 2))
    assert (one.low, one.high) == (same.low, same.high) != (other.low, other.high)


def test_what_has_no_interval() -> None:
    for found in (
        estimate("one", lambda rows: 1.0, 5),
        estimate("none", lambda rows: math.nan, 5),
        estimate("no halves", lambda rows: float(rows.mean()), 5, repetitions=0),
        estimate("one sample", lambda rows: float(rows.mean()), 1),
    ):
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    with pytest.raises(ValueError, match="at least one"):
        halves(lambda rows: 1.0, 0)
    with pytest.raises(ValueError, match="a group for each"):
        estimate("groups", lambda rows: 1.0, 5, strata=np.zeros(4, dtype=np.int64))
