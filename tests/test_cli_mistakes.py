"""`dguide sample` tells all mistakes at once, before any work, and none that is not there; others do what they can."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from tiny import save_strings, save_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory, with a file and a folder of somebody else."""
    monkeypatch.chdir(tmp_path)
    np.savez("range.npz", tokens=np.full((2, 64), 99))
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "theirs").touch()
    return tmp_path


MISTAKES = {
    "--device nowhere": "device: got 'nowhere'",
    "--guidance nrmalized": "Did you mean 'normalized'?",
    "--images full": "which has files in it",
    "--weight ramp-up:1,foo=3": "unknown option of guidance schedule ramp-up",
    "--sampler q": "unknown sampler",
    "--dtype float17": "unknown dtype",
    "--labels 12": "labels of label",
    "--reference label=x": "got ['x']",
    "--seed -1": "seed: got -1",
    "--initial none.npz": "--initial none.npz",
    "--first-index 9223372036854775807": "first_index: got 9223372036854775807",
    "--temperature -1": "temperature: got -1",
    "--batch-size 0": "batch_size: got 0",
    "--gpus-per-task 1": "--gpus-per-task: got 1 without --ray",
}
TOGETHER = {
    "--sampler first-hitting --guidance simple": "FirstHitting with Simple",
    "--sampler smc:weight=1 --temperature 0": "SMC with decoding",
    "--sampler halton:shape=3x3": "Halton shape: got (3, 3)",
    "--initial range.npz": "initial tokens: got values from 99",
    "--steps 0": "steps: got 0",
}
CASES = [
    *pairwise(MISTAKES),
    *((each, "--seed -1") for each in TOGETHER),
    ("--initial range.npz", "--sampler halton:shape=3x3"),
    ("--sampler first-hitting --steps 2", "--grid uniform"),
    ("--weight x --sampler smc:weight=-1", "--seed -1"),  # the wrong weight must not be said to be wrong for SMC
]


@pytest.mark.parametrize("out", ["new.npz", "new"])
@pytest.mark.parametrize("pair", CASES, ids=" ".join)
def test_two_mistakes_are_told_in_one_round(run, model, place, pair, out):
    words = (
        MISTAKES
        | TOGETHER
        | {
            "--sampler first-hitting --steps 2": "got --steps",
            "--grid uniform": "got --grid",
            "--weight x --sampler smc:weight=-1": "unknown guidance schedule",
        }
    )
    before = sorted(place.rglob("*"))
    status, said, err = run("sample", model, "--out", out, *" ".join(pair).split())
    assert (status, said) == (2, "")
    assert [each for each in pair if words[each] not in err] == []
    assert err.count("\n") == 2
    assert sorted(place.rglob("*")) == before


def test_all_mistakes_are_told_though_there_is_no_model(run, place):
    """Nor is a sampler blamed that would get the shape of the images from the model."""
    wrong = "--device nowhere --seed -1 --weight x --temperature -1 --initial none.npz --images file --sampler halton"
    status, _, err = run("sample", "nothing", "--out", "none/x.npz", "--jobs", 2, *wrong.split())
    words = (
        "checkpoint nothing",
        "device: got 'nowhere'",
        "seed: got -1",
        "unknown guidance schedule",
        "temperature: got -1",
        "[N, L] of integers",
        "--images: got file",
        "none does not exist",
        "--jobs: got with the file none/x.npz",
    )
    assert [each for each in words if each not in err] == []
    assert (status, err.count("\n")) == (2, len(words))


def test_what_strings_cannot_have_is_told_with_the_rest(run, place, tmp_path_factory):
    strings = save_strings(tmp_path_factory.mktemp("models") / "strings")
    (place / "x.txt").touch()
    status, _, err = run("sample", strings, "--out", "x.npz", "--png", "--images", "full", "--condition", "kind")
    assert (status, err.count("\n")) == (2, 5)
    for words in ("--png: got strings", "--images: got strings", "files in it", "x.txt", "expected NAME=VALUE"):
        assert words in err


def test_a_folder_of_another_study_is_told_with_the_rest(run, model, place):
    """As long as the study is known: with a wrong part nobody can tell whether the folder is of it."""
    quick = ["--out", "mine", "--steps", 1, "--no-png", "--seed", 7]
    assert run("sample", model, *quick, "--count", 2, "--images", "pictures")[0] == 0
    more = run("sample", model, *quick, "--count", 1, "--images", "pictures", "--jobs", 2, "--ray", "auto")[2]
    assert (more.count("\n"), "--jobs: got 2 and --ray auto" in more) == (1, True)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    other = run("sample", model, *quick, "--seed", 5, "--images", "pictures", "--gpus-per-task", 1)[2]
    for words in ("folder " + str(place / "mine"), "the images of another call", "--gpus-per-task"):
        assert words in other
    assert other.count("\n") == 3
    unknown = run("sample", model, *quick, "--seed", -5, "--images", "full")[2]
    assert (unknown.count("\n"), "another" in unknown, "files in it" in unknown) == (2, False, True)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    (place / "mine" / "study.json").write_text("{}")
    theirs = run("sample", model, *quick, "--seed", -5, "--images", "pictures")[2]
    assert (theirs.count("\n"), "a file of another program" in theirs) == (2, True)


OTHERS = {
    "read {model} --out file/x --prior q --classifiers q --seed 99999999999999999999 --device nowhere --text c": 6,
    "read {model} --out file/x --condition x": 2,
    "fill {model} range.npz --out full --class 99 --guidance q --weight x --sampler q --seed -1 --device nowhere": 8,
    "evaluate {model} --out file/x --metric q --against none.npz --weight x --sampler q --seed -1 --top-k 0": 7,
    "evaluate none.npz --out file/x --metric q --against none.npz --bits --steps 3": 4,
    "train --out file/x --steps 0 --data digits --seed -1": 3,
}


@pytest.mark.parametrize("command", OTHERS, ids=lambda each: " ".join(each.split()[:2]))
def test_other_commands_tell_what_they_know_at_once(run, model, place, command):
    before = sorted(place.rglob("*"))
    status, said, err = run(*command.format(model=model).split())
    assert (status, said, err.count("\n")) == (2, "", OTHERS[command]), err
    assert sorted(place.rglob("*")) == before
