"""Intervals of other levels than 95 %: their quantiles, and how often they contain the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from dguide.evaluate import Estimate, Evaluation, estimate, paired_differences, proportion
from dguide.evaluate.evaluation import table
from dguide.evaluate.statistics.areas import area, area_difference
from dguide.evaluate.statistics.intervals import Hits
from dguide.evaluate.statistics.means import mean
from dguide.evaluate.statistics.variance import t_quantile, z_quantile

LEVELS = (0.8, 0.95, 0.99, 1 - 0.05 / 40)
DRAWS = 1500


@pytest.mark.parametrize("level", [*LEVELS, 1 - 1e-9])
def test_quantiles_are_those_of_scipy(level: float) -> None:
    assert z_quantile(level) == pytest.approx(norm.isf((1 - level) / 2))
    assert t_quantile(7, level) == pytest.approx(t.isf((1 - level) / 2, 7))


def test_a_level_is_between_0_and_1() -> None:
    for level in (0.0, 1.0, 95):
        with pytest.raises(ValueError, match="level: got"):
            z_quantile(level)
        with pytest.raises(ValueError, match="level: got"):
            t_quantile(3, level)


def pairs(kind: str, source: np.random.Generator) -> tuple[Evaluation, Evaluation, float]:
    """Two coupled sets of 60 samples, and the difference that is true of their figure."""
    common, own = source.normal(size=60), source.normal(size=(2, 60))
    first, second = common + own[0] + 0.3, common + own[1]
    if kind == "share":
        hits = [Hits(values > 0, np.arange(60)) for values in (first, second)]  # `share` would take most of the time
        made = [Estimate("x", each.hits.mean(), math.nan, math.nan, 60, statistic=each) for each in hits]
        truth = norm.cdf(0.3 / math.sqrt(2)) - 0.5
    elif kind == "mean":
        made, truth = [mean("x", values) for values in (first, second)], 0.3
    else:
        made = [
            estimate("x", lambda rows, values=values: float(values[rows].mean()) ** 3, 60, repetitions=0)
            for values in (first + 2, second + 2)
        ]
        # E mean^3 of n values with variance 2 is m^3 + 3 m * 2 / n, and the figure of n samples has that of n.
        truth = 2.3**3 - 2**3 + 3 * 0.3 * 2 / 60
    return *(Evaluation("toy", True, (each,), 60, 0.0) for each in made), truth


@pytest.mark.parametrize("kind", ["share", "mean", "halves"])
def test_paired_differences_contain_the_truth_as_often_as_the_level_says(kind: str) -> None:
    source, draws = np.random.default_rng(0), DRAWS // 10 if kind == "halves" else DRAWS
    missed = dict.fromkeys(LEVELS, 0)
    for _ in range(draws):
        first, second, truth = pairs(kind, source)
        for level in LEVELS:
            (found,) = paired_differences(first, second, repetitions=60, level=level)
            missed[level] += not found.low <= truth <= found.high
            assert found.level == level
    for level in LEVELS:
        # Too many misses, or too few, would be seen in one of 200 such tests if the level were exact.
        rate = proportion(missed[level], draws, confidence=0.995)
        assert rate.low <= 1 - level, (level, rate)
        assert level > 0.9 or rate.high >= 0.9 * (1 - level), (level, rate)


def test_the_difference_of_areas_is_longer_at_a_higher_level() -> None:
    source = np.random.default_rng(1)
    kinds = np.arange(80) % 2 == 0
    scores = source.normal(size=(2, 80)) + kinds
    found = [area(each, kinds) for each in scores]
    narrow, wide = area_difference(*found), area_difference(*found, level=0.99)
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(norm.isf(0.005) / norm.isf(0.025))


def test_a_table_names_the_level() -> None:
    apart = mean("x", np.arange(9.0), level=0.99)
    assert "99 % interval" in table([apart])[0]
    assert "95 % interval" in table([mean("x", np.arange(9.0))])[0]
