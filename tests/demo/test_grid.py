from __future__ import annotations

import math

import pytest
import torch
from tiny import save_tiny

import dguide
from dguide import checkpoint
from dguide.data import load
from dguide.demo import MECHANISMS, SCHEDULES, Cell, DemoSettings, Judge, cells, find_checkpoints, run_cell

LABELS = torch.arange(10).repeat_interleave(2)
SAMPLER = dguide.Ancestral(steps=3)


@pytest.fixture(scope="module")
def judge():
    return Judge.fit(load("digits"))


@pytest.fixture(scope="module", params=["masked", "uniform"])
def model(request, tmp_path_factory):
    return checkpoint.load(save_tiny(tmp_path_factory.mktemp("models"), request.param))


def test_the_grid_has_every_combination_and_one_cell_without_guidance():
    grid = cells((0.0, 1.0, 3.0))
    assert len(grid) == len(set(grid)) == 1 + 2 * len(MECHANISMS) * len(SCHEDULES)
    assert grid[0] == Cell(0.0)
    assert len(cells((1.0,))) == len(MECHANISMS) * len(SCHEDULES)


@pytest.mark.parametrize("cell", cells((0.0, 1.0, 3.0)), ids=str)
def test_schedules_of_one_weight_have_one_mean(cell):
    schedule = cell.guidance.weight
    assert math.isclose(schedule.mean(), cell.weight)
    if cell.mechanism is not None:
        assert type(cell.guidance).__name__ == cell.mechanism
        falls = float(schedule(torch.tensor(0.0))) > float(schedule(torch.tensor(1.0)))
        assert falls == (cell.schedule == "ramp-up")


def test_a_cell_is_what_the_library_samples(model, judge):
    cell = Cell(2.0, "Unlocking", "ramp-up")
    outcome = run_cell(model, cell, LABELS, SAMPLER, judge, seed=5)
    drawn = dguide.sample(
        model.model,
        process=model.process,
        length=64,
        condition=LABELS,
        guidance=dguide.Unlocking(dguide.RampUp(4.0)),
        sampler=SAMPLER,
        seed=5,
    )
    assert torch.equal(outcome.tokens, drawn.tokens)
    assert outcome.calls == drawn.calls
    assert outcome.forced == int(drawn.forced.sum())
    assert outcome.times.tolist() == pytest.approx([1.0, 2 / 3, 1 / 3, 0.0])
    assert outcome.unfinished[-1] == 0
    assert outcome.unfinished[0] == (1 if model.process.name == "masked" else 0)


def test_without_guidance_the_reference_is_never_called(model, judge):
    outcome = run_cell(model, Cell(0.0), LABELS, SAMPLER, judge)
    assert (outcome.calls.conditional, outcome.calls.reference) == (3, 0)


def test_the_real_digits_are_a_draw_of_each_class(judge, monkeypatch):
    drawn = []
    monkeypatch.setattr(type(judge), "__call__", lambda self, tokens, labels: drawn.append((tokens, labels)))
    for seed in (0, 0, 1):
        judge.ceiling(3, seed)
    (first, labels), (again, _), (other, _) = drawn
    assert labels.bincount().tolist() == [3] * 10
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    held_out = judge.dataset.test
    real = {(int(label), *row.tolist()) for label, row in zip(held_out.labels, held_out.tokens, strict=True)}
    assert {(int(label), *row.tolist()) for label, row in zip(labels, first, strict=True)} <= real
    judge.ceiling(1000)
    assert torch.equal(drawn[-1][1].bincount(), held_out.labels.bincount())


def test_the_judge_knows_real_data_from_noise(judge):
    real = judge.ceiling(20)
    noise = torch.randint(0, 16, (200, 64), generator=torch.Generator().manual_seed(0))
    fake = judge(noise, torch.arange(10).repeat_interleave(20))
    assert real.accuracy.count == fake.accuracy.count == 200
    assert real.accuracy.value > 0.9 > 0.3 > fake.accuracy.value
    assert real.precision > 0.8 > 0.1 > fake.precision
    assert real.frechet < fake.frechet


def test_checkpoints_are_found_where_they_are_said_to_be(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="digits-masked") as caught:
        find_checkpoints(tmp_path)
    assert str(tmp_path / "digits-uniform") in str(caught.value)
    for process in ("masked", "uniform"):
        save_tiny(tmp_path / "checkpoints" / f"digits-{process}", process)
    found = find_checkpoints(tmp_path / "checkpoints")
    assert [model.process.name for model in found.values()] == ["masked", "uniform"]
    monkeypatch.chdir(tmp_path)
    assert find_checkpoints()["digits-masked"].config.test_bits == 4.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": ()},
        {"weights": (0.0,)},
        {"weights": (1.0, 1.0)},
        {"weights": (-1.0,)},
        {"per_class": 0},
        {"steps": 0},
        {"minutes": 0.0},
    ],
)
def test_settings_that_make_no_demonstration_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="expected"):
        DemoSettings(tmp_path, **wrong)
