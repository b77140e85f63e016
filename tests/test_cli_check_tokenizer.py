from __future__ import annotations

import functools
import json

import pytest

from dguide.cli.commands import check_tokenizer as command
from dguide.tokenizers import save
from dguide.tokenizers.learnt import LearntTokenizer
from dguide.tokenizers.network import Autoencoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer")
    save(path, LearntTokenizer(Autoencoder(1, (8, 5), 4, 8), 8, 8))
    return path


def test_folder_holds_the_report_and_the_worst_pictures(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "check", functools.partial(command.check, seen=640))
    out = tmp_path / "new" / "folder"
    options = ["--data", "digits", "--limit", 60, "--repetitions", 4, "--device", "cpu"]
    status, printed, err = run("check-tokenizer", folder, *options, "--out", out)
    assert status == 0, err
    assert sorted(path.name for path in out.iterdir()) == [
        "report.json",
        "report.md",
        "worst-local-error.png",
        "worst-mean-error.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in out.glob("*.png"))
    page, told = (out / "report.md").read_text(), json.loads((out / "report.json").read_text())
    assert page in printed
    assert page.startswith(f"60 test pictures of digits through {folder}: 8 x 8 pixels, 4 tokens of 40 codes, ")
    assert "**The tokenizer loses what tells these classes**: " in page  # its weights are random
    counting = {each["name"]: each for each in told["classes"] if each["counts"]}
    assert set(counting) == set("0123456789")
    assert sum(each["apart"]["value"] for each in counting.values()) < -2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("mnist", "pictures of mnist"),
        ("digit", "unknown data set: got 'digit'"),
        ("digits:tokenizer=x", "digits"),
        (
            "wafer:size=16",
            "pictures of wafer:size=16: got 16 x 16 pixels, red, green and blue, expected 8 x 8 pixels, grey",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(run, folder, tmp_path, monkeypatch, data, words):
    monkeypatch.setattr(command, "check", lambda *_, **__: pytest.fail("the work began"))
    status, out, err = run("check-tokenizer", folder, "--data", data, "--out", tmp_path / "out")
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_tokenizer_is_refused(run, tmp_path):
    status, _, err = run("check-tokenizer", tmp_path, "--data", "digits", "--out", tmp_path / "out")
    assert (status, "tokenizer" in err, err.count("\n")) == (2, True, 1)
