"""A search names a winner that fresh seeds judge, and says both figures."""

from __future__ import annotations

import dataclasses

import pytest

import dguide
from dguide.exact import chain
from dguide.pilot.compare import Shapes, tune
from dguide.study import grid
from tests.pilot.compare.toy import EQUAL, ONES, PROBLEM, question

pytest.importorskip("optuna")
SHAPES = Shapes(
    guidances=("normalized",),
    schedules=("constant:1", "ramp-up:1"),
    samplers=("ancestral:steps=2",),
    weights=(0.0, 3.0),
)
BASE = grid(weights=(0,), samplers=("ancestral:steps=2",))


def asked(**options):
    return question(BASE, count=450, seeds=(5,), **options)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder, told = tmp_path_factory.mktemp("tuned"), []
    return tune(asked(), SHAPES, budget=8, folder=folder, tell=told.append), told, folder


def test_the_winner_is_judged_on_fresh_seeds_and_both_figures_are_told(found) -> None:
    tuned, told, _ = found
    assert tuned.fresh.about["seeds"] == "6"
    assert tuned.searched.value == max(each.values[450] for each in tuned.trials if each.complete)
    law = chain(PROBLEM, tuned.winner.guidance, tuned.winner.sampler).reshape(2, 2)
    assert tuned.figure.low <= float(law.diagonal().sum()) <= tuned.figure.high
    for language in ("en", "ja"):
        said = tuned.advice(language)
        assert f"{tuned.searched.value:.3g}" in said
        assert f"{tuned.figure.value:.3g}" in said
        assert said.endswith(tuned.fresh.advice(language))
    assert told[0].startswith("[1/8] normalized constant:0.0 ancestral:steps=2: equal tokens")


def test_the_same_call_draws_nothing_again(found, monkeypatch) -> None:
    tuned, _, folder = found
    monkeypatch.setattr("dguide.study.draw.sample", lambda *args, **options: pytest.fail("drawn again"))
    again = tune(asked(), SHAPES, budget=8, folder=folder)
    assert (again.winner, again.trials, again.searched) == (tuned.winner, tuned.trials, tuned.searched)
    assert (folder / "tuning.journal").is_file()


def test_a_search_that_finds_nothing_better_keeps_the_baseline(tmp_path) -> None:
    unlike = dataclasses.replace(EQUAL, better="lower")
    tuned = tune(asked(metrics=(unlike,)), SHAPES, budget=3, folder=tmp_path)
    assert tuned.fresh is None
    assert tuned.figure is tuned.searched
    assert (
        tuned.advice() == "None of 3 settings was better than normalized constant:0.0 ancestral:steps=2 in the search."
    )


def test_a_weight_of_zero_is_one_setting_and_means_are_those_of_the_trial() -> None:
    shapes = Shapes(guidances=("normalized", "unlocking"))
    trial = {"guidance": "unlocking", "schedule": "ramp-up:1", "mean weight": 0.001, "sampler": "ancestral:steps=16"}
    assert shapes.setting(trial) == grid(weights=(0,), samplers=("ancestral:steps=16",))[0]
    assert shapes.setting(trial | {"mean weight": 1.234}).guidance.weight.mean() == pytest.approx(1.23)
    assert shapes.parameters(shapes.setting(trial | {"mean weight": 2.0}))["mean weight"] == 2
    assert shapes.parameters(grid(weights=(9,), samplers=("ancestral:steps=16",))[0]) is None


def test_a_baseline_outside_of_the_search_is_compared_with_all_the_same(tmp_path) -> None:
    shapes = dataclasses.replace(SHAPES, weights=(1.0, 3.0))
    tuned = tune(asked(), shapes, budget=2, folder=tmp_path)
    assert all(each.parameters["mean weight"] >= 1 for each in tuned.trials)
    assert tuned.fresh.baseline == "constant:0.0"


def test_another_seed_is_another_search(found) -> None:
    tuned, _, folder = found
    other = tune(question(BASE, count=450, seeds=(8,)), SHAPES, budget=2, folder=folder)
    assert other.trials != tuned.trials[:2]


def test_mistakes_are_told_before_any_sample(tmp_path) -> None:
    with pytest.raises(dguide.InputError) as told:
        tune(asked(metrics=(ONES,)), SHAPES, budget=0, folder=tmp_path / "new")
    assert "budget: got 0" in str(told.value)
    assert "neither direction is better" in str(told.value)
    assert not (tmp_path / "new").exists()
    with pytest.raises(dguide.InputError) as told:
        Shapes(guidances=("x",), schedules=("constant:0", "y"), weights=(2.0, 1.0), samplers=("z",))
    assert all(part in str(told.value) for part in ("guidance", "a mean of 0", "schedule", "sampler", "2 to 1"))
