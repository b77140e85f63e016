"""Figures of an arm from its scores: those of `dguide read`, over runs, and paired."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from dguide.evaluate.reading.detection import Detection
from dguide.pilot.augment.figures import Judged, Scores, best, more_examples

RARE, GOOD = 2, (0, 1)
LABELS = np.arange(400) % 4  # class 3 is another defect: neither rare nor good


def judged(skill, seed=0, runs=3, most=0.05, noise=1.0):
    """An arm whose classifiers see each example in the same way, but for the noise of each run."""
    rng = np.random.default_rng(seed)
    parts = []
    for part in range(2):
        common = np.random.default_rng(part).normal(size=(400, 4)) + skill * np.eye(4)[LABELS]
        parts.append(
            [log_softmax(common + noise * rng.normal(size=(400, 4)), 1).astype(np.float32) for _ in range(runs)]
        )
    return Judged(Scores.of(parts[0], parts[1], RARE, GOOD), LABELS, LABELS, RARE, GOOD, most)


def test_thresholds_and_alarms_are_those_of_reading():
    arm = judged(2.0)
    asked = LABELS != 3
    for run in range(3):
        chosen = Detection(arm.scores.validation[run][asked], LABELS[asked] == RARE).for_false_alarms(0.05)
        found = Detection(arm.scores.test[run][asked], LABELS[asked] == RARE).at(chosen)
        assert arm.thresholds[run] == chosen
        assert arm.decisions.defects[run].mean() == pytest.approx(1 - found.misses.value)
        assert arm.decisions.good[run].mean() == pytest.approx(found.false_alarms.value)


def test_the_score_leaves_other_defects_out():
    """The log-odds of the rare class against the good ones do not depend on the probability of class 3."""
    logs = log_softmax(np.random.default_rng(0).normal(size=(400, 4)), 1)
    shifted = logs.copy()
    shifted[:, 3] += 5
    first, second = (Scores.of([each], [each], RARE, GOOD) for each in (logs, log_softmax(shifted, 1)))
    assert np.allclose(first.test, second.test)


def test_false_alarms_are_about_as_many_as_asked():
    figures = judged(1.0, most=0.2).figures
    assert 0.1 < figures.false_alarms.value < 0.3
    assert figures.recall.low < figures.recall.value < figures.recall.high


def test_a_nearly_perfect_area_has_an_interval_of_its_test_examples():
    area = judged(8.0, noise=0.3).figures.area
    assert area.value > 0.99
    assert 0.9 < area.low < area.value


def test_a_better_classifier_is_told_and_an_equal_one_is_not():
    old, new, same = judged(1.0), judged(3.0, seed=1), judged(1.0, seed=2)
    better = new.less(old)
    assert better.recall.low > 0
    assert better.area.low > 0
    equal = same.less(old)
    assert equal.recall.low < 0 < equal.recall.high
    assert equal.area.low < 0 < equal.area.high
    assert old.less(new).area.value == pytest.approx(-better.area.value)


def test_pairs_are_shorter_than_both_alone():
    old, new = judged(1.0, noise=0.1), judged(1.2, noise=0.1, seed=1)
    paired = new.less(old).area
    alone = sum((each.figures.area.high - each.figures.area.low) ** 2 for each in (old, new))
    assert paired.high - paired.low < 0.5 * math.sqrt(alone)


def test_the_arm_is_chosen_on_the_validation_part_only():
    good, bad = judged(3.0), judged(0.5)
    swapped = {name: replace(each, scores=Scores(other.scores.validation, each.scores.test, each.scores.predicted))
               for name, each, other in (("a", good, bad), ("b", bad, good))}  # fmt: skip
    assert best(swapped, ["a", "b"]) == "b"
    assert best({"a": good, "b": good}, ["a", "b"]) == "a"


def test_recall_of_a_group():
    arm = judged(2.0)
    first = np.arange(400) < 200
    both = [arm.recall_of(first), arm.recall_of(~first)]
    assert np.mean([each.value for each in both if each]) == pytest.approx(arm.figures.recall.value)
    assert arm.recall_of(LABELS == 0) is None


def test_too_few_good_examples_raise_no_alarm():
    few = judged(2.0, most=0.001)
    assert np.isinf(few.thresholds).all()
    assert few.figures.recall.value == 0


def test_a_part_without_the_rare_class_is_refused():
    arm = judged(2.0)
    with pytest.raises(ValueError, match="validation part: got no example of the rare class"):
        replace(arm, validation=np.where(LABELS == RARE, 0, LABELS))


def test_so_many_examples_tell_a_difference():
    apart = judged(1.3, seed=1).less(judged(1.0)).recall
    wide = replace(apart, value=0.02, low=-0.02, high=0.06, examples=100)
    assert more_examples(wide) == 300
    assert more_examples(replace(wide, value=0.0)) == math.inf
