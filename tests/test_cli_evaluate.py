from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import DIGITS, save_numbers, save_strings, save_tiny

from dguide import checkpoint
from dguide.cli.commands import evaluate as command
from dguide.data import Above, Dataset, Label, Split, Value
from dguide.data.align_conditions import align_conditions
from dguide.evaluate import LearntFeatures, image_estimates, likelihood


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def write(tmp_path):
    """Writes a file of samples: real held-out digits, but for what is changed; returns its path."""

    def call(**changes):
        settings = {"data": "digits", "checkpoint": "real", "guidance": "none"}
        arrays = {
            "tokens": DIGITS.test.tokens[:60].numpy(),
            "labels": DIGITS.test.labels[:60].numpy(),
            "calls": np.array([8, 4]),
            "settings": np.array(json.dumps(settings)),
        } | changes
        path = tmp_path / "samples.npz"
        np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
        return path

    return call


@pytest.fixture
def quick(monkeypatch):
    """A judge that has learnt a little only, which takes no time."""
    fit = LearntFeatures.fit.__func__
    monkeypatch.setattr(
        LearntFeatures, "fit", classmethod(lambda cls, data, *, seed=0: fit(cls, data, seen=3200, seed=seed))
    )


@pytest.mark.usefixtures("quick")
def test_samples_of_a_file_are_judged_as_by_the_library(run, write, tmp_path):
    out = tmp_path / "new" / "folder"
    status, printed, err = run("evaluate", write(), "--out", out, "--repetitions", 5, "--judge-seed", 3)
    assert status == 0, err
    real = DIGITS.test.take(torch.arange(60))
    expected = image_estimates(DIGITS, real.tokens, real.labels, repetitions=5, seed=3)
    content = json.loads((out / "evaluation.json").read_text())
    assert [found["value"] for found in content["estimates"]] == pytest.approx([found.value for found in expected])
    assert [found["low"] for found in content["estimates"]] == pytest.approx([found.low for found in expected])
    assert (content["samples"], content["calls"], content["data"]) == (60, [8, 4], "digits")
    asked = {"guidance": "none", "judge_seed": 3, "repetitions": 5, "features": None}
    assert content["settings"].items() >= asked.items()
    page = (out / "evaluation.md").read_text()
    assert page in printed
    assert all(f"| {found.name} |" in page for found in expected)
    assert sorted(path.name for path in out.iterdir()) == ["evaluation.json", "evaluation.md"]


@pytest.mark.usefixtures("quick")
def test_other_samples_of_the_same_seed_are_compared_pair_by_pair(run, write, tmp_path):
    first = write().rename(tmp_path / "first.npz")
    tokens = DIGITS.test.tokens[:60].numpy().copy()
    tokens[:20] = DIGITS.train.tokens[:20].numpy()  # copies in the second set only
    out = tmp_path / "out"
    status, printed, err = run("evaluate", first, "--against", write(tokens=tokens), "--out", out, "--repetitions", 20)
    assert status == 0, err
    assert "in pairs of equal seeds" in printed
    found = {each["name"]: each for each in json.loads((out / "differences.json").read_text())["estimates"]}
    copies = found["copies of training images"]
    assert copies["value"] == pytest.approx(-1 / 3)
    assert -0.5 < copies["low"] < -1 / 3 < copies["high"] < 0
    assert {"Fréchet distance", "recall", "diversity within a class"} <= found.keys()
    labels = np.roll(DIGITS.test.labels[:60].numpy(), 1)
    for changes in ({"labels": labels}, {"settings": np.array('{"data": "digits", "seed": 7}')}):
        status, _, err = run("evaluate", first, "--against", write(**changes), "--out", tmp_path / "none")
        assert status == 2
        assert "samples.npz" in err


@pytest.mark.usefixtures("quick")
def test_a_checkpoint_is_drawn_from_with_the_options_of_sample(run, model, tmp_path):
    drawing = ["--count", 20, "--steps", 2, "--weight", 1, "--labels", "3,5", "--seed", 4]
    out, other = tmp_path / "out", tmp_path / "x.npz"
    judging = ["--features", "pixels", "--repetitions", 0, "--bits"]
    status, _, err = run("evaluate", model, "--out", out, "--no-png", *drawing, *judging)
    assert status == 0, err
    assert run("sample", model, "--out", other, "--no-png", *drawing)[0] == 0
    with np.load(out / "samples.npz") as mine, np.load(other) as theirs:
        assert all((mine[name] == theirs[name]).all() for name in ("tokens", "labels", "calls"))
    content = json.loads((out / "evaluation.json").read_text())
    assert content["estimates"][1]["note"] == "pixels"
    assert content["settings"]["weight"] == "constant:1.0"
    bits = content["estimates"][-1]
    loaded, real = checkpoint.load(model), DIGITS.test
    expected = likelihood(loaded.model, loaded.process, real.tokens, real.labels)
    assert (bits["name"], bits["count"]) == ("bits per token", len(real))
    assert bits["value"] == pytest.approx(expected.bits)
    assert (bits["low"], bits["high"]) == pytest.approx((expected.estimate().low, expected.estimate().high))
    assert sorted(path.name for path in out.iterdir()) == ["evaluation.json", "evaluation.md", "samples.npz"]


def table(path, kinds=("cat", "dog"), masses=range(30)):
    """A table of texts of a, b, c with a kind, if there are any, and a mass; returns its path."""
    header = ["text", *(["kind"] if kinds else []), "mass"]
    texts = map("".join, itertools.product("abc", repeat=4))
    rows = [[next(texts), *([kinds[n % 2]] if kinds else []), str(mass)] for n, mass in enumerate(masses)]
    path.write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    return path


def test_a_first_condition_that_is_a_number_is_judged(run, tmp_path):
    model, samples = save_numbers(tmp_path / "numbers"), tmp_path / "samples.npz"
    data = f"csv:{table(tmp_path / 'a.csv', kinds=())},text=text,property=mass"
    drawing = ["--count", 8, "--steps", 2, "--condition", "mass=1.5,2"]
    assert run("sample", model, "--out", samples, *drawing)[0] == 0
    with np.load(samples) as file:
        assert file["labels"].tolist() == [-1.0, 0.0] * 4
    for source in ([samples], [model, *drawing]):
        out = tmp_path / "out"
        status, _, err = run("evaluate", *source, "--data", data, "--out", out, "--repetitions", 2)
        assert status == 0, err
        assert json.loads((out / "evaluation.json").read_text())["samples"] == 8


def test_other_data_must_have_the_same_classes(run, tmp_path):
    model, samples = save_strings(tmp_path / "strings"), tmp_path / "samples.npz"
    drawing = ["--count", 8, "--steps", 2]
    assert run("sample", model, "--out", samples, *drawing)[0] == 0
    for name, kinds, words in (
        ("same", ("cat", "dog"), ""),
        ("other", ("cat", "ape"), "expected kind (cat, dog). Choose the data that the model learnt"),
        ("none", (), "first condition of "),
    ):
        label = ",label=kind" if kinds else ""
        data = f"csv:{table(tmp_path / f'{name}.csv', kinds)},text=text{label},property=mass"
        for source in ([samples], [model, *drawing]):
            out = tmp_path / f"{name}{len(source)}"
            status, _, err = run("evaluate", *source, "--data", data, "--out", out, "--repetitions", 2)
            assert status == (2 if words else 0), err
            assert words in err
            assert out.exists() == (not words)


def test_what_a_model_was_told_means_the_same_of_other_data():
    texts, mass = torch.zeros(4, 2, dtype=torch.int64), torch.tensor([1.0, 2, 3, 4], dtype=torch.float64)
    own = Dataset("own", *3 * [Split(texts, (mass > 2).long(), {"mass": mass})], DIGITS.codec, (Above("mass", 2.0),))
    assert align_conditions(own, own.conditions) is own
    found = align_conditions(own, (Above("mass", 3.0), Label(("x", "y"), "unknown")))
    assert found.conditions == (Above("mass", 3.0),)
    assert found.train.labels.tolist() == found.validation.labels.tolist() == found.test.labels.tolist() == [0, 0, 0, 1]
    scaled = align_conditions(own, (Value("mass", 2.0, 0.5),))
    assert scaled.condition(scaled.test)["mass"].tolist() == [-2, 0, 2, 4]
    for learnt in (Label(("x", "y"), "mass"), Label(("x", "y"), "kind")):
        with pytest.raises(ValueError, match="conditions of own: got mass"):
            align_conditions(own, (learnt,))


@pytest.mark.usefixtures("quick")
def test_seconds_of_sampling_and_of_judging_stand_on_the_page(run, model, tmp_path):
    samples, out = tmp_path / "samples.npz", tmp_path / "out"
    status, printed, _ = run("sample", model, "--out", samples, "--count", 20, "--steps", 2, "--no-png")
    assert status == 0
    with np.load(samples) as file:
        sampling = json.loads(str(file["settings"]))["seconds"]
    assert f"20 samples in {sampling:.1f} s" in printed
    status, _, err = run("evaluate", samples, "--out", out, "--repetitions", 0, "--features", "pixels")
    assert status == 0, err
    content = json.loads((out / "evaluation.json").read_text())
    assert content["sampling_seconds"] == sampling
    assert content["seconds"] > 0
    told = f"{sampling:.1f} s of sampling, {content['seconds']:.1f} s of judging."
    assert told in (out / "evaluation.md").read_text()


@pytest.fixture
def no_work(monkeypatch):
    """Fails if anything is sampled or judged."""

    def work(*_, **__):
        pytest.fail("the work began")

    monkeypatch.setattr(LearntFeatures, "fit", work)
    monkeypatch.setattr(command, "sample", work)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({}, ["--steps", 3, "--count", 5], "--count and --steps: got"),
        ({}, ["--bits"], "whose samples are drawn already, expected a checkpoint"),
        ({}, ["--data", "digit"], "unknown data set: got 'digit'"),
        ({}, ["--data", "mnist:side=14,levels=4"], "a last dimension of 196"),
        ({}, ["--features", "pixel"], "unknown features: got 'pixel', expected one of inception, learnt, pixels"),
        ({}, ["--features", "inception"], "got no weights"),
        ({}, ["--metric", "images:features=pixel"], "unknown features: got 'pixel'"),
        ({}, ["--metric", "image"], "unknown metric: got 'image', expected one of images, junctions, molecules"),
        ({}, ["--metric", "texts"], "metric: got texts, expected one for digits: images"),
        ({}, ["--metric", "images", "--features", "pixels"], "Write images:features=NAME instead"),
        ({}, ["--inception-weights", "x.pth"], "got weights, expected weights with inception"),
        ({}, ["--features", "inception", "--inception-weights", "x.pth"], "x.pth, which is no file"),
        ({"tokens": np.full((60, 64), 16)}, [], "expected values from 0 to 15"),
        ({"tokens": np.zeros((60, 63), dtype=int)}, [], "a last dimension of 64"),
        ({"tokens": np.zeros((60, 64))}, [], "expected tokens, labels, calls and settings"),
        ({"labels": None}, [], "expected tokens, labels, calls and settings"),
        ({"labels": np.zeros(7, dtype=int)}, [], "one for each of tokens"),
        ({"labels": np.zeros(60)}, [], "labels of kind float64, expected classes of label"),
        ({"settings": np.array('{"data": "digits", "learnt": [{"kind": "sort"}]}')}, [], "unknown kind of condition"),
        ({"settings": np.array('{"data": "digits", "learnt": 3}')}, [], "learnt 3, expected a list of conditions"),
        ({"calls": np.array([1])}, [], "expected tokens, labels, calls and settings"),
        ({"settings": None}, [], "got no settings"),
        ({"settings": np.array("{")}, [], "a file that `dguide sample` wrote"),
        ({"settings": np.array("{}")}, [], "no data in the settings"),
    ],
)
def test_bad_input_is_one_clean_line(run, write, tmp_path, changes, options, words):
    path = write(**changes)
    status, out, err = run("evaluate", path, "--out", tmp_path / "out", *options)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_work")
def test_too_few_samples_are_one_clean_line(run, write, tmp_path):
    real = DIGITS.test
    path = write(tokens=real.tokens[:4].numpy(), labels=real.labels[:4].numpy())
    status, _, err = run("evaluate", path, "--out", tmp_path / "out")
    assert (status, err.count("\n")) == (2, 1)
    assert "got 4, expected at least 6" in err


@pytest.mark.usefixtures("no_work")
def test_what_is_no_file_of_samples(run, model, write, tmp_path):
    (tmp_path / "text.npz").write_text("no arrays")
    (tmp_path / "page.md").write_text("")
    np.save(tmp_path / "single.npy", np.arange(3))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    damaged = bytearray(write().read_bytes())
    damaged[200:400] = bytes(200)
    (tmp_path / "damaged.npz").write_bytes(damaged)
    for path, words in (
        (tmp_path / "single.npz", "a file that `dguide sample` wrote"),
        (tmp_path / "damaged.npz", "a file that `dguide sample` wrote"),
        (tmp_path / "none.npz", "no such file"),
        (tmp_path / "text.npz", "a file that `dguide sample` wrote"),
        (tmp_path / "page.md", "FILE.npz, or the directory of a checkpoint"),
        (tmp_path / "none", "no such directory"),
        (tmp_path, "a directory without config.json"),
    ):
        status, _, err = run("evaluate", path, "--out", tmp_path / "out")
        assert (status, words in err) == (2, True), err
    status, _, err = run("evaluate", model, "--out", tmp_path / "page.md")
    assert (status, "is no folder" in err) == (2, True)


def test_every_option_of_sample_is_there(run):
    own, theirs = (set(run(name, "--help")[1].split()) for name in ("evaluate", "sample"))
    options = {word for word in theirs if word.startswith("--") and len(word) > 2}
    assert options - own == set()
    assert "[default: 1000; x>=1]" in run("evaluate", "--help")[1]


@pytest.mark.usefixtures("quick")
def test_an_older_evaluation_stays_if_the_disk_is_full(run, write, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run("evaluate", write(), "--out", out, "--repetitions", 0)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    whole = Path.write_text

    def full(path, text, **options):
        if "json" in path.name:
            raise OSError(28, "No space left on device")
        return whole(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    status, _, err = run("evaluate", write(), "--out", out, "--repetitions", 0, "--features", "pixels")
    assert (status, f"space in {out}: got none left" in err) == (1, True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
