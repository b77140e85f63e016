from __future__ import annotations

import errno
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from tiny import save_strings, save_tiny

import dguide
from dguide import checkpoint
from dguide.cli import models
from dguide.cli.commands import train as train_command
from dguide.cli.names import guidance_of, sampler_of
from dguide.cli.sampling.files import _title
from dguide.data import Skipped, load
from dguide.guidance import MECHANISMS
from dguide.nn import Compiled, Inference
from dguide.noise import NOISES
from dguide.samplers import SAMPLERS
from dguide.train import SIZES, TrainConfig, Trained, train
from dguide.train.config import option
from dguide.train.denoisers import build

COMMANDS = (
    "data",
    "sample",
    "fill",
    "generate",
    "evaluate",
    "read",
    "compare",
    "pilot",
    "train",
    "train-tokenizer",
    "check-tokenizer",
    "check-model",
    "demo",
    "theory",
    "info",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def sampled(run, model, tmp_path):
    """Samples with a few options; returns the arrays."""

    def call(*options, name="samples.npz"):
        status, _, err = run("sample", model, "--out", tmp_path / name, "--steps", 2, "--no-png", *options)
        assert status == 0, err
        with np.load(tmp_path / name, allow_pickle=False) as file:
            return dict(file)

    return call


def test_version(run):
    assert run("--version") == (0, f"dguide {dguide.__version__}\n", "")


def test_nothing_at_all_is_wrong_usage_and_shows_the_commands(run):
    status, out, err = run()
    assert (status, out) == (2, "")
    assert all(f"\n  {command} " in err for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_option(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    options = [line for line in out.splitlines() if line.startswith("  --")]
    assert options
    assert all(len(line.split()) > 1 for line in options)


def test_train_has_an_option_for_every_setting_and_shows_its_default(run):
    out = " ".join(run("train", "--help")[1].split())
    for name, setting in TrainConfig.model_fields.items():
        assert f"{option(name)} " in out
        if not setting.is_required() and setting.default is not None:
            usual = "that of the size" if name in SIZES["small"] else setting.default
            text = re.search(rf"{option(name)} [A-Z]+ (.*?)(?: -h,)? --", out)
            assert text[1].endswith(f"[default: {usual}]")


def test_the_help_of_training_writes_values_as_they_are_typed_and_gives_numbers(run):
    out = " ".join(run("train", "--help")[1].split())
    values = ["Masked", "Uniform", "Adamw", "Muon", "Auto", "Cosine", "Linear", "Constant", "Tiny"]
    assert not [word for word in values if re.search(rf"\b{word}\b", out)]
    digits = load("digits")
    for size, millions in re.findall(r"(\w+) \((\d[\d.]*)\)", out.partition("--size")[2].partition("--width")[0]):
        network = build(TrainConfig(out=Path("x"), steps=1, size=size), digits)[1]
        assert float(millions) == pytest.approx(sum(p.numel() for p in network.parameters()) / 1e6, rel=0.06)
    assert all(f" {size} (" in out for size in SIZES)
    for noise, share in re.findall(r"([a-z]+(?::\d)?) \((\d+) %\)", out.partition("--noise")[2].partition("--from")[0]):
        level = NOISES.read(noise).level(torch.tensor(0.5, dtype=torch.float64))
        assert round(100 * float(level)) == int(share)
    assert all(f"{noise}" in out for noise in NOISES.names())


STOPPED = Trained(False, 0, None, (), Path("run"))
OTHER = {
    "out": "elsewhere", "data": "mnist:side=14,levels=4", "process": "uniform", "noise": "cosine", "seed": "3",
    "minutes": "2.0", "size": "tiny", "width": "104", "layers": "2", "heads": "2", "expansion": "3",
    "batch_size": "32", "accumulate": "2", "optimizer": "muon", "rate": "0.01", "decay": "constant", "warmup": "9",
    "weight_decay": "0.1", "clip": "2.0", "ema": "0.9", "dropout": "0.1", "label_dropout": "0.2", "shift": "1",
    "shift_share": "0.25", "evaluate_every": "100", "evaluate_passes": "4", "precision": "bf16", "device": "cpu",
    "tensorboard": "True", "steps": "7", "patience": "5", "from_": "earlier",
    "prediction": "leave-one-out",
}  # fmt: skip
"""Another value than the default of each setting of a training run."""
BESIDE = {"prediction": {"process": "uniform"}}
"""What a setting is for, where it is not for all runs."""


@pytest.mark.parametrize("name", TrainConfig.model_fields)
def test_each_option_of_training_alone_changes_what_is_recorded(run, tmp_path, monkeypatch, name):
    seen = []
    monkeypatch.setattr(train_command, "run_training", lambda config: seen.append(config) or STOPPED)
    plain = {"out": tmp_path / "run", "steps": 5} | BESIDE.get(name, {})
    changed = ({} if name == "minutes" else plain) | {"out": tmp_path / "run", name: OTHER[name]}
    for given in (plain, changed):
        options = [(option(key), value) for key, value in given.items()]
        status, _, err = run("train", *itertools.chain(*options))
        assert status == 130, err
    before, after = (config.settings() for config in seen)
    different = {key for key in before if before[key] != after[key]}
    assert different == {name, *{"size": ("width", "layers"), "minutes": ("steps",)}.get(name, ())}
    assert str(after[name]) == OTHER[name]
    assert f"{option(name)} {OTHER[name]}" in seen[1].command()


@pytest.mark.parametrize("size", SIZES)
def test_a_size_says_width_layers_and_heads(run, tmp_path, monkeypatch, size):
    seen = []
    monkeypatch.setattr(train_command, "run_training", lambda config: seen.append(config) or STOPPED)
    assert run("train", "--out", tmp_path, "--steps", 1, "--size", size)[0] == 130
    assert {name: getattr(seen[0], name) for name in SIZES[size]} == SIZES[size]


def test_the_help_names_all_schedules(run):
    out = " ".join(run("sample", "--help")[1].replace("-\n", "-").split()).replace("- ", "-")
    with pytest.raises(ValueError, match="expected one of") as caught:
        dguide.parse_schedule("nothing")
    names = str(caught.value).partition("one of ")[2].partition(".")[0].split(", ")
    assert len(names) > 5
    assert all(name in out for name in names)


@pytest.mark.parametrize("wrong", ["--stpes", "--zzz", "-q"])
def test_a_mistyped_option_lists_those_there_are(run, model, wrong):
    status, out, err = run("sample", model, "--out", "x.npz", wrong, "3")
    assert (status, out) == (2, "")
    assert err.startswith("error: No such option: ")
    assert all(f"--{name}" in err for name in ("labels", "weight", "guidance", "no-png", "first-index"))


def test_the_list_of_commands_says_each_in_a_whole_sentence(run):
    _, out, _ = run("--help")
    said = out.partition("Commands:")[2].partition("Exit status")[0].strip().splitlines()
    assert len(said) == len(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in said)


def test_a_language_model_is_sent_to_the_command_that_writes(run):
    status, _, err = run("sample", "hf:bert", "--out", "x.npz")
    assert status == 2
    assert "got the language model hf:bert" in err
    assert "`dguide generate`" in err


@pytest.mark.parametrize("wrong", ["smaple", "zzz"])
def test_a_mistyped_command_lists_those_there_are(run, wrong):
    status, _, err = run(wrong)
    assert status == 2
    assert f"Commands: {', '.join(sorted(COMMANDS))}" in err


@pytest.mark.parametrize(
    ("option", "wrong", "names"),
    [
        ("--guidance", "normalised", MECHANISMS.names()),
        ("--sampler", "ancestor", SAMPLERS),
        ("--weight", "rampup:2", ["ramp-up", "constant"]),
        ("--weight", "ramp-up:2,lft=0", ["left", "right"]),
        ("--grid", "uniforn", ["uniform", "cosine"]),
    ],
)
def test_a_mistyped_name_lists_those_there_are(run, model, tmp_path, option, wrong, names):
    status, _, err = run("sample", model, "--out", tmp_path / "x.npz", option, wrong)
    assert status == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert all(name in err for name in names)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--labels", "3,10"], "labels of label: got ['10'], expected labels from 0 to 9"),
        (["--labels", "a"], "got ['a'], expected labels from 0 to 9, or names"),
        (["--count", "0"], "--count"),
        (["--count", "many"], "--count"),
        (["--first-index", "-1"], "--first-index"),
        (["--batch-size", "0"], "batch_size"),
        (["--seed", "-1"], "seed"),
        (["--weight", "-2"], "expected a finite number of at least -1"),
        (["--steps", "0"], "steps"),
        (["--device", "nowhere"], "device: got 'nowhere'"),
        (["--dtype", "float61"], "unknown dtype: got 'float61', expected one of bfloat16, float16, float32"),
        (["--sampler", "first-hitting", "--steps", "4"], "got --steps, expected its own options, of which it has none"),
        (["--sampler", "first-hitting", "--guidance", "simple"], "Normalized or Unlocking"),
        (
            ["--sampler", "entropy-bounded", "--steps", "4"],
            "sampler entropy-bounded: got --steps, expected its own options, bound",
        ),
        (["--sampler", "ancestral:bound=1"], "option of sampler ancestral: got 'bound', expected one of grid, steps"),
        (["--sampler", "ancestral:steps=4", "--steps", "5"], "steps twice"),
        (["--sampler", "smc:sampler=(ancestral:steps=4)", "--steps", "5"], "steps twice"),
        (["--sampler", "smc", "--steps", "5"], "got --steps, expected its own options, particles, sampler, weight"),
        (
            ["--sampler", "blocks:sampler=smc"],
            "Blocks sampler: got SMC",
        ),
        (["--sampler", "nothing:Here"], "there is no module nothing on the path of Python"),
        (["--guidance", "normalized:weight=2"], "The weight is an argument, or the option --weight"),
        (["--sampler", "top-margin", "--guidance", "unlocking"], "expected Normalized"),
        (["--temperature", "-1"], "Decoding temperature: got -1.0"),
        (["--top-k", "0"], "Decoding top_k: got 0"),
        (["--top-p", "1.5"], "Decoding top_p: got 1.5"),
    ],
)
def test_bad_input_is_one_clean_line(run, model, tmp_path, options, words):
    status, out, err = run("sample", model, "--out", tmp_path / "x.npz", *options)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A checkpoint of strings with two conditions, one of them a number."""
    return save_strings(tmp_path_factory.mktemp("models") / "strings")


def test_several_conditions_are_asked_by_name(run, several, tmp_path):
    out = tmp_path / "samples.npz"
    asked = ["--condition", "mass=3,1", "--condition", "kind=dog,0,1"]
    status, printed, err = run("sample", several, "--out", out, "--count", 6, "--steps", 3, "--weight", 1, *asked)
    assert status == 0, err
    loaded = checkpoint.load(several)
    expected = dguide.sample(
        loaded.model,
        process=loaded.process,
        length=6,
        condition={"kind": torch.tensor([1, 0, 1] * 2), "mass": torch.tensor([2.0, -2.0] * 3)},
        guidance=dguide.Normalized(1.0),
        sampler=dguide.Ancestral(steps=3),
    )
    with np.load(out, allow_pickle=False) as file:
        assert (file["tokens"] == expected.tokens.numpy()).all()
        assert file["labels"].tolist() == [1, 0, 1, 1, 0, 1]
        assert file["mass"].tolist() == [2, -2] * 3
    assert out.with_suffix(".txt").read_text().splitlines() == loaded.codec.decode(expected.tokens)
    assert "samples.txt" in printed
    assert not out.with_suffix(".png").exists()


def test_what_is_not_asked_is_not_told(run, several, tmp_path):
    for options, labels in (([], [0, 1, 0]), (["--condition", "mass=3"], [2, 2, 2])):
        assert run("sample", several, "--out", tmp_path / "x.npz", "--count", 3, "--steps", 2, *options)[0] == 0
        with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
            assert file["labels"].tolist() == labels
            assert np.isnan(file["mass"]).all() == (not options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--condition", "mass"], "NAME=VALUE,... with one of kind, mass"),
        (["--condition", "weight=3"], "unknown condition: got 'weight', expected one of kind, mass"),
        (["--condition", "mass=heavy"], "values of mass"),
        (["--condition", "kind=cat", "--labels", "1"], "kind twice"),
        (["--labels", "bird"], "labels from 0 to 1, or names. Names: cat, dog"),
        (["--png"], "no images"),
    ],
)
def test_conditions_that_are_none_are_one_clean_line(run, several, tmp_path, options, words):
    status, _, err = run("sample", several, "--out", tmp_path / "x.npz", *options)
    assert status == 2
    assert words in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_sample_writes_what_the_library_draws(run, model, tmp_path):
    out = tmp_path / "samples.npz"
    options = ["--count", 7, "--labels", "3,5", "--guidance", "unlocking", "--weight", "1.5", "--sampler", "euler"]
    status, printed, err = run("sample", model, "--out", out, "--steps", 4, "--seed", 9, *options)
    assert status == 0, err
    assert "7 samples" in printed
    loaded = checkpoint.load(model)
    labels = torch.tensor([3, 5, 3, 5, 3, 5, 3])
    expected = dguide.sample(
        loaded.model,
        process=loaded.process,
        length=64,
        condition=labels,
        guidance=dguide.Unlocking(1.5),
        sampler=dguide.Euler(steps=4),
        seed=9,
    )
    with np.load(out, allow_pickle=False) as file:
        assert (file["tokens"] == expected.tokens.numpy()).all()
        assert (file["labels"] == labels.numpy()).all()
        assert file["calls"].tolist() == [expected.calls.conditional, expected.calls.reference]
        assert (file["forced"] == expected.forced.numpy()).all()
        settings = json.loads(str(file["settings"]))
    assert (settings["guidance"], settings["weight"]) == ("unlocking", "constant:1.5")
    assert (settings["sampler"], settings["seed"], settings["count"]) == ("euler:steps=4,grid=uniform", 9, 7)
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples.npz", "samples.png"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("compiled", [False, True])
def test_precision_and_compilation_are_those_of_the_library(sampled, model, monkeypatch, dtype, compiled):
    monkeypatch.setattr(models, "Compiled", lambda: Compiled("eager"))  # no machine code, which takes long
    built = []
    monkeypatch.setattr(models, "Inference", lambda *a, **k: built.append((a, k)) or Inference(*a, **k))
    drawn = sampled("--count", 6, "--dtype", dtype, *(["--compile"] if compiled else []))
    assert [type(speedup).__name__ for speedup in built[0][0][1:]] == ["Compiled"] * compiled
    loaded = checkpoint.load(model)
    expected = dguide.sample(
        Inference(loaded.model, dtype=dtype),
        process=loaded.process,
        length=64,
        condition=torch.arange(6),
        guidance=dguide.Normalized(dguide.RampUp(2.0)),
        sampler=dguide.Ancestral(steps=2),
    )
    assert (drawn["tokens"] == expected.tokens.numpy()).all()
    settings = json.loads(str(drawn["settings"]))
    assert (settings["dtype"], settings["compile"]) == (dtype, compiled)


def test_tokens_are_decoded_as_by_the_library(sampled, model):
    drawn = sampled("--count", 6, "--temperature", 0.7, "--top-k", 5, "--top-p", 0.9)
    loaded = checkpoint.load(model)
    expected = dguide.sample(
        loaded.model,
        process=loaded.process,
        length=64,
        condition=torch.arange(6),
        guidance=dguide.Normalized(dguide.RampUp(2.0)),
        sampler=dguide.Ancestral(steps=2),
        decoding=dguide.Decoding(temperature=0.7, top_k=5, top_p=0.9),
    )
    assert (drawn["tokens"] == expected.tokens.numpy()).all()
    settings = json.loads(str(drawn["settings"]))
    assert (settings["temperature"], settings["top_k"], settings["top_p"]) == (0.7, 5, 0.9)


@pytest.mark.parametrize(
    ("asked", "second"),
    [
        ([], "ancestral:steps=2,grid=uniform"),
        (
            ["--temperature", 0, "--sampler", "blocks:low-confidence,16"],
            "blocks:sampler=(low-confidence:steps=2,grid=uniform,noise=0.0),size=16, temperature 0.0",
        ),
        (["--grid", "cosine", "--top-k", 5, "--dtype", "bfloat16"], "ancestral:steps=2,grid=cosine, top-k 5, bfloat16"),
    ],
)
def test_pictures_say_what_they_are_of(sampled, asked, second):
    settings = json.loads(str(sampled("--count", 2, *asked)["settings"]))
    assert _title(settings) == f"normalized, ramp-up:2.0,left=0.0,right=0.0\n{second}"


def test_compilation_without_a_compiler_is_told_before_the_work(run, model, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    status, _, err = run("sample", model, "--out", tmp_path / "x.npz", "--compile", "--device", "cpu")
    assert status == 2
    assert err.startswith("error: torch.compile on the CPU: got no C++ compiler no-such-compiler")
    assert not list(tmp_path.iterdir())


def test_the_settings_give_the_same_samples_again(sampled):
    first = sampled("--count", 5, "--weight", "ramp-up:2.0,left=0,right=0.3", "--guidance", "simple")
    settings = json.loads(str(first["settings"]))
    options = [f"--{name}={settings[name]}" for name in ("count", "weight", "guidance", "seed", "sampler")]
    assert (sampled(*options)["tokens"] == first["tokens"]).all()


def test_shards_are_the_parts_of_the_whole(sampled):
    whole = sampled("--count", 9, "--labels", "1,2,7,4", "--batch-size", 4)
    shards = [sampled("--count", n, "--labels", "1,2,7,4", "--first-index", start) for start, n in ((0, 2), (2, 7))]
    for name in ("tokens", "labels", "forced"):
        assert (np.concatenate([shard[name] for shard in shards]) == whole[name]).all()


def test_first_hitting_takes_a_call_for_each_token(sampled, run, model, tmp_path):
    status, _, err = run("sample", model, "--out", tmp_path / "a.npz", "--sampler", "first-hitting", "--count", 1)
    assert status == 0, err
    with np.load(tmp_path / "a.npz") as file:
        assert file["calls"].tolist() == [64, 64]


@pytest.mark.parametrize("labels", ["4", "0,1,2,3,4,5,6", ",".join("0123456789" * 3)])
def test_pictures_of_any_number_of_labels(run, model, tmp_path, labels):
    status, _, err = run("sample", model, "--out", tmp_path / "a.npz", "--steps", 1, "--count", 12, "--labels", labels)
    assert status == 0, err
    assert (tmp_path / "a.png").exists()


def test_names_on_the_command_line_are_those_of_the_library():
    for name in MECHANISMS.names():
        assert type(guidance_of(name, "1")).__name__.lower() == name
    for name in SAMPLERS:
        assert type(sampler_of(name, shape=(8, 8))).__name__.lower() == name.replace("-", "")
    assert sampler_of("euler", None, "cosine") == dguide.Euler(grid="cosine")
    assert sampler_of("halton", 4, "arccos", shape=(2, 3)) == dguide.Halton(4, "arccos", shape=(2, 3))
    assert sampler_of("halton:shape=3x2", shape=(2, 3)) == dguide.Halton(shape=(3, 2))
    assert sampler_of("blocks:halton,4", 5, shape=(2, 3)) == dguide.Blocks(dguide.Halton(5, shape=(2, 3)), 4)
    assert sampler_of("low-confidence:noise=2") == dguide.LowConfidence(noise=2.0)
    assert sampler_of("blocks:(entropy-bounded:bound=.5),8") == dguide.Blocks(dguide.EntropyBounded(0.5), 8)
    assert sampler_of("smc:sampler=ancestral", 2, "1;0.5;0") == dguide.SMC(sampler=dguide.Ancestral(2, (1, 0.5, 0)))
    with pytest.raises(ValueError, match="4 steps and a grid of 3 times, expected 2 steps"):
        sampler_of("smc:sampler=ancestral", 4, "1;0.5;0")
    assert sampler_of("ancestral:steps=4", 4) == dguide.Ancestral(4)
    with pytest.raises(ValueError, match="sampler halton: got no shape"):
        sampler_of("halton")


@pytest.fixture
def no_work(monkeypatch):
    """Fails if anything is sampled."""

    def draw(*_, **__):
        pytest.fail("the work began")

    monkeypatch.setattr("dguide.cli.sampling.job.draw", draw)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("case", ["missing", "file", "directory", "suffix", "device"])
def test_output_problems_are_found_before_the_work(run, model, tmp_path, case):
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.npz").mkdir()
    out, words = {
        "missing": (tmp_path / "none" / "x.npz", "does not exist"),
        "file": (tmp_path / "file" / "x.npz", "is no folder"),
        "directory": (tmp_path / "taken.npz", "no regular file"),
        "suffix": (tmp_path / "x.npy", "ends in .npz"),
        "device": (Path("/dev/full"), "ends in .npz"),
    }[case]
    status, _, err = run("sample", model, "--out", out)
    assert status == 2
    assert words in err


@pytest.mark.usefixtures("no_work")
def test_a_read_only_folder_is_found_before_the_work(run, model, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    status, _, err = run("sample", model, "--out", tmp_path / "x.npz")
    assert (status, "Read-only file system" in err) == (2, True)
    status, _, err = run("train", "--out", tmp_path / "new" / "run", "--steps", 1)
    assert (status, "Read-only file system" in err) == (2, True)


@pytest.mark.usefixtures("no_work")
def test_a_full_disk_is_found_before_the_work(run, model, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    status, _, err = run("sample", model, "--out", tmp_path / "x.npz")
    assert (status, "MB free, expected room for" in err) == (2, True)
    assert run("sample", model, "--out", tmp_path / "x.npz", "--count", 10**15)[0] == 2
    for command in (["evaluate", model], ["read", model], ["train", "--steps", 1], ["demo"], ["theory"]):
        status, _, err = run(*command, "--out", tmp_path / "new")
        assert (status, "--out: got" in err, "expected room for" in err) == (2, True, True)
    assert not (tmp_path / "new").exists()


def test_the_room_that_training_asks_for_is_what_it_takes(tmp_path, monkeypatch):
    monkeypatch.setattr("dguide.train.denoisers.passes_for", lambda count: 1)
    sizes = {"width": 128, "layers": 2, "heads": 4, "batch_size": 2, "evaluate_passes": 1, "device": "cpu"}
    for more in ({}, {"expansion": 8}):
        out = tmp_path / str(len(more))
        config = TrainConfig(out=out, steps=1, **sizes, **more)
        train(config)
        written = [path.stat().st_size for path in out.iterdir()]
        assert sum(written) + max(written) < train_command._room(config) < 2 * sum(written) + max(written)


def test_a_disk_that_fills_up_leaves_nothing(run, model, tmp_path, monkeypatch):
    def full(file, **_):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    status, _, err = run("sample", model, "--out", tmp_path / "x.npz", "--steps", 1, "--count", 1)
    told = f"error: space in {tmp_path}: got none left, expected room for x.npz. Free some space and run the same"
    assert (status, err.startswith(told), err.count("\n")) == (1, True, 1)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_leaves_nothing(run, model, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("dguide.cli.sampling.job.draw", interrupted)
    status, _, err = run("sample", model, "--out", tmp_path / "x.npz")
    assert status == 130
    assert err.strip().endswith("interrupted")
    assert not list(tmp_path.iterdir())


def test_a_mistake_of_ours_shows_where_it_is(run, model, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("dguide.cli.sampling.job.draw", broken)
    status, _, err = run("sample", model, "--out", tmp_path / "x.npz")
    assert status == 1
    assert "Traceback" in err
    assert err.strip().endswith("error: ZeroDivisionError: oh")


def test_training_that_diverges_is_told_in_one_line(run, tmp_path, monkeypatch):
    def lost(*_):
        return torch.tensor(float("nan"), requires_grad=True)

    monkeypatch.setattr("dguide.train.denoisers._loss", lost)
    small = ["--width", 8, "--layers", 1, "--heads", 2, "--batch-size", 4, "--evaluate-passes", 1, "--device", "cpu"]
    status, _, err = run("train", "--out", tmp_path / "run", "--steps", 5, *small)
    assert status == 1
    assert "error: training diverged" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("module", ["typer", "pydantic", "matplotlib", "safetensors"])
@pytest.mark.usefixtures("no_work")
def test_a_missing_extra_names_the_command_that_installs_it(run, model, tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    status, _, err = run("sample", model, "--out", tmp_path / "x.npz")
    assert status == 1
    assert err.startswith(f"error: {module} is not installed: pip install 'dguide[")


def test_data_shows_what_is_in_a_data_set(run, tmp_path):
    status, out, _ = run("data", "digits", "--png", tmp_path / "x.png")
    assert status == 0
    for words in (
        "1,253 for training, 185 for validation, 359 for the test",
        "64 of 16, 8 rows of 8 pixels",
        "left out:   0",
    ):
        assert words in out
    assert plt.imread(tmp_path / "x.png").shape[2] == 4
    summary = json.loads(run("data", "digits", "--json")[1])
    assert summary["conditions"]["label"]["7"] == [125, 18, 36]
    status, _, err = run("data", "digts")
    assert (status, "digits" in err) == (2, True)


def test_data_lists_what_was_left_out(run, monkeypatch):
    left_out = tuple(Skipped(f"line {n}", "no label" if n % 2 else "too long") for n in range(30))
    monkeypatch.setattr("dguide.cli.commands.data.load", lambda name, **_: replace(load("digits"), skipped=left_out))
    out = run("data", "digits")[1]
    assert "left out:   30" in out
    assert "15 no label" in out
    assert "line 19: no label" in out
    assert "line 20:" not in out
    assert "10 more: --all" in out
    assert "line 29: no label" in run("data", "digits", "--all")[1]


def test_info(run, model):
    status, out, _ = run("info", model)
    assert status == 0
    for words in (
        "64 tokens of 16",
        "label: 0, 1, 2",
        "masked (vocab_size=16, mask_id=16, noise=linear)",
        "4.0000 bits",
        "--steps 1",
    ):
        assert words in out
    status, out, _ = run("info", model, "--json")
    assert json.loads(out)["process"]["name"] == "masked"


def test_info_of_nothing_and_of_a_damaged_checkpoint(run, tmp_path):
    status, _, err = run("info", tmp_path)
    assert (status, "expected a directory with config.json" in err) == (2, True)
    weights = save_tiny(tmp_path / "model") / checkpoint.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    status, _, err = run("info", tmp_path / "model")
    assert (status, "SHA-256" in err) == (2, True)


def test_train_sample_and_info_work_together(run, tmp_path, monkeypatch):
    monkeypatch.setattr("dguide.train.denoisers.passes_for", lambda count: 1)
    out = tmp_path / "run"
    small = ["--width", 8, "--layers", 1, "--heads", 2, "--batch-size", 4, "--evaluate-passes", 1, "--device", "cpu"]
    status, printed, err = run("train", "--out", out, "--steps", 2, "--process", "uniform", *small)
    assert status == 0, err
    assert "bits per token of the test data" in printed
    assert "(of the test part, which chose nothing" in printed
    assert run("info", out)[0] == 0
    assert run("sample", out, "--out", tmp_path / "x.npz", "--steps", 1, "--count", 2, "--no-png")[0] == 0


def test_all_mistakes_in_the_settings_are_told_at_once(run, tmp_path):
    wrong = ["--process", "maskd", "--rate", "fast", "--data", "digit", "--steps", 3]
    status, _, err = run("train", "--out", tmp_path / "run", *wrong)
    assert status == 2
    assert "one of masked, uniform" in err
    assert "--rate: Input should be a valid number" in err
    assert "--data" in err
    assert not (tmp_path / "run").exists()
    status, _, err = run("train", "--out", tmp_path / "run")
    assert (status, "exactly one of the two" in err) == (2, True)


def test_training_says_what_was_left_out_of_the_data(run, tmp_path, monkeypatch):
    left_out = tuple(Skipped(f"line {n}", "no label") for n in range(1200))
    monkeypatch.setattr("dguide.train.denoisers.load", lambda name, **_: replace(load("digits"), skipped=left_out))
    monkeypatch.setattr("dguide.train.denoisers.passes_for", lambda count: 1)
    small = ["--width", 8, "--layers", 1, "--heads", 2, "--batch-size", 4, "--evaluate-passes", 1, "--device", "cpu"]
    err = run("train", "--out", tmp_path / "run", "--steps", 1, *small)[2]
    assert "1,200 left out of the data: dguide data digits lists them\n" in err


@pytest.mark.parametrize(("finished", "status"), [(True, 0), (False, 130)])
def test_the_main_process_alone_reports(run, tmp_path, monkeypatch, finished, status):
    monkeypatch.setattr(train_command, "run_training", lambda _: replace(STOPPED, finished=finished, main=False))
    assert run("train", "--out", tmp_path, "--steps", 20)[:2] == (status, "")


def test_a_stopped_training_run_says_how_to_go_on(run, tmp_path, monkeypatch):
    stopped = Trained(False, 12, None, (), tmp_path)
    monkeypatch.setattr(train_command, "run_training", lambda _: stopped)
    status, out, _ = run("train", "--out", tmp_path, "--steps", 20)
    assert status == 130
    assert "stopped after step 12; the same command resumes it" in out


def test_demo_without_checkpoints_says_what_to_do(run, tmp_path):
    status, _, err = run("demo", "--out", tmp_path / "demo", "--checkpoints", tmp_path)
    assert status == 2
    assert "--checkpoints DIR" in err
    assert not (tmp_path / "demo").exists()
    (tmp_path / "file").write_text("")
    assert run("demo", "--out", tmp_path / "file")[0] == 2
    assert run("demo", "--out", tmp_path / "demo", "--steps", 0)[0] == 2


def test_as_a_program():
    done = subprocess.run([sys.executable, "-m", "dguide.cli", "info", "nothing"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: checkpoint nothing")
