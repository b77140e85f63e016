"""Advice says what the intervals say, in both languages."""

from __future__ import annotations

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import pytest

from dguide.evaluate import Evaluation, estimate
from dguide.evaluate.statistics.means import mean
from dguide.pilot.compare.advice import advice
from dguide.pilot.compare.detectable import detectable, samples_for
from dguide.pilot.compare.rows import compared
from dguide.pilot.compare.words import WORDS, figure_name
from dguide.pilot.report import differences
from tests.pilot.compare.made import evaluations


def rows(shifts, n=60, figures=1, better="lower"):
    judged = evaluations(shifts, n, np.random.default_rng(0), figures, better)
    return compared(judged, baseline="a", main="figure 0")


def test_both_languages_say_the_same() -> None:
    assert list(differences(WORDS)) == []
    with pytest.raises(ValueError, match="language"):
        figure_name("recall", "fr")


def test_the_best_of_the_better_settings_wins() -> None:
    found = rows({"a": 0.0, "b": -2.0, "c": -3.0, "d": 1.0})
    (row,) = [each for each in found if each.setting == "c"]
    _, low, high = row.gain
    said = advice(found)
    assert said.startswith(
        f"c beats a by {low:.3g} to {high:.3g} in figure 0 (95 % for all 3 comparisons together), at no extra cost."
    )
    assert said.endswith("Better than a too: b.")
    assert f"{low:.3g} \uff5e {high:.3g}" in advice(found, "ja")


def test_a_winner_with_other_calls_says_so_and_one_that_loses_elsewhere_too() -> None:
    found = rows({"a": 0.0, "b": -2.0}, figures=2)
    changed = [dataclasses.replace(row, calls=(8, 4)) if row.setting == "b" else row for row in found]
    worse = dataclasses.replace(changed[-1].figure, better="higher")
    apart = dataclasses.replace(changed[-1].difference, better="higher")
    said = advice([*changed[:-1], dataclasses.replace(changed[-1], figure=worse, difference=apart)])
    assert "with 12 network calls a batch instead of the 32 of a." in said
    assert "But it is worse in figure 1" in said
    assert said.count("(95 %)") == 2


def test_the_baseline_is_kept_if_all_others_are_worse() -> None:
    found = rows({"a": 0.0, "b": 2.0, "c": 3.0})
    assert advice(found).startswith("Keep a: every other setting is worse in figure 0, by at least 1.")
    assert "Worse: b. With 60 samples" in advice(rows({"a": 0.0, "b": 2.0, "c": 0.0}))


def test_no_difference_names_the_samples_that_would_find_one() -> None:
    found = rows({"a": 0.0, "b": 0.0})
    said, size = advice(found), detectable(found[1].difference)
    assert said.startswith("No difference found in figure 0 (95 %).")
    assert f"a difference of {size:.3g} in 80 of 100 tries" in said
    assert said.endswith("you need 240 samples.")  # half of the difference: four times the 60 samples
    assert advice(found, detect=size).endswith("you need 60 samples.")
    assert "サンプルが必要です" in advice(found, "ja")
    with pytest.raises(ValueError, match="difference to detect"):
        advice(found, detect=0.0)


def test_a_figure_that_held_out_data_limit_needs_more_of_them() -> None:
    found = rows({"a": 0.0, "b": 0.0}, figures=2)
    fewer = [dataclasses.replace(row.figure, count=20) if row.main else row.figure for row in found]
    limited = [dataclasses.replace(row, figure=each) for row, each in zip(found, fewer, strict=True)]
    assert "as many samples as there are held-out data" in advice(limited)
    assert "held-out" not in advice(found)


def test_the_number_of_samples_is_that_of_the_figure() -> None:
    """A figure of some of the samples, as a Fréchet distance of as many as held-out data."""
    source, some, judged = np.random.default_rng(0), np.arange(20), {}
    for name in "ab":
        values = source.normal(size=20)
        only = estimate(
            "figure 0", lambda rows, values=values: float(values[rows].mean()), 20, better="lower", members=some
        )
        judged[name] = Evaluation("toy", True, (only, mean("figure 1", source.normal(size=60))), 60, 0.0)
    said = advice(compared(judged, baseline="a", main="figure 0"))
    assert "With 20 samples" in said
    assert "you need 80 samples" in said


def test_what_cannot_decide_says_so() -> None:
    assert "cannot decide" in advice(rows({"a": 0.0, "b": 9.0}, better=""))
    assert "no interval" in advice(rows({"a": 0.0, "b": 9.0}, n=1))
    with pytest.raises(ValueError, match="at least two"):
        advice(rows({"a": 0.0}))


@pytest.mark.parametrize(("power", "level"), [(0.8, 0.95), (0.5, 0.99), (0.3, 0.8)])
def test_a_detectable_difference_is_found_as_often_as_it_says(power: float, level: float) -> None:
    source, n = np.random.default_rng(5), 200
    # In standard errors of a mean of n values of variance 1.
    size = (NormalDist().inv_cdf((1 + level) / 2) + NormalDist().inv_cdf(power)) / math.sqrt(n)
    found = [mean("x", size + source.normal(size=n), level=level) for _ in range(1000)]
    assert np.mean([each.low > 0 for each in found]) == pytest.approx(power, abs=0.05)
    assert np.median([detectable(each, power) for each in found]) == pytest.approx(size, rel=0.03)
    assert np.median([samples_for(each, size, power) for each in found]) == pytest.approx(n, rel=0.06)
    for wrong in (0.0, 1.0):
        with pytest.raises(ValueError, match="power"):
            detectable(found[0], wrong)
    with pytest.raises(ValueError, match="difference to detect"):
        samples_for(found[0], math.inf)
