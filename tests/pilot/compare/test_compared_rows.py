"""Differences from the baseline hold together, and claims are made of the main figure only."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dguide.evaluate import proportion
from dguide.pilot.compare.rows import compared
from tests.pilot.compare.made import evaluations

SAME = {"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0, "e": 0.0}


def test_no_more_than_a_twentieth_of_comparisons_of_equal_settings_claim_something() -> None:
    source, draws = np.random.default_rng(0), 400
    claims = alone = 0
    for _ in range(draws):
        judged = evaluations(SAME, 40, source)
        claims += any(row.verdict for row in compared(judged, baseline="a", main="figure 0"))
        alone += any(row.verdict for row in compared(judged, baseline="a", main="figure 0", family=1))
    assert proportion(claims, draws).low <= 0.05
    assert proportion(alone, draws).low > 0.06  # without the correction


def test_intervals_contain_the_differences_together() -> None:
    source, draws, shifts = np.random.default_rng(1), 400, {"a": 0.0, "b": 0.3, "c": -0.2}
    missed = {True: 0, False: 0}
    for _ in range(draws):
        rows = compared(evaluations(shifts, 40, source, 3), baseline="a", main="figure 1")
        apart = [(row.main, row.difference, shifts[row.setting]) for row in rows if row.difference]
        for main in missed:
            missed[main] += not all(each.low <= truth <= each.high for same, each, truth in apart if same is main)
    for count in missed.values():
        assert proportion(count, draws).low <= 0.05


def test_levels_are_those_of_the_two_families() -> None:
    judged = evaluations(SAME, 40, np.random.default_rng(2), 3)
    rows = compared(judged, baseline="c", main="figure 2")
    assert {row.difference.level for row in rows if row.main and row.difference} == {1 - 0.05 / 4}
    assert {row.difference.level for row in rows if not row.main and row.difference} == {1 - 0.05 / 8}
    assert {row.setting for row in rows if row.difference is None} == {"c"}
    early = compared({k: judged[k] for k in "abc"}, baseline="c", main="figure 2", family=4)
    late = {(row.setting, row.figure.name): row.difference for row in rows}
    assert all(row.difference == late[row.setting, row.figure.name] for row in early)


@pytest.mark.parametrize(("better", "verdict"), [("lower", "worse"), ("higher", "better"), ("", "")])
def test_better_is_what_the_figure_says(better: str, verdict: str) -> None:
    judged = evaluations({"a": 0.0, "b": 5.0}, 40, np.random.default_rng(3), better=better)
    row = compared(judged, baseline="a", main="figure 0")[1]
    assert row.verdict == verdict
    assert row.record()["verdict"] == verdict
    assert math.isnan(row.gain[0]) if not better else abs(row.gain[0]) == pytest.approx(5, abs=0.5)
    assert row.gain[1] < row.gain[0] < row.gain[2] or not better


def test_what_is_not_there_is_refused_by_name() -> None:
    judged = evaluations({"a": 0.0, "b": 0.0}, 40, np.random.default_rng(4))
    with pytest.raises(ValueError, match="unknown baseline"):
        compared(judged, baseline="x", main="figure 0")
    with pytest.raises(ValueError, match="unknown figure"):
        compared(judged, baseline="a", main="x")
    with pytest.raises(ValueError, match="error: got 1"):
        compared(judged, baseline="a", main="figure 0", error=1)
