"""`dguide sample maskgit:...`: a published model by its files, wherever a checkpoint may stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from published import TRANSFORMER, autoencoder

from dguide.study import Shards
from dguide.tokenizers import llamagen

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("decoder") / "vq.pt"
    autoencoder(path)
    return path


@pytest.fixture
def model(decoder: Path) -> str:
    return f"maskgit:{TRANSFORMER},decoder={decoder},heads=4"


def test_samples_and_images_of_a_folder_and_of_a_file(run: Run, model: str, decoder: Path, tmp_path: Path) -> None:
    common = ("--count", 9, "--sampler", "halton:grid=arccos", "--steps", 3, "--batch-size", 4, "--no-png")
    for out in ("folder", "x.npz"):
        status, _, err = run("sample", model, "--out", tmp_path / out, *common, "--images", tmp_path / f"{out}.d")
        assert status == 0, err
    shards, file = Shards.open(tmp_path / "folder").joined(), np.load(tmp_path / "x.npz")
    assert all((shards[name] == file[name]).all() for name in ("tokens", "labels", "calls"))
    assert file["labels"].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]
    settings = json.loads(str(file["settings"]))
    assert (settings["checkpoint"], settings["data"], settings["sampler"][-9:]) == (model, None, "shape=4x4")
    pictures = llamagen.load(decoder, grid=(4, 4)).decode(torch.from_numpy(file["tokens"]).long())
    for folder in ("folder.d", "x.npz.d"):
        with Image.open(tmp_path / folder / "000007-0.png") as image:
            assert (np.asarray(image) == pictures[7].numpy()).all()
    status, _, err = run("evaluate", tmp_path / "x.npz", "--out", tmp_path / "e")
    assert (status, "--data: got none, expected real data" in err) == (2, True), err


def test_a_weaker_model_can_be_the_reference(run: Run, model: str, tmp_path: Path) -> None:
    tokens = []
    for number, others in enumerate([(), ("--reference", model)]):
        out = tmp_path / f"{number}.npz"
        status, _, err = run("sample", model, "--out", out, "--count", 7, "--steps", 2, "--no-png", *others)
        assert status == 0, err
        tokens.append(np.load(out)["tokens"])
    assert (tokens[0] != tokens[1]).any()  # tilted away from itself, a model is not tilted


@pytest.mark.parametrize(
    ("change", "others", "text"),
    [
        ((), ("--compile",), "--compile: got with maskgit:"),
        ((), ("--dtype", "int8"), "unknown dtype"),
        ((",heads=4", ""), (), "heads: got none"),
        (("maskgit:", "maskgti:"), (), "unknown model: got 'maskgti'"),
        (("decoder=", "decodr="), (), "decodr"),
        (("vq.pt", "other.pt"), (), "no such file"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_work(
    run: Run, model: str, tmp_path: Path, change: tuple[str, str], others: tuple[str, ...], text: str
) -> None:
    for out in ("folder", "x.npz"):
        named = model.replace(*change) if change else model
        status, _, err = run("sample", named, "--out", tmp_path / out, "--count", 2, "--steps", 2, "--no-png", *others)
        assert (status, text in err, err.count("\n")) == (2, True, 1), err
        assert not (tmp_path / out).exists()
