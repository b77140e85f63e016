"""A range is the same tokens whoever draws it, and its key tells all that it depends on."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from tiny import save_strings, save_tiny

import dguide
from dguide import Ancestral, Masked, Normalized, RampUp
from dguide.errors import InputError
from dguide.study import CheckpointSource, DenoiserSource, Processes, Setting, Store, Study, grid, run

SETTINGS = (Setting(Normalized(2.0), Ancestral(3)), Setting(Normalized(RampUp(1.0)), Ancestral(3)))


class Table(torch.nn.Module):
    """A denoiser that is told a class, and knows one law for each."""

    time_dependent = False

    def __init__(self):
        super().__init__()
        logits = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
        self.logits = torch.nn.Parameter(logits, requires_grad=False)

    def forward(self, tokens, time, condition):
        return self.logits[condition]

    def null(self, condition):
        return torch.full_like(condition, 3)


def study(**changes):
    given = {
        "source": DenoiserSource(Table(), Masked(3), 5),
        "settings": SETTINGS,
        "seeds": (0, 7),
        "count": 25,
        "condition": torch.arange(3),
        "batch_size": 4,
        "range_size": 8,
    }
    return Study(**given | changes)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.parametrize("first", [0, 5])
def test_the_samples_are_those_of_one_call(tmp_path, first):
    here, seen = study(first_index=first), []
    results = run(here, Store(tmp_path), progress=lambda *done: seen.append(done))
    assert seen == [(number, 16) for number in range(17)]
    assert list(results) == [(setting, seed) for setting in SETTINGS for seed in (0, 7)]
    for (setting, seed), drawn in results.items():
        condition = (first + torch.arange(25)) % 3
        whole = dguide.sample(
            Table(),
            process=Masked(3),
            length=5,
            condition=condition,
            guidance=setting.guidance,
            sampler=setting.sampler,
            seed=seed,
            first_index=first,
            batch_size=4,
        )
        assert (drawn.tokens == whole.tokens).all()
        assert (drawn.forced == whole.forced).all()
        assert (drawn.condition == condition).all()
        assert drawn.calls == whole.calls
        assert drawn.seconds >= 0
        assert drawn.tokens.dtype == torch.int16


def test_workers_draw_the_same_and_more_samples_go_on(tmp_path, model):
    source = CheckpointSource.of(model)
    small = study(source=source, condition={"label": torch.arange(10)}, settings=SETTINGS[:1], seeds=(1,))
    here = run(small, Store(tmp_path / "here"))[SETTINGS[0], 1]
    there = run(small, Store(tmp_path / "there"), Processes(1))[SETTINGS[0], 1]
    assert (here.tokens == there.tokens).all()
    keys = set(Store(tmp_path / "here").keys())
    more = run(replace(small, count=40), Store(tmp_path / "here"))[SETTINGS[0], 1]
    assert (more.tokens[:25] == here.tokens).all()
    assert len(set(Store(tmp_path / "here").keys()) - keys) == 2  # the last range was shorter, and is whole now
    saved = Store(tmp_path / "here").read(min(keys))
    assert set(saved.arrays) == {"tokens", "forced", "labels"}


def test_what_is_there_so_far(tmp_path):
    whole, store = study(), Store(tmp_path)
    results, cell = run(whole, store), (SETTINGS[1], 7)
    tasks = whole.ranges(*cell)
    (tmp_path / f"{tasks[2].key}.safetensors").unlink()
    assert len(results.ready(cell).tokens) == 16
    with pytest.raises(KeyError):
        results[cell]
    (tmp_path / f"{tasks[0].key}.safetensors").unlink()
    assert results.ready(cell) is None
    with pytest.raises(KeyError):
        results[SETTINGS[0], 3]
    assert len(run(whole, store)[cell].tokens) == 25


def test_the_key_tells_all_that_the_samples_depend_on():
    first = study().tasks()[0]
    other = Table()
    with torch.no_grad():
        other.logits[0, 0, 0] += 1e-6
    changes = {
        "source": [DenoiserSource(other, Masked(3), 5), DenoiserSource(Table(), Masked(3), 5, "named")],
        "setting": [SETTINGS[1], Setting(Normalized(2.0), Ancestral(4))],
        "seed": [1],
        "first": [8],
        "count": [7],
        "batch_size": [8],
        "condition": [torch.arange(8) % 2, torch.arange(8).int() % 3],
        "reference": [torch.zeros(8, dtype=torch.int64), DenoiserSource(other, Masked(3), 5)],
        "initial": [torch.full((8, 5), 3)],
        "fixed": [torch.zeros(8, 5, dtype=torch.bool)],
    }
    assert changes.keys() == first.__dataclass_fields__.keys()
    others = [replace(first, **{name: each}) for name, values in changes.items() for each in values]
    assert len({first.key, *(each.key for each in others)}) == 1 + len(others)
    assert replace(first, source=DenoiserSource(copy.deepcopy(Table()), Masked(3), 5)).key == first.key
    assert len({study(count=9).digest, study(seeds=(0,)).digest, study(range_size=4).digest}) == 3
    assert study(count=9).digest == study().digest


def test_a_checkpoint_that_changes_on_the_way_is_refused(tmp_path):
    source = CheckpointSource.of(save_tiny(tmp_path / "tiny"))
    small = study(source=source, condition={"label": torch.arange(10)})
    save_tiny(tmp_path / "tiny", "uniform")
    with pytest.raises(InputError, match="another one than at the start"):
        run(small, Store(tmp_path / "out"))
    with pytest.raises(InputError, match="no such directory"):
        CheckpointSource.of(tmp_path / "none")


def test_conditions_of_several_kinds_are_kept_by_name(tmp_path):
    source = CheckpointSource.of(save_strings(tmp_path / "strings"))
    told = {"kind": torch.tensor([0, 1]), "mass": torch.tensor([0.5, 1.0, 2.0])}
    small = study(source=source, condition=told, settings=SETTINGS[:1], seeds=(0,), count=7)
    drawn = run(small, Store(tmp_path / "out"))[SETTINGS[0], 0]
    assert drawn.condition["kind"].tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert drawn.condition["mass"].tolist() == [0.5, 1.0, 2.0, 0.5, 1.0, 2.0, 0.5]
    saved = Store(tmp_path / "out").read(small.tasks()[0].key)
    assert saved.arrays["labels"].tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert saved.arrays["mass"].tolist() == drawn.condition["mass"].tolist()


def test_all_mistakes_are_told_at_once_before_any_work(tmp_path):
    with pytest.raises(InputError) as caught:
        study(count=0, seeds=(1, 1), settings=(), range_size=6)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines] == ["count", "settings", "seeds", "range_size"]
    wrong = grid(samplers=("euler:steps=2", "low-confidence:steps=99"))
    with pytest.raises(InputError) as caught:
        run(study(settings=wrong, condition=torch.arange(2.0), seeds=(-1,)), Store(tmp_path / "out"))
    assert "seed" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_store_of_another_study_is_refused(tmp_path):
    run(study(count=2), Store(tmp_path))
    with pytest.raises(InputError, match=r"2 settings of Table, seed 0, 7, batch size 4, dguide .*Choose another"):
        run(study(count=2, seeds=(3,)), Store(tmp_path))


def test_a_denoiser_that_cannot_be_pickled_needs_a_name():
    denoiser = Table()
    denoiser.file = open(__file__)  # noqa: SIM115
    with denoiser.file, pytest.raises(InputError, match="name of your own"):
        DenoiserSource(denoiser, Masked(3), 5)
    assert DenoiserSource(denoiser, Masked(3), 5, "table").words == "table"
