from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from dguide.evaluate import Detection, Reading, defect_score, novelty_score


def normals(count: int, shift: float, seed: int = 0) -> Detection:
    """Scores of two normal laws, of which that with a defect is shifted."""
    source = np.random.default_rng(seed)
    defect = np.arange(count) % 4 == 0
    return Detection(source.normal(size=count) + shift * defect, defect)


def test_two_normal_laws_have_the_curve_that_they_must_have() -> None:
    found, unit = normals(40_000, 2.0), NormalDist()
    area = found.area(repetitions=20)
    assert area.value == pytest.approx(unit.cdf(2 / math.sqrt(2)), abs=0.005)
    assert area.value == pytest.approx(roc_auc_score(found.defect, found.scores))
    assert area.low < area.value < area.high
    curve = found.curve()
    assert (curve.false_alarms[0], curve.misses[0]) == (0, 1)
    assert (curve.false_alarms[-1], curve.misses[-1]) == (1, 0)
    for share in (0.01, 0.1, 0.5):
        miss = np.interp(share, curve.false_alarms, curve.misses)
        assert miss == pytest.approx(unit.cdf(unit.inv_cdf(1 - share) - 2), abs=0.02)


def test_thresholds_keep_their_promise_and_are_the_best_that_do() -> None:
    found = normals(1000, 1.0)
    for most in (0.0, 0.01, 0.05, 0.3):
        threshold = found.for_false_alarms(most)
        point = found.at(threshold)
        assert point.false_alarms.value <= most
        assert found.at(np.nextafter(threshold, -np.inf)).false_alarms.value > most
        threshold = found.for_misses(most)
        assert found.at(threshold).misses.value <= most
        assert found.at(found.bad[found.bad > threshold][0]).misses.value > most


def test_thresholds_hold_on_other_sequences_within_their_interval() -> None:
    point = normals(4000, 2.0, seed=1).at(normals(4000, 2.0, seed=2).for_false_alarms(0.05))
    assert point.false_alarms.low < 0.05 < point.false_alarms.high
    assert point.false_alarms.count + point.misses.count == 4000


def test_ties_raise_no_more_alarms_than_allowed() -> None:
    found = Detection(np.array([0.0] * 9 + [1.0]), np.array([False] * 5 + [True] * 5))
    assert found.at(found.for_false_alarms(0.1)).false_alarms.value == 0
    assert found.at(found.for_misses(0.1)).misses.value == 0


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
    assert found.area(repetitions=0).value == 1
    assert found.at(found.for_false_alarms(0)).misses.value == 0


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
        with pytest.raises(ValueError, match="share of false alarms"):
            Detection(scores, both).for_false_alarms(share)
