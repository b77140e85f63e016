from __future__ import annotations

import csv
import sys
from dataclasses import replace

import pytest
from mechanisms import Partial
from tiny import save_tiny

from dguide import checkpoint
from dguide.cli import main
from dguide.demo import DemoSettings
from dguide.demo.settings import common_data, find_checkpoints
from dguide.demo.table import as_csv, as_markdown, ceiling_row
from dguide.guidance import MECHANISMS
from dguide.plots import style

PICTURES = ("pictures-masked", "pictures-uniform", "precision-recall", "film", "masked-fraction", "trained")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints")
    for process in ("masked", "uniform"):
        save_tiny(path / f"digits-{process}", process)
    return path


@pytest.fixture
def fast(monkeypatch):
    """A demonstration that trains a tiny network and looks at little."""
    module = sys.modules["dguide.demo.run"]  # the package shows the function of that name instead
    small = {"width": 8, "layers": 1, "heads": 2, "batch_size": 4, "evaluate_passes": 1}
    monkeypatch.setattr(module, "RECIPE", module.RECIPE | small)
    monkeypatch.setattr(module, "_PACE_SAMPLES", 50)
    monkeypatch.setattr("dguide.train.denoisers.passes_for", lambda count: 1)
    return module


@pytest.mark.usefixtures("fast")
def test_the_demonstration_leaves_pictures_a_table_and_a_model(models, tmp_path, capsys):
    out = tmp_path / "demo"
    arguments = ["--checkpoints", models, "--per-class", 2, "--steps", 2, "--minutes", 0.005, "--out", out]
    assert main(["demo", *map(str, arguments)]) == 0
    printed = capsys.readouterr()
    for name in PICTURES:
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert checkpoint.load(out / "trained").process.name == "masked"
    assert sorted(path.name for path in (out / "trained").iterdir()) == [checkpoint.CONFIG, checkpoint.WEIGHTS]
    rows = list(csv.DictReader((out / "table.csv").open()))
    assert len(rows) == 2 * 13 + 1
    assert {row["n"] for row in rows} == {"20"}
    page = (out / "table.md").read_text()
    assert all(f"({name}.png)" in page for name in PICTURES)
    assert "bits per token of the test data" in printed.out
    assert f"| real test digits | {'':10s} |" in printed.out
    assert "left" in printed.err
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


@pytest.mark.usefixtures("fast")
def test_a_short_limit_is_told_in_a_short_line_and_the_last_figure_with_its_reason(models, tmp_path, capsys):
    arguments = ["--checkpoints", models, "--per-class", 1, "--steps", 1, "--minutes", 0.001, "--limit", 0.01]
    assert main(["demo", *map(str, arguments), "--out", str(tmp_path / "demo")]) == 0
    printed = capsys.readouterr()
    told = [line for line in printed.err.splitlines() if "--limit" in line]
    assert len(told) == 1
    assert "too short for 13 cells, from digits-uniform: no guidance, w = 0 on" in told[0]
    assert len(told[0]) < 160
    assert (tmp_path / "demo" / "table.md").read_text().count("digits-uniform: ") == 13
    assert "(of the test part, which chose nothing" in printed.out


@pytest.mark.usefixtures("fast")
def test_a_fourth_and_a_fifth_mechanism(models, tmp_path, monkeypatch, capsys):
    """One that is registered, and one by its import path with an option, stand in every picture and in the table."""
    monkeypatch.setitem(MECHANISMS, "Partial", Partial)
    out, fifth = tmp_path / "demo", "mechanisms:Mixed:most=4"
    arguments = ["--checkpoints", models, "--per-class", 1, "--steps", 2, "--minutes", 0.005, "--limit", 60]
    assert main(["demo", *map(str, arguments), "--out", str(out), "--guidance", fifth]) == 0
    rows = list(csv.DictReader((out / "table.csv").open()))
    assert len(rows) == 2 * (1 + 5 * 4) + 1
    names = ["Normalized", "Unlocking", "Simple", "Partial", fifth]
    assert [name for name in dict.fromkeys(row["mechanism"] for row in rows) if name not in ("any", "")] == names
    for name in names:
        assert name in (out / "table.md").read_text()
    assert len({style.COLOURS[name] for name in names}) == 5
    assert len({style.MARKS[name] for name in names}) == 5
    capsys.readouterr()
    assert main(["demo", "--out", str(out), "--guidance", "mechanisms:Nothing"]) == 2
    assert main(["demo", "--out", str(out), "--guidance", "simple:weight=3"]) == 2


def test_training_starts_anew_and_passes_an_interruption_on(models, tmp_path, monkeypatch, fast):
    from dguide.train import Trained

    found = find_checkpoints(models)
    run = fast._Demo(DemoSettings(tmp_path, models, minutes=0.001), found, common_data(found))
    old = save_tiny(tmp_path / "trained", "uniform")
    assert run._train().process.name == "masked"
    assert sorted(path.name for path in old.iterdir()) == [checkpoint.CONFIG, checkpoint.WEIGHTS]
    monkeypatch.setattr(fast, "train", lambda config: Trained(False, 1, None, (), config.out))
    with pytest.raises(KeyboardInterrupt):
        run._train()


def test_checkpoints_must_share_their_data(models):
    found = find_checkpoints(models)
    masked = found["digits-masked"]
    found["digits-masked"] = replace(masked, config=replace(masked.config, data="other"))
    with pytest.raises(ValueError, match="one data set for all"):
        common_data(found)


def test_what_there_is_no_time_for_is_left_out_and_said(models, tmp_path, fast, capsys, monkeypatch):
    monkeypatch.setattr(fast.style, "save", lambda figure, path: None)
    report = fast.demo(
        DemoSettings(tmp_path, models, weights=(0.0, 2.0), per_class=1, steps=1, minutes=0.001, limit=0.001)
    )
    assert [row.process for row in report.rows] == ["masked"] * 7 + ["real test digits"]
    told = "0.001 minutes (--limit) are too short for 7 cells, from digits-uniform: no guidance, w = 0 on"
    assert told in capsys.readouterr().err
    assert "There was no time within 0.001 minutes" in (tmp_path / "table.md").read_text()


def test_little_time_is_kept_beside_that_of_the_training(models, tmp_path, fast, monkeypatch):
    """The minutes of the training contain its evaluations, and the pictures after it take 4 s on a free core."""
    monkeypatch.setattr(fast.style, "save", lambda figure, path: None)
    monkeypatch.setattr("time.perf_counter", lambda: 0.0)  # the cells take no time
    settings = DemoSettings(tmp_path, models, weights=(1.0,), per_class=1, steps=1, minutes=0.01, limit=0.2)
    assert [row.process for row in fast.demo(settings).rows[:-1]] == ["masked"] * 6 + ["uniform"] * 6


def test_tables_say_the_same_in_both_forms():
    from dguide.data import load
    from dguide.demo import Judge

    line = ceiling_row(Judge.fit(load("digits")).ceiling(2))
    read = next(csv.DictReader(as_csv([line]).splitlines()))
    assert float(read["precision"]) == line.precision
    assert read["seconds"] == read["mean_weight"] == ""
    header, rule, body = as_markdown([line]).splitlines()
    assert len(header) == len(rule) == len(body)
    assert f"{line.accuracy:.3f} ({line.accuracy_low:.3f} to {line.accuracy_high:.3f})" in body
