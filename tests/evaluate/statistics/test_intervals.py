"""Intervals without draws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dguide.evaluate.statistics.intervals import distinct_share, jackknife, share
from dguide.evaluate.statistics.variance import t_quantile


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=50)
    left_out = (values.sum() - values) / 49
    found = jackknife("mean", values.mean(), left_out)
    assert found.high - found.value == pytest.approx(t_quantile(49) * values.std(ddof=1) / math.sqrt(50))
    assert found.value - found.low == pytest.approx(found.high - found.value)
    assert math.isnan(jackknife("mean", 1.0, np.array([math.nan])).low)


def test_jackknife_keeps_to_what_a_figure_can_be_and_does_without_what_is_not_there() -> None:
    found = jackknife("share", 0.95, np.array([0.9, 1.0, 0.9, 1.0]), bounds=(0, 1))
    assert (found.high, found.low) == (1, pytest.approx(max(0, 0.95 - t_quantile(3) * math.sqrt(3) * 0.05)))
    some = jackknife("share", 0.5, np.array([0.4, math.nan, 0.6, 0.5]))
    assert some.high - 0.5 == pytest.approx(t_quantile(3) * math.sqrt(3 * np.var([0.4, 0.6, 0.5])))
    single = jackknife("share", 0.5, np.array([0.5, math.nan, 0.5]), bounds=(0, 1))  # one sample makes the figure
    assert math.isnan(single.low)
    assert math.isnan(single.high)


def test_distinct_share_counts_and_its_interval_is_a_little_wide() -> None:
    assert distinct_share("unique", ["a", "b", "a", "a"]).value == 0.5
    source = np.random.default_rng(0)
    law = 1 / np.arange(1, 401)
    drawn = [distinct_share("unique", source.choice(400, 300, p=law / law.sum())) for _ in range(200)]
    spread = np.std([each.value for each in drawn])
    stated = np.mean([each.high - each.low for each in drawn]) / (2 * 1.96)
    assert 1 < stated / spread < 1.8


def test_shares_where_all_are_equal_or_none_is_there() -> None:
    every = distinct_share("unique", [str(k) for k in range(1000)])
    assert (every.value, every.high) == (1, 1)
    assert 0.98 < every.low < 1
    assert (share("hit", np.array([True, False, True, True])).value) == 0.75
    for none in (share("hit", np.empty(0, dtype=np.bool_)), distinct_share("unique", [])):
        assert math.isnan(none.value)
        assert none.count == 0
