"""What a classifier saves, by hand and by simulation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dguide.pilot.money import Decisions, Prices, break_even, curve, decide, saving

PRICES = Prices(miss=100, false_alarm=2, volume=10_000, share=0.02)


def alarms(defects, good, runs=3):
    """The same alarms in each run."""
    return Decisions(np.tile(np.array(defects, bool), (runs, 1)), np.tile(np.array(good, bool), (runs, 1)))


OLD = alarms([1, 0, 0, 0], [0, 0, 0, 0, 1])
NEW = alarms([1, 1, 1, 0], [0, 0, 1, 1, 1])


def test_by_hand():
    # recall + 1/2 of 200 defects at 100; false alarms + 2/5 of 9,800 good parts at 2
    assert saving(NEW, OLD, PRICES).value == pytest.approx(200 * 0.5 * 100 - 9800 * 0.4 * 2)
    assert saving(NEW, OLD, replace(PRICES, running=500)).value == pytest.approx(10_000 - 7840 - 500)


def test_the_two_sides_are_opposite_and_the_same_costs_nothing():
    there, back = saving(NEW, OLD, PRICES), saving(OLD, NEW, PRICES)
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))
    same = saving(OLD, OLD, PRICES)
    assert same.value == 0
    assert same.low < 0 < same.high  # four defects that agree prove little


def test_years_pay_the_introduction():
    one, three = (decide(NEW, OLD, replace(PRICES, pilot=1000, years=years)).net for years in (1, 3))
    assert one.value == pytest.approx(2160 - 1000)
    assert three.value == pytest.approx(3 * 2160 - 1000)


def test_at_the_break_even_nothing_is_left():
    prices = replace(PRICES, pilot=3000, running=100, years=2)
    cost = break_even(NEW, OLD, prices)
    assert cost == pytest.approx((1500 + 100 + 7840) / 100)
    assert curve(NEW, OLD, prices, np.array([cost]))[0, 0] == pytest.approx(0, abs=1e-6)
    assert break_even(OLD, NEW, prices) == math.inf  # lower recall
    cheaper = alarms([1, 0, 0, 0], [0, 0, 0, 0, 0])
    assert break_even(cheaper, OLD, PRICES) == 0


def many(recall, alarm, defects=600, good=2000):
    """A classifier that finds the first share of the defects, and raises alarms for the first share of the good."""
    return alarms(np.arange(defects) < recall * defects, np.arange(good) < alarm * good)


def test_three_verdicts():
    old = many(0.5, 0.05)
    go, no, open_ = (decide(many(recall, 0.05), old, PRICES) for recall in (0.8, 0.3, 0.501))
    assert (go.verdict, no.verdict, open_.verdict) == ("go", "no-go", "not-yet")
    assert go.sure < PRICES.miss
    assert (go.more, no.more) == (0, 0)


def test_more_parts_tell_what_few_leave_open():
    few_old, few_new = many(0.5, 0.05, 40), many(0.55, 0.05, 40)
    found = decide(few_new, few_old, replace(PRICES, false_alarm=0))
    assert found.verdict == "not-yet"
    total = 40 + int(found.more)
    assert decide(many(0.55, 0.05, total), many(0.5, 0.05, total), replace(PRICES, false_alarm=0)).verdict == "go"
    assert decide(few_old, few_old, PRICES).more == math.inf


def test_the_interval_covers_the_saving_of_all_parts():
    rng, inside, truth = np.random.default_rng(0), 0, 200 * 0.10 * 100 - 9800 * 0.02 * 2
    for _ in range(200):
        sides = []
        for count, base, gain in ((60, 0.7, 0.10), (300, 0.05, 0.02)):
            hard = rng.random(count)  # the same parts are hard for both
            old = (hard < base) ^ (rng.random((4, count)) < 0.02)
            new = (hard < base + gain / 0.96) ^ (rng.random((4, count)) < 0.02)
            sides.append((old, new))
        (old_bad, new_bad), (old_good, new_good) = sides
        found = saving(Decisions(new_bad, new_good), Decisions(old_bad, old_good), PRICES)
        inside += found.low <= truth <= found.high
    assert 0.91 <= inside / 200 <= 0.995


def test_all_that_is_wrong_with_prices_is_said_at_once():
    with pytest.raises(ValueError, match="price miss: got 'x'") as raised:
        Prices(miss="x", false_alarm=-1, volume=0, share=1.0, currency="")
    for name in ("false_alarm", "volume", "share", "currency"):
        assert f"price {name}: got" in str(raised.value)


def test_other_parts_are_refused():
    with pytest.raises(ValueError, match="as many as of the other classifier"):
        saving(many(0.5, 0.1, 10), many(0.5, 0.1, 20), PRICES)
