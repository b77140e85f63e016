"""The intervals of readings contain the truth as often as they say, in the cases of studies/coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dguide.evaluate.statistics.areas import area, area_difference
from dguide.evaluate.statistics.losses import mean_difference, mean_loss
from studies.coverage.case import Case, simulate
from studies.coverage.reading import CASES

REPETITIONS = 200
BROKEN = 3.5 * math.sqrt(0.05 * 0.95 / REPETITIONS)
"""How far the coverage of 0.95 may be off by chance."""


DIFFERENCES = [case for case in CASES if "difference in log" in case.figure]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case not in DIFFERENCES], ids=lambda case: f"{case.figure}, {case.setting}"
)
def test_intervals_cover_as_often_as_they_say(case: Case) -> None:
    """Most are longer than they must be where mistakes are rare, as an exact interval of a share is."""
    for n in (size for size in case.sizes if size == 200 or (size < 50 and case.figure != "temperature")):
        found = simulate(case, n, REPETITIONS)
        if found.none < 0.5:
            assert found.coverage >= 0.95 - BROKEN, (n, found)
            assert found.narrowest > 0 or "range" in case.figure, (n, found)


@pytest.mark.parametrize("case", DIFFERENCES, ids=lambda case: case.setting)
def test_a_difference_in_log_loss_covers_where_few_draws_have_an_interval(case: Case) -> None:
    """Those that have one saw unusually many mistakes."""
    for n in (20, 50, 200):
        found = simulate(case, n, 400)
        intervals = round(400 * (1 - found.none))
        if intervals >= 20:
            assert found.coverage >= 0.95 - 3.5 * math.sqrt(0.05 * 0.95 / intervals), (n, found)


@pytest.mark.parametrize(("n", "most"), [(20, 0.65), (50, 0.27), (200, 0.067)])
def test_a_difference_of_areas_counts_the_doubt_about_both_once(n: int, most: float) -> None:
    """For two areas of 0.95 an interval from those of both has widths of 0.75, 0.33 and 0.07."""
    (case,) = [each for each in CASES if each.setting.startswith("areas 0.95 and 0.95") and "0.9" in each.setting[-3:]]
    found = simulate(case, n, 400)
    assert found.coverage >= 0.93
    assert 0 < found.narrowest < found.width < most


@pytest.mark.parametrize(("share", "most"), [(0.02, 2.0), (0.5, 2.0), (0.95, 2.0)])
def test_losses_of_one_size_have_the_interval_of_their_number(share: float, most: float) -> None:
    source = np.random.default_rng(0)
    for n in (20, 200):
        ends = np.array([mean_loss(most * (source.random(n) < share), most) for _ in range(400)])
        inside = (ends[:, 0] <= most * share) & (most * share <= ends[:, 1])
        assert inside.mean() > 0.93
        assert (ends >= 0).all()
        assert (ends <= most).all()
        assert (ends[:, 0] < ends[:, 1]).all()


def test_what_has_no_interval() -> None:
    for losses in ([], [1.0], [1.0, math.inf]):
        assert all(map(math.isnan, mean_loss(np.array(losses))))
    assert all(map(math.isnan, mean_difference(np.array([1.0]))))
    few = area(np.arange(9.0), np.arange(9) < 4)
    assert math.isnan(few.low)
    assert few.value == 0


def test_areas_count_ties_half_and_do_not_depend_on_the_scale() -> None:
    source = np.random.default_rng(0)
    scores, positive = source.integers(5, size=60).astype(float), np.arange(60) % 3 == 0
    found = area(scores, positive)
    first, second = scores[positive][:, None], scores[~positive]
    assert found.value == pytest.approx(((first > second) + 0.5 * (first == second)).mean())
    other, opposite = area(np.exp(scores), positive), area(-scores, positive)
    assert (other.low, other.high) == (found.low, found.high)
    assert (1 - opposite.high, 1 - opposite.low) == pytest.approx((found.low, found.high))
    low, high = area_difference(found, opposite)
    assert low < found.value - opposite.value < high
    parted = area(positive * 1.0, positive)
    assert (parted.value, parted.high) == (1, 1)
    assert parted.low < 0.9
