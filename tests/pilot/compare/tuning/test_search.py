"""A search finds the best, spends its samples on the good ones, and goes on after any end as if nothing had been."""

from __future__ import annotations

import math

import pytest

from dguide.errors import InputError
from dguide.pilot.compare.tuning.search import promoted, rungs, search

pytest.importorskip("optuna")
SPACE = {"weight": (0.0, 4.0), "shape": ["flat", "ramp"]}
ROUNDS = (50, 150)


class Bowl:
    """A figure that is best at weight 1 with a ramp; stops like a killed process after some calls."""

    def __init__(self, most: float = math.inf) -> None:
        self.calls: list[tuple[float, int]] = []
        self.most = most

    def __call__(self, parameters, samples: int) -> float:
        if len(self.calls) >= self.most:
            raise KeyboardInterrupt
        self.calls.append((parameters["weight"], samples))
        return (parameters["weight"] - 1) ** 2 + (parameters["shape"] == "flat") + 1 / samples


def found(path, measure, budget=15, **options):
    given = {"better": "lower", "rounds": ROUNDS, "storage": path / "tuning.journal", "name": "bowl", "seed": 3}
    return search(SPACE, measure, budget=budget, **(given | options))


def test_a_second_search_in_the_journal_is_refused_while_the_first_goes_on(tmp_path) -> None:
    def measure(parameters, samples: int) -> float:
        with pytest.raises(InputError, match="another process that searches in it"):
            found(tmp_path, Bowl(), 1)
        return 1.0

    assert len(found(tmp_path, measure, 1)) == 1
    assert len(found(tmp_path, Bowl(), 2)) == 2


def test_the_best_is_near_the_bottom_and_few_trials_draw_all_samples(tmp_path) -> None:
    bowl = Bowl()
    trials = found(tmp_path, bowl, 30)
    best = min((each for each in trials if each.complete), key=lambda each: each.values[150])
    assert abs(best.parameters["weight"] - 1) < 0.2
    assert best.parameters["shape"] == "ramp"
    assert len(trials) == 30
    assert 3 <= sum(each.complete for each in trials) <= 15
    assert len(bowl.calls) == 30 + sum(150 in each.values for each in trials)


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path) -> None:
    (tmp_path / "whole").mkdir()
    whole = found(tmp_path / "whole", Bowl(), 12)
    for most in (1, 3, 4):  # at the first round of a trial, and between its rounds
        with pytest.raises(KeyboardInterrupt):
            found(tmp_path, Bowl(most), 12)
    assert found(tmp_path, Bowl(), 12) == whole
    again = Bowl()
    assert found(tmp_path, again, 12) == whole
    assert again.calls == []


def test_what_is_to_be_tried_first_is_and_others_get_told(tmp_path) -> None:
    told: list = []
    start = [{"weight": 0.0, "shape": "flat"}, {"weight": 3.5, "shape": "ramp"}]
    trials = found(tmp_path, Bowl(), 4, first=start, tell=told.append)
    assert [each.parameters for each in trials[:2]] == start
    assert tuple(told) == trials


def test_the_best_third_goes_on() -> None:
    assert promoted(1.0, [], "lower")
    assert promoted(1.0, [2.0, 3.0], "lower")
    assert not promoted(2.0, [1.0, 3.0], "lower")
    assert promoted(2.0, [1.0, 3.0, 4.0, 5.0, 6.0], "lower")
    assert promoted(3.0, [1.0, 2.0], "higher")
    assert not promoted(math.nan, [1.0], "higher")
    assert promoted(1.0, [math.nan, math.nan], "higher")


def test_rounds_end_with_all_samples_and_none_is_too_small() -> None:
    assert rungs(30) == (30,)
    assert rungs(1350) == (50, 150, 450, 1350)
    with pytest.raises(ValueError, match="count"):
        rungs(0)
    with pytest.raises(ValueError, match="budget"):
        search(SPACE, Bowl(), better="lower", budget=0, rounds=ROUNDS, storage="x", name="x")
