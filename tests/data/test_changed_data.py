"""Data of the user that change or move between training, a resumed run, and judging the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from dguide import checkpoint
from dguide.cli import main
from dguide.data import load
from dguide.train import TrainConfig, train
from tests.data.loaders import FILES, Loader, Member, many

every_file = pytest.mark.parametrize("loader", FILES, ids=lambda loader: loader.name)
SMALL = ["--steps", "2", "--width", "16", "--layers", "1", "--batch-size", "4", "--evaluate-passes", "1"]
MEMBERS = many(30)


@pytest.fixture
def table() -> Loader:
    return next(each for each in FILES if each.name == "csv")


@every_file
def test_a_typed_path_becomes_absolute(loader: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = loader.source(tmp_path, MEMBERS)
    monkeypatch.chdir(tmp_path)
    config = TrainConfig(out=Path("run"), steps=1, data=loader.of(Path("..") / tmp_path.name / path.name))
    assert config.data == loader.of(path)
    assert TrainConfig(out=Path("run"), steps=1, data="wafer:size=8").data == "wafer:size=8"


def test_what_was_trained_in_one_folder_is_judged_in_another_and_changed_data_are_told(
    table: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = table.source(tmp_path, MEMBERS)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--out", "run", "--data", table.of(Path(path.name)), "--device", "cpu", *SMALL]) == 0
    config = checkpoint.load("run").config
    assert config.data_digest == load(config.data).digest
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["sample", "../run", "--out", "samples.npz", "--count", "4", "--steps", "2"]) == 0
    judge = [
        ["evaluate", "../run", "--count", "4", "--steps", "2", "--repetitions", "0"],
        ["evaluate", "samples.npz", "--repetitions", "0"],
        ["read", "../run", "--passes", "1", "--repetitions", "0", "--classifiers", "none"],
    ]
    for changed in (False, True):
        for command in judge:
            capfd.readouterr()
            assert main(command) == 0
            err = capfd.readouterr().err
            told = f"warning: {config.data} are not the data that the model learnt: they have changed since"
            assert (told in err) == changed
            assert err.count("warning") == changed
        table.source(tmp_path, MEMBERS[1:])
    path.rename(tmp_path / "moved.csv")
    for command in judge:
        assert main(command) == 2
        err = capfd.readouterr().err
        assert f"got no {path}, expected {config.data}. If they moved: --data csv:NEW_PATH,label=kind" in err
        assert err.count("\n") == 1
        assert main([*command, "--data", table.of(tmp_path / "moved.csv")]) == 0


class Stop(Exception):
    pass


def stop(step: int) -> None:
    if step == 2:
        raise Stop


TINY = {"steps": 3, "width": 16, "layers": 1, "batch_size": 4, "evaluate_passes": 1, "evaluate_every": 1}


def test_a_run_resumes_with_the_same_content_only(table: Loader, tmp_path: Path) -> None:
    path = table.source(tmp_path, MEMBERS)
    config = TrainConfig(out=tmp_path / "run", data=table.of(path), device="cpu", **TINY)
    with pytest.raises(Stop):
        train(config, stop)
    table.source(tmp_path, [*MEMBERS[:-1], Member(MEMBERS[-1].content ^ 1, MEMBERS[-1].kind)])
    with pytest.raises(ValueError, match=r"data of the run in .*got SHA-256 .*expected the content it began with, SHA"):
        train(config)
    table.source(tmp_path, MEMBERS)
    assert train(config).finished


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_goes_on_with_data_that_moved(table: Loader, tmp_path: Path, finished: bool) -> None:
    """The same content is the same run, and what it wrote names the new place."""
    path, new = table.source(tmp_path, MEMBERS), tmp_path / "moved.csv"
    config = TrainConfig(out=tmp_path / "run", data=table.of(path), device="cpu", **TINY)
    whole = config.model_copy(update={"out": tmp_path / "whole"})
    assert train(whole).finished
    if finished:
        assert train(config).finished
    else:
        with pytest.raises(Stop):
            train(config, stop)
    path.rename(new)
    moved = config.model_copy(update={"data": table.of(new)})
    steps: list[int] = []
    assert train(moved, steps.append).finished
    assert steps == ([] if finished else [3])
    found, other = checkpoint.load(tmp_path / "run"), checkpoint.load(tmp_path / "whole")
    assert found.config.data == table.of(new)
    assert found.config.command == moved.command()
    assert found.config.test_bits == other.config.test_bits
    weights = other.model.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in found.model.state_dict().items())
    assert train(moved).finished  # its state names the new place, too
    table.source(tmp_path, MEMBERS[1:])
    with pytest.raises(ValueError, match=rf"got SHA-256 .* of csv:.*, SHA-256 .* of {table.of(new)}"):
        train(config)


def test_a_finished_run_whose_data_changed_says_what_to_do(table: Loader, tmp_path: Path) -> None:
    config = TrainConfig(out=tmp_path / "run", data=table.of(table.source(tmp_path, MEMBERS)), device="cpu", **TINY)
    assert train(config).finished
    table.source(tmp_path, MEMBERS[1:])
    with pytest.raises(ValueError, match=r"The run is finished.*new data.*another directory.*--from") as caught:
        train(config)
    assert "Restore" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data": "wafer:size=8,count=32"}, r"vocab_size=\d+.*Both must have data of the same .*length and classes"),
        ({"process": "uniform"}, r"input_size=.*noise=.*Both must have the same --process and --noise"),
        ({"width": 32}, r"width=16, expected .*width=32.* Set --size.*dguide info"),
    ],
)
def test_a_checkpoint_to_begin_with_that_differs(
    table: Loader, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    data = table.of(table.source(tmp_path, MEMBERS))
    assert train(TrainConfig(out=tmp_path / "first", data=data, device="cpu", **TINY)).finished
    second = TINY | {"data": data, "from_": tmp_path / "first"} | changes
    with pytest.raises(ValueError, match=told):
        train(TrainConfig(out=tmp_path / "second", device="cpu", **second))


def test_a_checkpoint_without_a_digest_is_read_and_never_warned_about(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.tiny import save_tiny

    path = save_tiny(tmp_path / "old")
    content = json.loads((path / "config.json").read_text())
    del content["data_digest"]
    (path / "config.json").write_text(json.dumps(content))
    assert checkpoint.load(path).config.data_digest is None
    options = ["--passes", "1", "--limit", "20", "--classifiers", "none"]
    assert main(["read", str(path), "--out", str(tmp_path / "r"), *options]) == 0
    assert "warning" not in capfd.readouterr().err
