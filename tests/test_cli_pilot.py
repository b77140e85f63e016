"""`dguide pilot` from the command line."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from dguide.cli import main, pilots
from dguide.evaluate import LearntFeatures


@pytest.fixture
def maps(tmp_path):
    rng = np.random.default_rng(0)
    maps, labels = rng.integers(0, 2, (180, 5, 5)), np.arange(180) % 2
    maps[labels == 1, 2] = 1
    np.savez(tmp_path / "maps.npz", maps=maps, labels=labels)
    return tmp_path / "maps.npz"


STUDY = """
data: npz:{path},names=plain;line
rare: line
real: 5
runs: 3
added: 6
train: {{steps: 2, size: tiny, batch_size: 8, evaluate_every: 2, evaluate_passes: 1}}
weight: 1
sampler: ancestral:steps=2
classifier: scikit-learn:naive_bayes.GaussianNB
false_alarms: 0.2
"""


def test_a_study_file_gives_a_report_and_tables(maps, tmp_path, capsys):
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    file.write_text(STUDY.format(path=maps))
    line = ["pilot", str(file), "--out", str(out), "--jobs", "1", "--language", "ja"]
    assert main(line) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert "models: 3 of 3" in said.err
    assert "recall" in said.out
    names = {"report.html", "arms.csv", "arms.parquet"}
    assert names <= {path.name for path in out.iterdir()}
    assert 'lang="ja"' in (out / "report.html").read_text(encoding="utf-8")
    table = pytest.importorskip("pyarrow.parquet").read_table(out / "arms.parquet")
    assert table.num_rows == len((out / "arms.csv").read_text().splitlines()) - 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["digits-quik"], "a file STUDY.yaml, or data. Did you mean digits-quick?"),
        (["compare"], "DATA: got nothing"),
        (["compare", "digits", "--rare", "8", "--prices", "miss=1"], "`dguide pilot augment DATA` uses them"),
        (["csv:missing.csv", "--rare", "8"], "since `dguide pilot DATA` does not use it"),
        (["compare", "digits", "--rare", "8", "--count", "0"], "count: Input should be greater"),
        (["augment", "digits", "--rare", "eigth"], "unknown class of digits"),
        (["augment", "digits", "--rare", "8", "--false-alarms", "0.002"], "expected a share of at least 0.01"),
        (["compare", "digits", "--model", "digits-masked"], "`dguide compare CHECKPOINT` compares"),
        (["digits-quick", "--count", "5"], "--count: got a value"),
        (["augment", "digits", "--rare", "8", "--model", "digits-masked", "--train", "steps=1"], "beside train"),
        (["csv:missing.csv", "--format", "doc"], "html or pdf"),
        (["augment"], "DATA: got nothing"),
        (["digits-quick", "wafer"], "Did you mean dguide pilot augment wafer?"),
        (["augment", "digits"], "rare: got nothing, expected the rare class, by name or number"),
        (["augment", "digits", "--rare", "8", "--prices", "miss"], "--prices: got 'miss', expected name=value"),
        (["augment", "digits", "--rare", "8", "--prices", "miss=a"], "price miss: got 'a'"),
        (["digits-quick", "--format", "doc"], "html or pdf"),
        (["missing.yaml"], "study missing.yaml: got no such file"),
    ],
)
def test_mistakes_end_before_any_work(words, expected, tmp_path, capsys):
    assert main(["pilot", *words, "--out", str(tmp_path / "out")]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_all_mistakes_of_a_pilot_are_told_at_once(tmp_path, capsys):
    unfit = ["--guidance", "simple", "--sampler", "trapezoidal"]
    text = ["--prices", "miss", "--ordinary", "shift", "--format", "doc", "--out", str(tmp_path / "out")]
    train = ["--train", "steps=1", "--model", "digits-masked"]
    assert main(["pilot", "augment", "digits", "--rare", "nine", "--runs", "1", *unfit, *text]) == 2
    told = capsys.readouterr().err
    expected = ("rare: ", "runs: ", "Trapezoidal guidance", "--prices: got", "--ordinary: got", "html or pdf")
    assert [each for each in expected if each not in told] == []
    assert main(["pilot", "augment", "digits", "--rare", "nine", "--runs", "1", *train]) == 2
    told = capsys.readouterr().err
    assert [each for each in ("rare: ", "runs: ", "beside train") if each not in told] == []
    place = ["--jobs", "2", "--ray", "auto", "--out", str(tmp_path / "out")]
    assert main(["pilot", "compare", "digits", "--count", "4", "--real", "3", *unfit, *place]) == 2
    told = capsys.readouterr().err
    expected = ("samples: got 4", "Trapezoidal guidance", "--jobs: got 2", "--real: got a value")
    assert [each for each in expected if each not in told] == []
    assert not (tmp_path / "out").exists()


def test_data_alone_trains_compares_and_reports(maps, tmp_path, capsys, monkeypatch):
    whole = LearntFeatures.fit.__func__
    monkeypatch.setattr(LearntFeatures, "fit", classmethod(functools.partial(whole, seen=300)))
    file, out = tmp_path / "study.yaml", tmp_path / "out"
    file.write_text(
        f"kind: compare\ndata: npz:{maps},names=plain;line\ncount: 9\nweight: 2\nsampler: ancestral:steps=2\n"
        "train: {steps: 2, size: tiny, batch_size: 8, evaluate_every: 2, evaluate_passes: 1}\n"
    )
    assert main(["pilot", str(file), "--out", str(out), "--jobs", "1"]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert said.index("[2/2] constant:2.0") < said.index(str(out / "report.html"))
    names = {"model", "results", "report.html", "compare.parquet", "compare.csv", "weight.png"}
    assert names <= {path.name for path in out.iterdir()}
    line = ["pilot", f"npz:{maps},names=plain;line", "--out", str(out), "--jobs", "1", "--weight", "2", "--count", "9"]
    assert main([*line, "--sampler", "ancestral:steps=2", "--language", "ja"]) == 0, capsys.readouterr().err
    assert 'lang="ja"' in (out / "report.html").read_text(encoding="utf-8")
    assert main(["pilot", "augment", *line[1:4], "--rare", "line", "--real", "5", "--false-alarms", "0.2"]) == 2
    assert "Choose another folder" in capsys.readouterr().err


def test_a_file_that_is_no_study_is_refused(tmp_path, capsys):
    file = tmp_path / "study.yaml"
    twice, aliases = "data: digits\nrare: 8\nrare: 3\nruns: 1\n", "a: &a [x, x]\nb: [*a, *a]\n"
    others = ("- a\n- b\n", "a: [", "unknown: 1\nrare: 2\n", "kind: other\n", "data: " + "[" * 3000)
    for text in (*others, twice, aliases):
        file.write_text(text)
        assert main(["pilot", str(file)]) == 2
        told = capsys.readouterr().err
        assert "study" in told or text.startswith("unknown")
        assert ("got rare twice" in told, "got an alias" in told) == (text == twice, text == aliases)


def test_the_rest_is_told_from_what_this_sitting_did(capsys, monkeypatch):
    times = iter((0.0, 90.0, 180.0))
    monkeypatch.setattr(pilots.time, "monotonic", lambda: next(times))
    tell = pilots._told("models")
    for done in (2, 3, 4):  # two were there already
        tell(done, 4)
    assert capsys.readouterr().err.splitlines() == [
        "models: 2 of 4",
        "models: 3 of 4, about 1 min 30 s left",
        "models: 4 of 4",
    ]
