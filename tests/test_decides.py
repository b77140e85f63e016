"""The study of what decides: gains, the rule and its score do what the page says of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from studies.decides import real
from studies.decides.case import QUESTIONS, Case, Gain, gains, jsonable
from studies.decides.measured import check_weights
from studies.decides.rule import FEATURES, Rule
from studies.decides.score import Pair, alone, left_out, pairs, score
from studies.evidence.decides import EVIDENCE
from studies.evidence.models import weights

CONSTANT = next(iter(QUESTIONS))


def case(source="exact", crowding=0.0, strength=0.0, value=0.0, error=0.0, name="a | 0 | none", noise=0.0):
    signals = {"crowding": crowding, "orders": 0.0, "error": noise, "strength": strength}
    return Case(source, name, 3.0, 16, signals, {CONSTANT: Gain(value, error)})


def test_a_gain_is_the_log_ratio_of_two_distances_with_their_errors():
    distance = {("Normalized", "constant"): (1.0, 0.1), ("Unlocking", "constant"): (2.0, 0.4)}
    gain = gains(distance)[CONSTANT]
    assert gain.value == pytest.approx(math.log(2))
    assert gain.error == pytest.approx(math.hypot(0.1, 0.2))
    assert gains(distance, {frozenset(distance): 0.05})[CONSTANT].error == 0.05
    assert list(gains(distance)) == [CONSTANT]


@pytest.mark.parametrize(("error", "decided"), [(0.0, True), (0.1, True), (0.2, False), (math.nan, True)])
def test_a_gain_is_decided_if_it_is_beyond_its_errors(error, decided):
    assert Gain(-0.3, error).decided is decided
    assert not Gain(0.05, math.nan).decided


def test_the_rule_finds_the_signal_that_decides_and_says_nothing_without_signals():
    cases = [case(crowding=x, strength=(7 * x) % 1, value=2 * x) for x in (i / 50 for i in range(10, 200))]
    rule = Rule.fit(cases, CONSTANT)
    assert rule(case(crowding=2.0, strength=0.5)) == pytest.approx(4.0, rel=0.03)
    assert rule(case()) == 0.0
    # Beyond what was fitted it does not extrapolate.
    assert rule(case(crowding=100.0)) == rule(case(crowding=3.98))
    assert len(rule.coefficients) == len(FEATURES)


def test_each_source_has_the_same_weight():
    many = [case(crowding=1.0, value=1.0) for _ in range(1000)]
    few = [case("kernel", crowding=1.0, value=0.0) for _ in range(10)]
    assert Rule.fit([*many, *few], CONSTANT)(case(crowding=1.0)) == pytest.approx(0.5, abs=0.01)


def test_the_score_is_that_of_decided_signs_by_data_set():
    found = [
        *(Pair(case("one", value=1.0), CONSTANT, 1.0) for _ in range(3)),
        Pair(case("one", value=-1.0), CONSTANT, 1.0),
        *(Pair(case("two", value=-1.0), CONSTANT, -1.0) for _ in range(2)),
        Pair(case("two", value=0.1, error=1.0), CONSTANT, -1.0),
    ]
    got = score(found)
    assert (got.rule.value, got.rule.right, got.rule.count, got.rule.groups) == (0.875, 5, 6, 2)
    assert got.trivial.value == pytest.approx(0.375)
    assert got.pairs == 7
    assert (got.rule.low, got.rule.high) == (0.0, 1.0)  # two groups say little


def test_the_rule_is_compared_with_the_trivial_predictor_by_data_set():
    found = [
        Pair(case("one", value=-1.0), CONSTANT, -1.0),
        *(Pair(case("two", value=1.0), CONSTANT, 1.0) for _ in "abc"),
    ]
    assert score(found).better[0] == pytest.approx(0.5)  # right in one data set of two in which the other is wrong
    undecided = score([Pair(case(value=0.1, error=1.0), CONSTANT, 1.0)])
    assert (undecided.rule, undecided.trivial, undecided.better) == (None, None, None)


def test_a_single_signal_is_ranked_with_the_gains():
    cases = [case(crowding=i, strength=-i, noise=(7 * i) % 5, value=i) for i in range(20)]
    for each in cases:
        del each.signals["orders"]  # all alike
    found = alone(cases, CONSTANT)
    assert found["crowding"].value == pytest.approx(1)
    assert found["strength"].value == pytest.approx(-1)


def test_a_case_survives_the_file():
    told = case(crowding=0.25, value=1.0, error=math.nan)
    kept = json.loads(json.dumps(jsonable(told.record()), allow_nan=False))
    assert Case.of(kept).signals == told.signals
    assert math.isnan(Case.of(kept).gains[CONSTANT].error)


def test_what_is_left_out_is_not_seen():
    known = [case(crowding=1.0, value=1.0) for _ in range(50)]
    real_cases = [case(name, crowding=1.0, value=-5.0) for name in ("one", "two") for _ in range(50)]
    unseen = pairs(known, real_cases)
    assert all(pair.predicted == pytest.approx(1.0, abs=0.05) for pair in unseen)
    # Of the two data sets each is predicted from the other one and from the known problems.
    assert all(pair.predicted == pytest.approx(-2.0, abs=0.1) for pair in left_out(known, real_cases))


def test_known_problems_are_left_out_by_kind():
    assert case(name="mixture, sure | 3 | independent, 0.2").group == "mixture, sure"
    assert case("digits", name="digits-masked").group == "digits"


def grid(tmp_path, figure, values, better="lower"):
    cells, level = [], 0.99
    for (mechanism, schedule), value in values.items():
        told = {"name": figure, "value": value, "low": value - 0.1, "high": value + 0.1, "better": better}
        cells.append({"mechanism": mechanism, "schedule": schedule, "mean": 3.0, "steps": 16, "figures": [told]})
    cells.append({"mechanism": "Normalized", "schedule": "none", "mean": 0.0, "steps": 16, "figures": []})
    keys = [["Normalized", "constant", 3.0, 16], ["Unlocking", "constant", 3.0, 16]]
    tests = [{"name": "a", "cells": keys, "difference": -3.0, "low": -4.0, "high": -2.0, "level": level}]
    text = {"model": "digits-masked", "sha256": "0", "figure": figure, "cells": cells, "hypotheses": tests}
    (tmp_path / "grid-digits-masked.json").write_text(json.dumps(text))
    return real.outcomes(tmp_path)


def test_a_grid_is_read_with_its_paired_differences(tmp_path):
    values = {("Normalized", "constant"): 1.0, ("Unlocking", "constant"): 4.0, ("Normalized", "ramp-up"): 0.5}
    (outcome,) = grid(tmp_path, "Fréchet distance", values)
    assert (outcome.model, outcome.weight, outcome.steps) == ("digits-masked", 3.0, 16)
    gain = outcome.gains()[CONSTANT]
    assert gain.value == pytest.approx(math.log(4) / 2)  # a squared distance
    # 1 is 2.576 standard errors at the level of 99 %; the log of the root has half the relative error
    assert gain.error == pytest.approx(1 / 2.576 / 2 / 2, rel=1e-3)
    assert set(outcome.gains()) == {CONSTANT, "late or constant, Normalized"}


def test_outcomes_of_other_weights_are_refused(tmp_path):
    (outcome,) = grid(tmp_path, "valid", {("Normalized", "constant"): 0.9, ("Unlocking", "constant"): 0.8})
    with pytest.raises(SystemExit, match="other weights of digits-masked"):
        check_weights("digits-masked", [outcome])
    check_weights("digits-masked", [replace(outcome, sha256=weights("digits-masked"))])


def test_a_share_counts_by_what_it_lacks(tmp_path):
    values = {("Normalized", "constant"): 0.9, ("Unlocking", "constant"): 0.8}
    (outcome,) = grid(tmp_path, "valid", values, better="higher")
    assert outcome.gains()[CONSTANT].value == pytest.approx(math.log(2))


def test_outcomes_that_are_there_are_found(tmp_path):
    found = {outcome.model for outcome in real.outcomes()}
    assert {"digits-masked", "splice-masked", "peptides-masked", "plays-masked"} <= found
    assert real.outcomes(tmp_path) == []


def test_the_page_has_the_numbers_of_the_results():
    page = (EVIDENCE.results.parents[2] / "docs" / EVIDENCE.page).read_text(encoding="utf-8")
    assert EVIDENCE.text() == page, f"{EVIDENCE.command} --fill"
    assert EVIDENCE.command in page
