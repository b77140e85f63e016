"""`dguide compare` tells all mistakes before any work, and writes what it prints."""

from __future__ import annotations

import functools
import json

import pytest

from dguide.cli import main
from dguide.evaluate import LearntFeatures

FEW = ["--jobs", "1", "--count", "20", "--steps", "2", "--metric", "images:features=pixels", "--repetitions", "20"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """A judge that learns for a fortieth of the time."""
    whole = LearntFeatures.fit.__func__
    monkeypatch.setattr(LearntFeatures, "fit", classmethod(functools.partial(whole, seen=1000)))


def test_a_comparison_prints_each_setting_and_then_the_page(tmp_path, capsys):
    pytest.importorskip("pyarrow")
    command = ["compare", "digits-masked", *FEW, "--weight", "0", "--weight", "ramp-up:2", "--language", "ja"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.index("[1/2] constant:0.0") < said.index("[2/2] ramp-up:2.0") < said.index("## How it was made")
    assert (tmp_path / "compare.md").read_text(encoding="utf-8") in said
    content = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    assert said.splitlines()[-2:] == [content["advice"], f"Report: {tmp_path / 'compare.html'}"]
    assert {row["samples"] for row in content["rows"]} == {20}
    assert (tmp_path / "samples.png").is_file()
    assert "ガイダンス" in (tmp_path / "compare.html").read_text(encoding="utf-8")


def test_a_search_prints_what_it_tries_and_both_figures(tmp_path, capsys):
    pytest.importorskip("optuna")
    command = ["compare", "digits-masked", *FEW, "--tune", "frechet", "--budget", "3", "--out", str(tmp_path)]
    assert main([*command, "--weight", "0..3", "--weight", "ramp-up:1"]) == 0
    said = capsys.readouterr().out
    assert "[3/3]" in said
    assert (tmp_path / "tuning.md").read_text(encoding="utf-8").splitlines()[0] in said
    assert len((tmp_path / "tuning.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_an_address_is_no_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "digits-masked", "--out", "memory://x"]) == 2
    assert "--out: got memory://x, expected a folder on this machine" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_all_mistakes_are_told_at_once_and_before_any_work(tmp_path, capsys):
    wrong = {
        "--guidance": ("nrmalized", "Did you mean 'normalized'?"),
        "--weight": ("ramp-up:1,foo=3", "unknown option of guidance schedule ramp-up"),
        "--sampler": ("q", "unknown sampler"),
        "--temperature": ("-1", "temperature: got -1"),
        "--seeds": ("a", "--seeds: got 'a'"),
        "--figure": ("frob", "unknown figure: got 'frob'"),
        "--budget": ("3", "--budget: got 3 without --tune"),
        "--labels": ("12", "label"),
        "--device": ("nowhere", "device"),
    }
    given = [word for name, (value, _) in wrong.items() for word in (name, value)]
    file = tmp_path / "file"
    file.touch()
    assert main(["compare", "digits-masked", *given, "--out", str(file / "x")]) == 2
    told = capsys.readouterr().err
    for _, words in wrong.values():
        assert words in told
    assert "is no folder" in told
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


PAIRS = {
    "--count 4": "samples: got 4, expected at least 6",
    "--seeds 0,-1": "seed: got -1",
    "--seeds 0,0": "seeds: got [0, 0]",
    "--labels 12": "label",
    "--condition x=1": "unknown condition: got 'x'",
    "--data mnist": "tokens of mnist",
    "--detect -1": "difference to detect",
    "--baseline x": "unknown baseline",
    "--guidance simple --sampler trapezoidal": "Trapezoidal guidance",
    "--dtype float17": "unknown dtype",
    "--top-k 0 --top-p 2": "top_p: got 2",
}


@pytest.mark.parametrize("first", PAIRS)
def test_two_mistakes_are_told_in_one_round(first, tmp_path, capsys):
    """A part that is wrong does not hide what is wrong with another one."""
    last = list(PAIRS)[(list(PAIRS).index(first) + 3) % len(PAIRS)]
    names = {first, last}
    if "--top-k 0 --top-p 2" in names:  # the names of the settings depend on these
        names -= {"--baseline x"}
    command = ["compare", "digits-masked", "--jobs", "1", *" ".join(names).split(), "--out", str(tmp_path / "new")]
    assert main(command) == 2
    said = capsys.readouterr()
    assert [PAIRS[name] for name in names if PAIRS[name] not in said.err] == []
    assert said.out == ""
    assert not (tmp_path / "new").exists()


def test_a_search_tries_all_that_it_may_choose_before_it_begins(tmp_path, capsys):
    search = ["--tune", "recall", "--figure", "recall", "--temperature", "1", "--temperature", "2", "--detect", "-1"]
    shapes = ["--guidance", "simple", "--sampler", "trapezoidal", "--count", "4", "--out", str(tmp_path / "new")]
    assert main(["compare", "digits-masked", "--jobs", "1", *search, *shapes]) == 2
    told = capsys.readouterr().err
    expected = (
        "--tune names the figure",
        "one for all settings",
        "difference to detect",
        "Trapezoidal guidance",
        "samples: got 4",
    )
    assert [each for each in expected if each not in told] == []
    assert not (tmp_path / "new").exists()


def test_a_folder_of_another_comparison_is_told_beside_the_rest(tmp_path, capsys):
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "study.json").write_text(json.dumps({"digest": "0", "words": "another"}))
    command = ["compare", "digits-masked", "--jobs", "1", "--count", "4", "--out", str(tmp_path)]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert "that of another" in told
    assert "samples: got 4" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--metric", "texts"], "one for digits: images"),
        (["--data", "mnist"], "mnist"),
        (["--weight", "1"], "at least two"),
        (["--baseline", "x"], "unknown baseline"),
        (["--detect", "-1"], "difference to detect"),
        (["--tune", "recall", "--figure", "recall"], "--tune names the figure"),
        (["--tune", "recall", "--temperature", "1", "--temperature", "2"], "one for all settings"),
        (["--tune", "recall", "--weight", "1..x"], "LOW..HIGH"),
        (["--tune", "recall", "--weight", "1..2", "--weight", "2..3"], "one range"),
        (["--tune", "density"], "neither direction"),
    ],
)
def test_what_does_not_fit_is_refused(options, told, tmp_path, capsys):
    assert main(["compare", "digits-masked", *FEW[:6], *options, "--out", str(tmp_path / "new")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
