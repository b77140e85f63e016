"""A model that exists already is used by all runs, and the report says which rare examples it has learnt."""

from __future__ import annotations

import numpy as np
import pytest

from dguide.cli import main
from dguide.data import few, load
from dguide.pilot.augment.page.report import report
from dguide.pilot.augment.result import Result
from dguide.pilot.augment.run import run
from dguide.pilot.augment.settings import AugmentStudy
from dguide.pilot.studies import checked
from dguide.train import TrainConfig, train

TRAIN = {"steps": 1, "size": "tiny", "batch_size": 8, "evaluate_every": 1, "evaluate_passes": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(0)
    maps, labels = rng.integers(0, 2, (120, 5, 5)), np.arange(120) % 2
    maps[labels == 1, 2] = 1
    path = tmp_path_factory.mktemp("data") / "maps.npz"
    np.savez(path, maps=maps, labels=labels)
    return f"npz:{path},names=plain;line"


@pytest.fixture(scope="module")
def models(data, tmp_path_factory):
    """One that has learnt all of the data, one that has learnt 5 examples of lines, chosen by seed 3, and another."""
    folder = tmp_path_factory.mktemp("models")
    names = {"all": data, "few": f"few:({data}),rare=line,real=5,seed=3", "digits": "digits"}
    for name, of in names.items():
        train(TrainConfig(out=folder / name, data=of, **TRAIN))
    return folder


def study(data, model, **settings):
    given = {"data": data, "rare": "line", "real": 5, "runs": 3, "weight": ["2"], "added": 4, "model": str(model)}
    sampling = {"sampler": "ancestral:steps=2", "classifier": "scikit-learn:naive_bayes.GaussianNB"}
    return checked(AugmentStudy, given | sampling | {"false_alarms": 0.2} | settings)


def test_a_model_of_all_data_is_used_with_a_warning(data, models, tmp_path):
    given = study(data, models / "all")
    assert given.has_seen_all
    assert given.choices == (0, 1, 2)
    result = Result(run(given, tmp_path))
    assert not (tmp_path / "model").exists()
    assert len(result.found.bits) == 1
    made = report(result, {})
    assert any("optimistic" in note for note in made.notes)
    assert made.settings["model"] == str(models / "all")


def test_a_model_of_few_examples_is_honest_and_fixes_their_choice(data, models, tmp_path):
    given = study(data, models / "few")
    assert not given.has_seen_all
    assert given.choices == (3, 3, 3)
    result = Result(run(given, tmp_path))
    chosen, names = few(load(data), "line", 5, 3), load(data).class_names
    real = chosen.train.tokens[chosen.train.labels == names.index("line")].reshape(5, 5, 5)
    colours = chosen.codec.colours(real.flatten(1)).numpy()[..., : result.found.pictures.real.shape[-1]]
    assert (result.found.pictures.real == colours).all()
    notes = " ".join(report(result, {}).notes)
    assert "optimistic" not in notes
    assert "All runs have the same 5 real examples" in notes


@pytest.mark.parametrize(("name", "settings"), [("digits", {}), ("few", {"real": 6}), ("few", {"rare": "plain"})])
def test_a_model_of_other_data_or_of_another_choice_is_refused(data, models, name, settings):
    with pytest.raises(ValueError, match=r"model: .*expected one of"):
        study(data, models / name, **settings)


def test_a_model_and_its_training_exclude_each_other(data, models):
    with pytest.raises(ValueError, match="beside train"):
        study(data, models / "all", train=TRAIN)


def test_the_command_warns_on_standard_error(data, models, tmp_path, capsys):
    line = ["pilot", "augment", data, "--rare", "line", "--real", "5", "--runs", "3", "--added", "4", "--weight", "2"]
    line += ["--sampler", "ancestral:steps=2", "--classifier", "scikit-learn:naive_bayes.GaussianNB", "--jobs", "1"]
    line += ["--out", str(tmp_path / "out"), "--false-alarms", "0.2", "--model", str(models / "all")]
    assert main(line) == 0, capsys.readouterr().err
    told = capsys.readouterr().err
    assert "warning: the model has learnt all examples of line" in told
    assert "models:" not in told
