"""A checkpoint is a path, a name that comes with dguide, or org/name at Hugging Face, in this order."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from processes import python
from tiny import save_tiny

from dguide import checkpoint
from dguide.cli import main

ROOT = Path(__file__).parents[1]
INFO = """
import sys
from dguide.cli import main
print([main(["info", name]) for name in sys.argv[1:]])
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*words: Any, **options: Any) -> None:
        raise AssertionError(f"asks Hugging Face for {words}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", never)


def test_names_are_found_from_any_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"digits-masked", "digits-uniform"} <= set(checkpoint.names())
    assert checkpoint.load("digits-uniform").process.name == "uniform"
    for words in (["info", "digits-masked"], ["sample", "digits-masked", "--out", "it.npz", "--count=2", "--steps=2"]):
        assert main(words) == 0, capsys.readouterr().err


def test_a_path_wins_over_a_name_and_over_hugging_face(tmp_path: Path) -> None:
    save_tiny(tmp_path / "digits-masked", "masked")
    assert checkpoint.load("digits-masked").config.test_bits == 4.0
    save_tiny(tmp_path / "org" / "model", "masked")
    assert checkpoint.load("org/model").config.test_bits == 4.0


@pytest.mark.parametrize("name", ["digits-maskd", "org/model", "../a", "a/b/c", "/a/b", "./a/b", "a/..", "", "a/"])
def test_what_is_neither_lists_the_names_and_downloads_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "org").mkdir()  # so org/model is a mistyped path
    with pytest.raises(ValueError, match=r"(no such directory|without config).*digits-masked, digits-uniform"):
        checkpoint.load(name)


def test_only_the_files_of_a_checkpoint_are_fetched_and_pushed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log: list[Any] = []

    class Api:
        def create_repo(self, name: str, **options: Any) -> None:
            log.append((name, options))

        def upload_folder(self, **options: Any) -> None:
            log.append(options)

    def download(name: str, **options: Any) -> str:
        log.append((name, options))
        return str(checkpoint.shipped() / "digits-masked")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    files = ["config.json", "model.safetensors", "tokenizer/*.json", "tokenizer/*.safetensors"]
    both = {"allow_patterns": files}
    assert checkpoint.load("org/model").process.name == "masked"
    assert log == [("org/model", both)]
    checkpoint.push("digits-masked", "org/mine")
    source = checkpoint.shipped() / "digits-masked"
    assert log[1:] == [("org/mine", {"exist_ok": True}), {"repo_id": "org/mine", "folder_path": source, **both}]
    save_tiny(tmp_path / "damaged", "masked")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"")
    for path, name, message in (("damaged", "org/mine", "SHA-256"), ("digits-masked", "mine", "'mine'.*org/name")):
        with pytest.raises(ValueError, match=message):
            checkpoint.push(path, name)
    assert len(log) == 3


def test_the_cache_of_hugging_face_is_enough_and_what_it_lacks_is_one_line(tmp_path: Path) -> None:
    """In a process of its own, since the library reads its environment when it is imported."""
    stored = tmp_path / "cache" / "models--org--model"
    shutil.copytree(checkpoint.shipped() / "digits-masked", stored / "snapshots" / ("0" * 40))
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text("0" * 40)
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "cache")}
    names = ("org/model", "org/other", "a--b/c")
    done = python("-c", INFO, *names, env=offline)
    shown, told = done.stdout.decode(), done.stderr.decode()
    assert shown.endswith("[0, 2, 2]\n"), told
    assert "intact" in shown
    for line, name in zip(told.splitlines(), names[1:], strict=True):
        assert line.startswith(f"error: checkpoint {name}: got no such directory, and from Hugging Face: ")


def test_without_the_extra_its_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for work in (lambda: checkpoint.load("org/model"), lambda: checkpoint.push("digits-masked", "org/model")):
        with pytest.raises(ImportError, match=r"pip install 'dguide\[hub\]'"):
            work()


@pytest.mark.parametrize("name", ["hf:somewhere/model", "maskgit:weights.pth", "/a/folder/hf:model"])
def test_a_published_model_in_place_of_a_checkpoint_is_told_where_it_belongs(name):
    with pytest.raises(ValueError, match=r"A published model .* is for dguide sample or dguide generate"):
        checkpoint.load(name)
