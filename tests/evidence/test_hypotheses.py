"""The hypotheses of the grid: each claim has the sign of its words, and the cells are what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dguide.evaluate import Estimate
from studies.evidence.grid_cells import NAMES, SCHEDULES, Cell
from studies.evidence.grid_plans import PLANS, reduced
from studies.evidence.grid_verdicts import joined
from studies.evidence.hypotheses import BEST, HYPOTHESES, family
from studies.evidence.tested import CONFIRMED, REFUTED, UNDECIDED, turned, verdict

PLAN = PLANS["grid-digits-masked"]
HARM = {"constant": 2.0, "ramp-up": 1.0, "interval": 1.5, "inverse": 4.0, "power-1.5": 0.8}
"""Of a world in which all findings hold: distance per mean weight, of `Normalized`."""
GAP = {"constant": 1.0, "ramp-up": 0.1, "interval": 0.5, "inverse": 3.0, "power-1.5": 0.05}
"""By how much the other mechanisms are worse there, per mean weight, at 8 steps."""


def of_claim(low: float, high: float, better: str) -> str:
    gain = turned(Estimate("it", low, low, high, 1, better=better))
    return verdict(gain.low, gain.high)


def as_found(cell: Cell) -> float:
    """A distance that has all findings in it."""
    if cell == BEST:
        return 0.5
    if cell.mean == 0:
        return 1.0
    gap = 0.0 if cell.mechanism == "Normalized" else GAP[cell.schedule] * (0.5 + 4 / cell.steps)
    return 1 + cell.mean * (HARM[cell.schedule] + gap)


def otherwise(cell: Cell) -> float:
    """Without any of them: worlds turned round."""
    if cell == BEST:
        return 1.5
    if cell.mean == 0:
        return 1.0
    gap = 0.0 if cell.mechanism == "Normalized" else -GAP[cell.schedule]
    return 100 + cell.mean * (gap - HARM[cell.schedule])


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_every_claim_holds_where_its_finding_does(better):
    side = 1 if better == "lower" else -1
    for hypothesis in HYPOTHESES:
        claims = list(hypothesis.claims(PLAN))
        assert claims, hypothesis.name
        for claim in claims:
            total = side * sum(factor * as_found(cell) for cell, factor in claim.terms)
            assert of_claim(total - 1e-6, total + 1e-6, better) == CONFIRMED, (hypothesis.name, claim)


def test_claims_about_an_order_are_wrong_where_it_is_the_other_one():
    for hypothesis in HYPOTHESES:
        if hypothesis.name in ("alike-with-ramp", "gap-shrinks", "gap-stays"):
            continue
        for claim in hypothesis.claims(PLAN):
            total = sum(factor * otherwise(cell) for cell, factor in claim.terms)
            assert of_claim(total, total, "lower") == REFUTED, (hypothesis.name, claim)


@pytest.mark.parametrize(
    ("at", "name"),
    [
        (lambda cell: cell.mean * (0.6 if cell.schedule == "ramp-up" else 1.0), "alike-with-ramp"),
        (lambda cell: -cell.mean * (0.6 if cell.schedule == "ramp-up" else -1.0), "alike-with-ramp"),
        (lambda cell: float(cell.steps), "gap-shrinks"),
        (lambda cell: 0.2 if cell.steps > 8 else 1.0, "gap-stays"),
    ],
    ids=["worse with a ramp", "better with a ramp", "grows with the steps", "nearly gone"],
)
def test_claims_about_a_gap_see_where_it_is_another_one(at, name):
    """Each world has a gap for which some claims of the hypothesis are wrong."""
    hypothesis = next(each for each in HYPOTHESES if each.name == name)

    def distance(cell: Cell) -> float:
        return 10 + (0.0 if cell.mechanism == "Normalized" else at(cell))

    totals = [sum(factor * distance(cell) for cell, factor in claim.terms) for claim in hypothesis.claims(PLAN)]
    assert any(of_claim(total, total, "lower") == REFUTED for total in totals)


def test_an_interval_that_holds_zero_or_is_not_known_leaves_a_claim_open():
    nan = float("nan")
    assert [of_claim(*ends, "lower") for ends in ((-1, 1), (nan, nan))] == [UNDECIDED, UNDECIDED]


def test_schedules_have_the_stated_mean_and_cells_differ():
    for schedule, make in SCHEDULES.items():
        assert make(3.0).mean() == pytest.approx(3.0), schedule
    for plan in PLANS.values():
        settings = [cell.setting for cell in plan.cells]
        assert len(set(settings)) == len(settings)
    full = {(cell.mechanism, cell.schedule, cell.mean, cell.steps) for cell in PLAN.cells}
    assert len(full) == 4 * (1 + len(NAMES) * len(SCHEDULES) * 5)


def test_a_plan_tests_what_it_has_the_cells_for_and_the_tests_are_counted():
    for plan in (*PLANS.values(), reduced(PLAN), replace(PLAN, blocks=PLAN.blocks[:1])):
        tests = [claim for each in HYPOTHESES for claim in each.tests(plan)]
        assert {cell for claim in tests for cell in claim.cells} <= {*plan.cells, BEST}
        assert len(tests) == family(plan)
    assert all(list(each.claims(PLAN)) == list(each.tests(PLAN)) for each in HYPOTHESES)  # it has all cells


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        (("confirmed", "confirmed"), "confirmed"),
        (("confirmed", "refuted"), "refuted"),
        (("refuted", "confirmed"), "refuted"),
        (("confirmed", "undecided"), "undecided"),
    ],
)
def test_an_equivalence_holds_only_if_both_of_its_sides_do(sides, said):
    tests = [{"name": "alike", "cells": [["Normalized"], ["Simple"]], "verdict": each} for each in sides]
    other = {"name": "alike", "cells": [["Normalized"], ["Unlocking"]], "verdict": "confirmed"}
    assert [each["verdict"] for each in joined([*tests, other])] == [said, "confirmed"]
