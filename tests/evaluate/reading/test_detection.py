from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from dguide.evaluate import Detection, Reading, defect_score, novelty_score
from dguide.evaluate.statistics.thresholds import needed


def normals(count: int, shift: float, seed: int = 0) -> Detection:
    """Scores of two normal laws, of which that with a defect is shifted."""
    source = np.random.default_rng(seed)
    defect = np.arange(count) % 4 == 0
    return Detection(source.normal(size=count) + shift * defect, defect)


def test_two_normal_laws_have_the_curve_that_they_must_have() -> None:
    found, unit = normals(40_000, 2.0), NormalDist()
    area = found.area()
    assert area.value == pytest.approx(unit.cdf(2 / math.sqrt(2)), abs=0.005)
    assert area.value == pytest.approx(roc_auc_score(found.defect, found.scores))
    assert area.low < area.value < area.high
    curve = found.curve()
    assert (curve.false_alarms[0], curve.misses[0]) == (0, 1)
    assert (curve.false_alarms[-1], curve.misses[-1]) == (1, 0)
    for share in (0.01, 0.1, 0.5):
        miss = np.interp(share, curve.false_alarms, curve.misses)
        assert miss == pytest.approx(unit.cdf(unit.inv_cdf(1 - share) - 2), abs=0.02)


@pytest.mark.parametrize("count", [18, 50, 100])
@pytest.mark.parametrize("most", [0.01, 0.05, 0.3])
def test_thresholds_keep_their_promise_on_other_sequences(count: int, most: float) -> None:
    """In the mean over draws of the sequences that they are chosen on, and use up what they may."""
    source, unit = np.random.default_rng(count), NormalDist()
    alarms, misses = [], []
    for _ in range(2000):
        scores = source.normal(size=2 * count)
        found = Detection(scores, np.arange(2 * count) < count)
        high, low = found.for_false_alarms(most), found.for_misses(most)
        alarms.append(1 - unit.cdf(high) if high < math.inf else 0.0)
        misses.append(unit.cdf(low) if low > -math.inf else 0.0)
    for rates in (alarms, misses):
        reach = 4 * np.std(rates) / math.sqrt(len(rates))
        assert np.mean(rates) <= most + reach
        if count < needed(most):
            assert np.mean(rates) == 0
        else:
            assert np.mean(rates) == pytest.approx(math.floor(most * (count + 1) + 1e-9) / (count + 1), abs=reach)


def test_thresholds_are_the_best_that_keep_their_promise() -> None:
    found = normals(1000, 1.0)
    good, defects = len(found.good), len(found.bad)
    for most in (0.01, 0.05, 0.3):
        threshold = found.for_false_alarms(most)
        more = found.at(np.nextafter(threshold, -np.inf)).false_alarms.value * good + 1
        assert (more - 1) / (good + 1) <= most < more / (good + 1)
        threshold = found.for_misses(most)
        more = found.at(found.bad[found.bad > threshold][0]).misses.value * defects + 1
        assert (more - 1) / (defects + 1) <= most < more / (defects + 1)


@pytest.mark.parametrize(("most", "least"), [(0.01, 99), (0.05, 19), (0.07, 14), (0.3, 3)])
def test_so_many_sequences_are_needed_and_no_more(most: float, least: int) -> None:
    assert needed(most) == least
    for count in (least - 1, least):
        scores = np.arange(2.0 * count)
        found = Detection(scores, scores < count)
        assert (found.for_misses(most) > -math.inf) == (count == least)
        assert (found.for_false_alarms(most) < math.inf) == (count == least)
    assert needed(0) == math.inf


def test_too_few_sequences_promise_by_raising_no_alarm_or_nothing_but_alarms() -> None:
    found = normals(40, 2.0)
    point = found.at(found.for_false_alarms(0.01))
    assert (point.false_alarms.value, point.misses.value) == (0, 1)
    point = found.at(found.for_misses(0.01))
    assert (point.false_alarms.value, point.misses.value) == (1, 0)


def test_thresholds_hold_on_other_sequences_within_their_interval() -> None:
    point = normals(4000, 2.0, seed=1).at(normals(4000, 2.0, seed=2).for_false_alarms(0.05))
    assert point.false_alarms.low < 0.05 < point.false_alarms.high
    assert point.false_alarms.count + point.misses.count == 4000


def test_ties_raise_no_more_alarms_than_allowed() -> None:
    found = Detection(np.array([0.0] * 9 + [1.0]), np.array([False] * 5 + [True] * 5))
    assert found.at(found.for_false_alarms(0.2)).false_alarms.value == 0
    assert found.at(found.for_misses(0.2)).misses.value == 0


@pytest.mark.parametrize("score", ["odds", "novelty"])
def test_shuffled_labels_are_told_apart_by_chance(score: str) -> None:
    source = torch.Generator().manual_seed(3)
    defect = torch.arange(2000) % 2
    nats = 5 * torch.rand(2000, 3, generator=source, dtype=torch.float64)
    nats[:, 0] += 3 * defect
    reading = Reading(nats, torch.full((3,), 1 / 3, dtype=torch.float64).log(), torch.zeros(2000), 1)
    scores = (defect_score if score == "odds" else novelty_score)(reading, 0)
    assert Detection.of(scores, defect).area().value > 0.75
    shuffled = Detection.of(scores, defect[torch.randperm(2000, generator=source)]).area()
    assert shuffled.low < 0.5 < shuffled.high
    assert shuffled.value == pytest.approx(0.5, abs=0.05)


def test_scores_are_odds_and_bounds() -> None:
    nats = torch.tensor([[1.0, 3.0, 2.0], [5.0, 1.0, 1.0]], dtype=torch.float64)
    prior = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    reading = Reading(nats, prior.log(), torch.zeros(2), 1)
    p = prior * (-nats).exp()
    expected = ((p[:, 0] + p[:, 2]) / p[:, 1]).log()
    assert torch.allclose(defect_score(reading, 1), expected)
    assert torch.equal(novelty_score(reading, 0), nats[:, 0])
    for score in (defect_score, novelty_score):
        with pytest.raises(ValueError, match="a class from 0 to 2"):
            score(reading, 3)


def test_infinite_scores_are_the_highest() -> None:
    found = Detection.of(torch.tensor([-math.inf, 0.0, 1.0, math.inf]), torch.tensor([0, 0, 1, 1]))
    assert found.area().value == 1
    assert found.at(found.for_false_alarms(0.4)).misses.value == 0
    worthless = Detection(np.full(10, -math.inf), np.arange(10) < 5)
    assert worthless.at(worthless.for_false_alarms(0.2)).false_alarms.value == 0
    assert worthless.at(worthless.for_misses(0.2)).misses.value == 0


def test_bad_input_is_refused() -> None:
    scores, both = np.array([0.0, 1.0]), np.array([True, False])
    for arguments, words in (
        ((scores, np.array([True])), "one for each"),
        ((scores, np.array([True, True])), "both kinds"),
        ((scores, np.array([False, False])), "both kinds"),
        ((np.array([0.0, np.nan]), both), "1 nan"),
    ):
        with pytest.raises(ValueError, match=words):
            Detection(*arguments)
    for share in (-0.1, 1.0):
        with pytest.raises(ValueError, match="share of mistakes"):
            Detection(scores, both).for_false_alarms(share)


@pytest.mark.parametrize(("most", "least"), [(0.05, 59), (0.01, 299)])
@pytest.mark.parametrize("more", [0, 1, 150])
def test_a_promise_with_confidence_is_kept_by_19_of_20_thresholds_and_by_no_more_than_it_must(most, least, more):
    """The share of alarms of a threshold among uniform scores is known, and that of false alarms and misses alike."""
    source, count, repetitions = np.random.default_rng(least + more), least + more, 500
    assert needed(most, 0.95) == least
    shares = []
    for _ in range(repetitions):
        found = Detection(source.random(2 * count), np.arange(2 * count) < count)
        shares.append((1 - found.for_false_alarms(most, 0.95), found.for_misses(most, 0.95)))
    broken = (np.array(shares) > most).mean(0)
    assert (broken < 0.05 + 4 * math.sqrt(0.05 / repetitions)).all()
    good = np.sort(found.good)[::-1]
    wrong = int((good > found.for_false_alarms(most, 0.95)).sum())
    assert binom.cdf(wrong, count, most) <= 0.05 < binom.cdf(wrong + 1, count, most)


def test_a_promise_about_the_mean_is_broken_by_many_thresholds_and_one_with_confidence_takes_more_sequences() -> None:
    source = np.random.default_rng(0)
    shares = [1 - Detection(source.random(200), np.arange(200) < 100).for_false_alarms(0.05) for _ in range(2000)]
    assert 0.3 < np.mean(np.array(shares) > 0.05) < 0.55
    few = Detection(np.arange(116.0), np.arange(116) < 58)
    assert (few.for_false_alarms(0.05, 0.95), few.for_misses(0.05, 0.95)) == (math.inf, -math.inf)
    assert math.isfinite(few.for_false_alarms(0.05))
    for confidence in (0.0, 1.0):
        with pytest.raises(ValueError, match="confidence"):
            few.for_false_alarms(0.05, confidence)


def test_scores_of_other_sequences_are_not_compared() -> None:
    one, other = normals(40, 1.0), Detection(np.arange(40.0), np.arange(40) < 20)
    with pytest.raises(ValueError, match="the same for both"):
        one.difference(other)
    assert one.difference(one).value == 0
    assert "no interval with fewer than 5 of a kind" in normals(8, 1.0).area().note
    few = normals(8, 1.0)
    assert math.isnan(few.difference(few).low)
    assert math.isnan(few.difference(few).high)
