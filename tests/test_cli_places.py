"""Full disks, missing homes, and terminals that cannot show every character: finished work is never lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import python
from tiny import save_strings, save_tiny

from dguide import checkpoint
from dguide.cli import main
from dguide.errors import InputError

WITHOUT_HOME = """
import os.path, sys
os.path.expanduser = lambda path: path
from dguide.cli import main
sys.exit(main(sys.argv[1:]))
"""
TRAIN = ["--width", 16, "--layers", 1, "--heads", 2, "--batch-size", 8, "--evaluate-every", 2, "--evaluate-passes", 1]
TRAIN += ["--device", "cpu", "--decay", "constant"]


def dguide(*arguments: object, code: str = "", **options: Any) -> subprocess.CompletedProcess[bytes]:
    start = ["-c", code] if code else ["-m", "dguide.cli"]
    return python(*start, *arguments, **options)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_tiny(folder / "tiny")
    found = checkpoint.load(save_strings(folder / "strings"))
    conditions = [dict(each) for each in found.config.conditions]
    conditions[0]["names"] = ["é", "日本"]
    config = {**vars(found.config), "conditions": conditions}
    checkpoint.save(folder / "strings", found.model, checkpoint.Config(**config))
    return folder


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_a_terminal_that_cannot_show_a_character_ends_no_work(models: Path, tmp_path: Path, encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    out = tmp_path / "é日本.npz"
    for words in (
        ["info", models / "strings"],
        ["sample", models / "strings", "--out", out, "--count", 2, "--steps", 1, "--labels", "é,日本"],
    ):
        done = dguide(*words, env=environment)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr.decode()
        assert b"\\xe9" in done.stdout
    assert out.exists()
    done = dguide("info", tmp_path / "é", env=environment)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


HOMES: dict[str, list[object]] = {
    "sample": ["--out=~/x.npz", "--no-png"],
    "evaluate": ["--out=~/x"],
    "read": ["--out=~/x"],
    "data": ["--png=~/x.png"],
    "train": ["--out=~/x", "--steps=1"],
    "demo": ["--out=~/x"],
    "theory": ["--out=~/x"],
}


@pytest.mark.parametrize("command", HOMES)
def test_the_home_directory_is_known_in_every_command(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "tiny").symlink_to(models / "tiny")

    def told(option: str, path: Path, *_: object) -> None:
        raise InputError(f"to {path}")

    check = "check_file" if command in ("sample", "data") else "check_directory"
    place = "sampling.files" if command == "sample" else f"commands.{command}"
    monkeypatch.setattr(f"dguide.cli.{place}.{check}", told)
    source = {"data": ["digits"], "train": [], "demo": [], "theory": []}.get(command, ["~/tiny"])
    assert main([command, *source, *map(str, HOMES[command])]) == 2
    assert capsys.readouterr().err.startswith(f"error: to {tmp_path}/x")


def test_without_a_home_there_is_no_cache_and_no_tilde(models: Path, tmp_path: Path) -> None:
    bare = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    words = ["sample", models / "tiny", "--count", 2, "--steps", 1, "--no-png"]
    done = dguide(*words, "--out", tmp_path / "x.npz", code=WITHOUT_HOME, env=bare)
    assert done.returncode == 0, done.stderr.decode()
    done = dguide(*words, "--out=~/x.npz", code=WITHOUT_HOME, env=bare, cwd=tmp_path)
    assert (done.returncode, done.stderr.count(b"\n"), b"Write the whole path" in done.stderr) == (2, 1, True)
    done = dguide("train", "--out=~/x", "--steps", 1, code=WITHOUT_HOME, env=bare, cwd=tmp_path)
    assert (done.returncode, done.stderr.count(b"\n"), b"Write the whole path" in done.stderr) == (2, 1, True)
    assert not (tmp_path / "~").exists()


def test_a_disk_that_fills_up_is_a_failure_in_one_line_and_loses_nothing(models: Path, tmp_path: Path) -> None:
    words = ["sample", models / "tiny", "--out", tmp_path / "x.npz", "--count", 100, "--steps", 1, "--no-png"]
    done = dguide(*words, limit=600, env=os.environ | {"DGUIDE_COMPILED": "0"})
    assert (done.returncode, done.stderr.count(b"\n"), b"File too large" in done.stderr) == (1, 1, True)
    assert list(tmp_path.iterdir()) == []
    run = tmp_path / "run"
    assert main(["train", "--out", str(run), "--steps", "2", *map(str, TRAIN)]) == 0
    before = checkpoint.load(run).config
    done = dguide("train", "--out", run, "--steps", 4, *TRAIN, limit=20_000)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].startswith("error: [Errno 27] File too large")
    assert b"Traceback" not in done.stderr
    assert checkpoint.load(run).config == before
    assert main(["train", "--out", str(run), "--steps", "4", *map(str, TRAIN)]) == 0
    assert checkpoint.load(run).config.steps in (2, 4)


def test_standard_output_that_takes_nothing_is_a_failure_in_one_line(models: Path) -> None:
    command = [sys.executable, "-m", "dguide.cli", "info", models / "tiny"]  # how Python itself ends counts here
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr.count(b"\n"), b"No space left" in done.stderr) == (1, 1, True)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")  # a reader such as head has had enough


def test_json_is_json_on_every_terminal(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", maps=np.arange(20)[:, None, None] + np.zeros((1, 2, 2), int), kinds=np.arange(20) % 2)
    done = dguide(
        "data", f"npz:{tmp_path / 'x.npz'},names=é;日本", "--json", env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0, done.stderr.decode()
    assert list(json.loads(done.stdout)["conditions"]["label"]) == ["é", "日本"]
