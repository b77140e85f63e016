"""`dguide sample --out FOLDER`: the samples of a file, whoever dies on the way."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from processes import start
from tiny import save_numbers, save_strings, save_tiny

from dguide.cli.sampling.folder import is_folder
from dguide.cli.workers import device_of_workers, with_values
from dguide.errors import InputError
from dguide.evaluate import LearntFeatures
from dguide.study import Shards


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


def options(model, count, *others):
    return ["sample", model, "--count", count, "--steps", 4, "--batch-size", 64, *others]


def check_same(folder, file):
    """Whether a folder holds the samples of a file, bit for bit."""
    found = Shards.open(folder).joined()
    with np.load(file) as whole:
        names = {*whole.files} - {"settings"}
        assert names == found.keys() - {"seconds"}
        for name in names:
            assert found[name].dtype == whole[name].dtype
            assert (found[name] == whole[name]).all(), name


def test_killed_and_started_again(run, model, tmp_path):
    """Killed with -9, or interrupted, at any moment of the work: no worker is left, and the samples are the same."""
    count, folder, moments = 8 * 256, tmp_path / "folder", random.Random(5)
    command = options(model, count, "--no-png", "--out")
    ends = [signal.SIGKILL, signal.SIGINT]
    for _ in range(10):
        child = start("-m", "dguide", *command, folder, "--jobs", 2, out=tmp_path / "out", err=tmp_path / "err")
        before = len(shards(folder))
        wait_for(lambda before=before, child=child: len(shards(folder)) > before or not child.is_alive())
        workers = children(child.pid)
        time.sleep(moments.random() / 10)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, ends[0])
        child.join()
        wait_for(lambda workers=workers: not any(map(alive, workers)))
        if child.exitcode == (130 if ends[0] == signal.SIGINT else -ends[0]):
            assert len(workers) == 2
            ends.pop(0)
        else:  # all was done before the signal came
            assert child.exitcode == 0
        if not ends:
            break
        for path in shards(folder)[3:]:
            path.unlink()
    assert not ends
    for path in shards(folder)[4:]:
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in shards(folder)}
    assert run(*command, folder)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(shards(folder)) == 8
    assert run(*command, tmp_path / "x.npz")[0] == 0
    check_same(folder, tmp_path / "x.npz")


def children(process):
    try:
        return Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []


def shards(folder):
    return sorted(folder.rglob("*.safetensors"))


def alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("save", [save_tiny, save_strings, save_numbers])
def test_a_folder_holds_the_samples_of_a_file(run, tmp_path, save):
    model = save(tmp_path / "model")
    told = () if save is save_tiny else ("--condition", "mass=1,2.5")
    others = (*told, "--first-index", 7, "--weight", 1.5, "--temperature", 0.9, "--seed", 3)
    for out in ("folder", "x.npz"):
        status, _, err = run(*options(model, 300, *others, "--out", tmp_path / out))
        assert status == 0, err
    check_same(tmp_path / "folder", tmp_path / "x.npz")
    beside = "samples.png" if save is save_tiny else "samples.txt"
    assert (tmp_path / "folder" / beside).read_bytes() == (tmp_path / f"x{Path(beside).suffix}").read_bytes()
    about = json.loads((tmp_path / "folder" / "study.json").read_text())
    with np.load(tmp_path / "x.npz") as file:
        settings = json.loads(str(file["settings"]))
    assert about["settings"] == {name: each for name, each in settings.items() if name != "seconds"}


def test_parts_to_fill_in_and_a_weaker_model(run, model, tmp_path):
    tokens = np.full((3, 64), 16)
    tokens[:, :20] = np.arange(3)[:, None]
    np.savez(tmp_path / "initial.npz", tokens=tokens)
    others = ("--initial", tmp_path / "initial.npz", "--reference", save_tiny(tmp_path / "weaker"), "--no-png")
    for out in ("folder", "x.npz"):
        assert run(*options(model, 70, *others, "--out", tmp_path / out))[0] == 0
    check_same(tmp_path / "folder", tmp_path / "x.npz")
    assert (Shards.open(tmp_path / "folder").joined()["tokens"][:, :20] == tokens[np.arange(70) % 3, :20]).all()


def test_another_call_into_the_folder_is_refused_and_more_samples_are_not(run, model, tmp_path):
    folder = tmp_path / "folder"
    assert run(*options(model, 10, "--no-png", "--out", folder))[0] == 0
    status, _, err = run(*options(model, 10, "--no-png", "--out", folder, "--seed", 1))
    assert (status, "Choose another folder" in err, err.count("\n")) == (2, True, 1)
    (folder / "mine.txt").write_text("mine")
    assert run(*options(model, 300, "--no-png", "--out", folder))[0] == 0
    assert len(Shards.open(folder).joined()["tokens"]) == 300
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("others", "text"),
    [
        (("--jobs", 2, "--ray"), "one of the two"),
        (("--gpus-per-task", 1), "--gpus-per-task: got 1 without --ray"),
        (("--jobs", 0), "--jobs"),
        (("--batch-size", 0), "batch_size"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_work(run, model, tmp_path, others, text):
    status, _, err = run(*options(model, 10, "--out", tmp_path / "folder", *others))
    assert (status, text in err) == (2, True), err
    assert not (tmp_path / "folder").exists()
    if "--jobs" in others or "--batch-size" in others:
        return
    status, _, err = run(*options(model, 10, "--out", tmp_path / "x.npz", *others))
    assert (status, text in err) == (2, True)


def test_images_of_a_folder_are_those_of_a_file_and_go_on(run, model, tmp_path):
    images, count = tmp_path / "images", 6
    command = (*options(model, count, "--no-png", "--out", tmp_path / "folder"), "--images", images)
    whole = (*options(model, count + 2, "--no-png", "--out", tmp_path / "x.npz"), "--images", tmp_path / "whole")
    for words in (command, whole):
        status, _, err = run(*words)
        assert status == 0, err
    kept = sorted(images.glob("*.png"))
    assert len(kept) == count
    times = [path.stat().st_mtime_ns for path in kept]
    kept[2].unlink()
    longer = [count + 2 if word == count else word for word in command]
    assert run(*longer)[0] == 0
    assert [path.stat().st_mtime_ns == time for path, time in zip(kept, times, strict=True)] == [True] * 2 + [False] + [
        True
    ] * 3
    made = sorted(images.glob("*.png"))
    assert [path.name for path in made] == sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert all(path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes() for path in made)


@pytest.mark.parametrize("option", [("--seed", 1), ()], ids=["another call", "other files"])
def test_a_folder_of_other_images_is_refused_before_the_work(run, model, tmp_path, option):
    images = tmp_path / "images"
    if option:
        assert run(*options(model, 2, "--no-png", "--out", tmp_path / "a"), "--images", images)[0] == 0
    else:
        images.mkdir()
        (images / "mine.png").write_text("mine")
    status, _, err = run(*options(model, 2, "--no-png", *option, "--out", tmp_path / "b"), "--images", images)
    assert (status, "--images: got" in err, err.count("\n")) == (2, True, 1), err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("option", [("--jobs", 2), ("--ray",)])
def test_work_for_a_file_is_not_shared(run, model, tmp_path, option):
    status, _, err = run(*options(model, 10, "--out", tmp_path / "x.npz", *option))
    assert (status, f"{option[0]}: got with the file" in err) == (2, True)


def test_what_is_a_folder(tmp_path):
    (tmp_path / "old.d").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "x.npz").mkdir()
    folders = ["new", "run-0.5", "new.npz/", "old.d", "s3://bucket/new.v"]
    files = ["new.npz", "new.npy", "file", "x.npz", "x.txt"]
    assert [name for name in folders + files if is_folder(name if "://" in name else f"{tmp_path}/{name}")] == folders


def test_ray_without_a_value():
    assert with_values(["sample", "m", "--ray"]) == ["sample", "m", "--ray", "local"]
    assert with_values(["--ray", "--count", "3"]) == ["--ray", "local", "--count", "3"]
    assert with_values(["--ray", "auto", "-h"]) == ["--ray", "auto", "-h"]


def test_a_folder_is_judged_as_a_file(run, model, tmp_path, monkeypatch):
    monkeypatch.setattr("dguide.evaluate.images.estimates.MOST", 600)
    whole = LearntFeatures.fit.__func__  # a judge that learns for a fortieth of the time
    monkeypatch.setattr(LearntFeatures, "fit", classmethod(functools.partial(whole, seen=1000)))
    found = []
    for source in ("folder", "x.npz"):
        assert run(*options(model, 700, "--no-png", "--out", tmp_path / source))[0] == 0
        out = tmp_path / f"judged {source}"
        judging = ("--out", out, "--features", "pixels", "--repetitions", 4)
        status, _, err = run("evaluate", tmp_path / source, *judging)
        assert status == 0, err
        found.append(json.loads((out / "evaluation.json").read_text()))
    names = [each["name"] for each in found[0]["estimates"]]
    assert names == [each["name"] for each in found[1]["estimates"]]
    assert "Fréchet distance of all samples" in names
    for one, two in zip(*(each["estimates"] for each in found), strict=True):
        for name in ("value", "low", "high", "best", "count"):
            assert one[name] == (None if two[name] is None else pytest.approx(two[name], rel=1e-10, abs=1e-12))
    assert found[0]["calls"] == found[1]["calls"]
    shards(tmp_path / "folder")[1].unlink()
    status, _, err = run("evaluate", tmp_path / "folder", *judging)
    assert (status, "1 of 3 shards missing" in err, "same dguide sample command" in err) == (2, True, True)
    status, _, err = run("evaluate", tmp_path / "folder", *judging, "--steps", 3)
    assert (status, "--steps" in err) == (2, True)


def test_workers_of_a_cluster_have_a_device_of_their_own():
    assert device_of_workers("cpu", None, 0) == device_of_workers("auto", "auto", 0) == "cpu"
    assert device_of_workers("auto", "auto", 0.5) == "cuda"
    assert device_of_workers("cuda:1", "auto", 1) == "cuda:1"
    with pytest.raises(InputError, match="device: got 'nothing', expected auto, cpu, cuda"):
        device_of_workers("nothing", "auto", 1)
