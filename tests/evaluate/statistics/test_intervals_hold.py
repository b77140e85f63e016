"""Intervals contain the truth as often as they say, and none has no width."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dguide.evaluate import Evaluation, estimate, paired_differences
from dguide.evaluate.statistics.halves import halves
from dguide.evaluate.statistics.intervals import dependent_share, distinct_share, quantile, share
from dguide.evaluate.statistics.means import mean, mean_interval
from studies.coverage.case import simulate
from studies.coverage.samples import CASES

FAST = {"mean of a property", "50 % quantile", "unique", "recall", "samples - held-out data", "paired difference"}
MOST = 200
"""The largest number of samples here; the study has all."""
CHOSEN = [
    (case, n)
    for case in CASES
    for n in case.sizes
    if case.figure in FAST and 20 <= n <= MOST
    if "Fréchet" not in case.setting and (case.figure, n) != ("recall", 200) and "recall, " not in case.setting
]


@pytest.mark.parametrize(("case", "n"), CHOSEN, ids=[f"{case.figure}, {case.setting}, {n}" for case, n in CHOSEN])
def test_intervals_contain_the_truth(case, n: int) -> None:
    found = simulate(case, n, 100)
    if found.none < 1:
        assert found.high > 0.93
        assert found.narrowest > 0


@pytest.mark.parametrize("n", [20, 200])
def test_means_of_skewed_values_hold(n: int) -> None:
    """Their usual intervals lie below the truth: of 20 exponential values in 7 %, of lognormal ones in 13 %."""
    for law, most in (("exponential", 0.045), ("lognormal", 0.08), ("Student's, 3 degrees of freedom", 0.045)):
        (case,) = [each for each in CASES if (each.figure, each.setting) == ("mean of a property", law)]
        found = simulate(case, n, 1000)
        assert max(found.below, found.above) < most + 3 * math.sqrt(most / 1000), (law, found)


def test_groups_of_fixed_sizes_add_nothing_to_the_interval_of_a_mean() -> None:
    values, groups = np.random.default_rng(0).normal(size=(5, 8)), np.repeat(np.arange(6), 8)[8:]
    apart = 10 * groups + values.ravel()
    low, high = mean_interval(apart, groups)
    error = math.sqrt(values.var(1, ddof=1).mean() / 40)
    assert 1 < (high - low) / (2 * 1.96 * error) < 1.15
    alone = mean_interval(np.array([1.0, 2.0, 3.0]), np.arange(3))
    assert alone == mean_interval(np.array([1.0, 2.0, 3.0]))
    assert all(map(math.isnan, mean_interval(np.array([1.0]))))


@pytest.mark.parametrize("n", [3, 4, 20])
def test_equal_samples_have_an_interval_with_a_width_or_none(n: int) -> None:
    equal = np.full(n, 2.0)
    for found in (
        estimate("mean", lambda rows: float(equal[rows].mean()), n),
        mean("mean", equal),
        quantile("median", equal, 50),
        distinct_share("unique", equal),
        distinct_share("unique", np.arange(n)),
        share("share", equal > 1),
        dependent_share("coverage", lambda rows: 1.0, 50, n, fixed=True),
    ):
        assert "no interval" in found.note if np.isnan(found.low) else found.low < found.high
        assert not found.low < 0 or found.name == "mean"


def test_pairs_are_narrower_than_independent_sets() -> None:
    source = np.random.default_rng(0)
    common = source.normal(size=200)
    sets = [common + part for part in 0.1 * source.normal(size=(2, 200))]
    first, second = (Evaluation("toy", True, (mean("mean", x),), 200, 0.0) for x in sets)
    (found,) = paired_differences(first, second)
    assert found.value == pytest.approx(sets[0].mean() - sets[1].mean())
    low, high = first["mean"].beside(second["mean"]).difference
    assert high - low > 5 * (found.high - found.low)
    with pytest.raises(ValueError, match="Draw both sets"):
        paired_differences(first, Evaluation("toy", True, (), 100, 0.0))


def test_pairs_of_some_samples_are_halved_among_these_alone() -> None:
    """The same seed selects the samples of a figure: halves by that very order had all of them, or none."""
    samples, seed = 400, 3
    members = np.sort(np.random.default_rng(seed).permutation(samples)[:60])
    sizes: list[int] = []

    def median(values: np.ndarray):
        def of(rows: np.ndarray) -> float:
            sizes.append(len(rows))
            return float(np.median(values[rows]))

        return estimate("median", of, 60, members=members, repetitions=0)

    first, second = (
        Evaluation("toy", True, (median(values),), samples, 0.0)
        for values in np.random.default_rng(0).normal(size=(2, 60))
    )
    sizes.clear()
    (found,) = paired_differences(first, second, strata=np.arange(samples) % 4, seed=seed)
    assert found.count == 60
    assert all(26 <= size <= 30 or size == 60 for size in sizes), sizes
    assert found.low < found.value < found.high
    chosen = [np.isin(members, rows).sum() for rows in halved(samples, seed)]
    assert all(15 < number < 45 for number in chosen), chosen


def halved(samples: int, seed: int) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    halves(lambda rows: found.append(rows) or 0.0, samples, repetitions=10, seed=seed)
    return found
