"""Data of the user that change or move between training, a resumed run, and judging the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
        ["read", "../run", "--passes", "1", "--repetitions", "0"],
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


def test_a_run_resumes_with_the_same_content_only(table: Loader, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(step: int) -> None:
        if step == 2:
            raise Stop

    path = table.source(tmp_path, MEMBERS)
    small = {"steps": 3, "width": 16, "layers": 1, "batch_size": 4, "evaluate_passes": 1, "evaluate_every": 1}
    config = TrainConfig(out=tmp_path / "run", data=table.of(path), device="cpu", **small)
    with pytest.raises(Stop):
        train(config, stop)
    table.source(tmp_path, [*MEMBERS[:-1], Member(MEMBERS[-1].content ^ 1, MEMBERS[-1].kind)])
    with pytest.raises(ValueError, match=r"data of the run in .*got SHA-256 .*expected the content it began with, SHA"):
        train(config)
    table.source(tmp_path, MEMBERS)
    assert train(config).finished


def test_a_checkpoint_without_a_digest_is_read_and_never_warned_about(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.tiny import save_tiny

    path = save_tiny(tmp_path / "old")
    content = json.loads((path / "config.json").read_text())
    del content["data_digest"]
    (path / "config.json").write_text(json.dumps(content))
    assert checkpoint.load(path).config.data_digest is None
    assert main(["read", str(path), "--out", str(tmp_path / "r"), "--passes", "1", "--limit", "20"]) == 0
    assert "warning" not in capfd.readouterr().err
