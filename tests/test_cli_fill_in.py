"""`dguide sample` fills in and tilts away from something else: the same tokens as the Python call."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tiny import save_strings, save_tiny

import dguide
from dguide import checkpoint
from dguide.cli import main

GUIDANCE = ["--guidance", "normalized", "--weight", "1.5", "--steps", "4", "--device", "cpu", "--no-png"]
USUAL = {"guidance": dguide.Normalized(1.5), "sampler": dguide.Ancestral(4)}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Checkpoints: of digits, of digits by the uniform process, of strings, and weaker ones of the first and last."""
    folder = tmp_path_factory.mktemp("models")
    made = {
        "masked": save_tiny(folder / "masked"),
        "uniform": save_tiny(folder / "uniform", "uniform"),
        "strings": save_strings(folder / "strings"),
        "weaker": save_tiny(folder / "weaker"),
        "weaker=strings": save_strings(folder / "weaker=strings"),
    }
    for name in ("weaker", "weaker=strings"):  # other weights
        loaded = checkpoint.load(made[name])
        with torch.no_grad():
            for parameter in loaded.model.parameters():
                parameter.mul_(0.5)
        checkpoint.save(made[name], loaded.model, loaded.config)
    return made


@pytest.fixture
def sampled(capsys, tmp_path, models):
    """Runs `dguide sample`; returns its exit status, errors, tokens and settings."""

    def call(model, *options):
        capsys.readouterr()
        out = tmp_path / "samples.npz"
        status = main(["sample", str(models[model]), "--out", str(out), *GUIDANCE, *map(str, options)])
        err = capsys.readouterr().err
        if status:
            return status, err, None, None
        with np.load(out, allow_pickle=False) as file:
            return status, err, torch.from_numpy(file["tokens"]), json.loads(str(file["settings"]))

    return call


def by_python(path, labels, **changes):
    loaded = checkpoint.load(path)
    settings = {"process": loaded.process, "length": loaded.codec.length, "condition": labels} | USUAL | changes
    return dguide.sample(loaded.model, **settings).tokens


@pytest.mark.parametrize("process", ["masked", "uniform"])
@pytest.mark.filterwarnings("ignore:fixed tokens with Uniform")
def test_what_is_given_is_filled_in(sampled, models, tmp_path, process):
    loaded = checkpoint.load(models[process])
    initial = torch.randint(0, 16, (3, 64), generator=torch.Generator().manual_seed(0))
    fixed = torch.arange(64).expand(3, 64) % 3 == torch.arange(3).unsqueeze(1)
    if process == "masked":
        initial = torch.where(fixed, initial, loaded.process.noise_token)
    path = tmp_path / "initial.npz"
    arrays = {"tokens": initial.numpy().astype(np.int16)} | ({"fixed": fixed.numpy()} if process == "uniform" else {})
    np.savez(path, **arrays)
    status, err, tokens, settings = sampled(
        process, "--initial", path, "--count", 4, "--first-index", 2, "--labels", "1,2"
    )
    assert status == 0, err
    turn = torch.arange(2, 6) % 3
    held = {"initial": initial[turn]} | ({"fixed": fixed[turn]} if process == "uniform" else {})
    expected = by_python(models[process], torch.tensor([1, 2, 1, 2]), first_index=2, **held)
    assert torch.equal(tokens, expected)
    assert torch.equal(tokens[fixed[turn]], initial[turn][fixed[turn]])
    assert settings["initial"] == str(path)
    assert settings["reference"] is None


def test_a_negative_condition_is_the_reference(sampled, models):
    status, err, tokens, settings = sampled("masked", "--count", 5, "--labels", "0,1", "--reference", "label=3,4,5")
    assert status == 0, err
    labels, negative = torch.tensor([0, 1, 0, 1, 0]), torch.tensor([3, 4, 5, 3, 4])
    assert torch.equal(tokens, by_python(models["masked"], labels, reference=negative))
    assert settings["reference"] == {"label": [3, 4, 5]}
    status, err, tokens, _ = sampled(
        "strings", "--count", 2, "--condition", "kind=cat", "--reference", "kind=dog", "--reference", "mass=3"
    )
    assert status == 0, err
    told = {"kind": torch.tensor([0, 0]), "mass": torch.full((2,), torch.nan)}
    away = {"kind": torch.tensor([1, 1]), "mass": torch.full((2,), 2.0)}
    assert torch.equal(tokens, by_python(models["strings"], told, reference=away))


@pytest.mark.parametrize(("model", "weaker"), [("masked", "weaker"), ("strings", "weaker=strings")])
def test_a_weaker_model_is_the_reference(sampled, models, model, weaker):
    status, err, tokens, settings = sampled(model, "--count", 3, "--labels", "0", "--reference", models[weaker])
    assert status == 0, err
    labels = torch.zeros(3, dtype=torch.int64)
    told = labels if model == "masked" else {"kind": labels, "mass": torch.full((3,), torch.nan)}
    expected = by_python(models[model], told, reference=checkpoint.load(models[weaker]).model)
    assert torch.equal(tokens, expected)
    assert not torch.equal(tokens, by_python(models[model], told))
    assert settings["reference"] == [str(models[weaker])]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--reference", "colour=3"], "unknown condition: got 'colour'"),
        (["--reference", "label=12"], "labels of label: got ['12']"),
        (["--reference", "nowhere"], "checkpoint nowhere: got no such directory"),
        (["--reference", "label=1", "--reference", "{weaker}"], "expected one model, or NAME=VALUE"),
        (["--reference", "label=1", "--reference", "label=2"], "--reference: got label twice"),
        (["--reference", "{strings}"], "each with the meaning that the model learnt"),
        (["--reference", "{uniform}"], "process of"),
        (["--initial", "nowhere.npz"], "--initial nowhere.npz: got"),
        (["--initial", "{float}"], "tokens of float64 [1, 64]"),
        (["--initial", "{short}"], "tokens of int64 [1, 5]"),
        (["--initial", "{empty}"], "tokens of int64 [0, 64]"),
        (["--initial", "{other}"], "got arrays maps"),
        (["--initial", "{fixed}"], "fixed of bool [64], expected bool [1, 64]"),
        (["--initial", "{large}"], "initial tokens: got values from 99 to 99"),
    ],
)
def test_what_does_not_fit_is_refused(sampled, models, tmp_path, options, words):
    whole = np.full((1, 64), 16)
    files = {
        "float": {"tokens": whole * 1.0},
        "short": {"tokens": whole[:, :5]},
        "empty": {"tokens": whole[:0]},
        "other": {"maps": whole},
        "fixed": {"tokens": whole, "fixed": whole[0] == 0},
        "large": {"tokens": whole * 0 + 99},
    }
    for name, arrays in files.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    known = models | {name: tmp_path / f"{name}.npz" for name in files}
    status, err, tokens, _ = sampled("masked", *(option.format(**known) for option in options))
    assert (status, tokens) == (2, None)
    assert words in err


@pytest.mark.parametrize("away", [["--reference", "label=3,4,5"], ["--reference", "{weaker}"]])
def test_parts_of_a_call_take_their_own_rows(sampled, models, tmp_path, monkeypatch, away):
    """Samples are drawn some at a time: each is told and given the same as in one call, and the file is of int16."""
    monkeypatch.setattr("dguide.cli.sampling.job._BATCHES", 1)
    initial = torch.randint(0, 16, (3, 64), generator=torch.Generator().manual_seed(0))
    fixed = torch.arange(64).expand(3, 64) % 3 == torch.arange(3).unsqueeze(1)
    initial = torch.where(fixed, initial, checkpoint.load(models["masked"]).process.noise_token)
    path = tmp_path / "initial.npz"
    np.savez(path, tokens=initial.numpy(), fixed=fixed.numpy())
    given = ["--initial", path, *(option.format(**models) for option in away), "--labels", "0,1"]
    status, err, tokens, _ = sampled("masked", "--count", 7, "--batch-size", 2, "--first-index", 1, *given)
    assert status == 0, err
    assert tokens.dtype == torch.int16
    index = torch.arange(1, 8)
    negative = index % 3 + 3 if "=" in away[1] else checkpoint.load(models["weaker"]).model
    held = {"initial": initial[index % 3], "fixed": fixed[index % 3], "reference": negative, "first_index": 1}
    assert torch.equal(tokens.long(), by_python(models["masked"], index % 2, **held))
