"""`dguide data` on files of one's own: exit statuses, errors in one line, what was left out, pictures."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from dguide.cli import main
from dguide.cli.output import padded
from dguide.data import load
from dguide.plots import style

Run = Callable[..., tuple[int, str, str]]
CLASSES = ("傷", "汚れ", "良品")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line; returns its exit status and what it printed."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        status = main([str(each) for each in arguments])
        printed = capfd.readouterr()
        return status, printed.out, printed.err

    return call


def inspection(root: Path, counts: tuple[int, ...] = (12, 12, 12)) -> Path:
    """Images of 4 x 4 pixels that differ, in folders with Japanese names."""
    for label, (name, count) in enumerate(zip(CLASSES, counts, strict=True)):
        (root / name).mkdir(parents=True)
        for n in range(count):
            pixels = np.zeros((4, 4), dtype=np.uint8)
            pixels[0, :2] = 20 * n, 100 * label
            Image.fromarray(pixels).save(root / name / f"{n}.png")
    return root


def archive(path: Path) -> Path:
    np.savez(path, maps=np.random.default_rng(0).integers(3, size=(20, 4, 4)), kinds=np.arange(20) % 2)
    return path


def table(path: Path) -> Path:
    path.write_text("text,kind,mass\n" + "".join(f"{'C' * (n + 1)},{'良悪'[n % 2]},{n}\n" for n in range(20)))
    return path


def shown(summary: dict[str, Any]) -> str:
    """The line of the parts."""
    train, validation, test = (f"{summary[part]:,}" for part in ("train", "validation", "test"))
    return f"{train} for training, {validation} for validation, {test} for the test"


def test_images(run: Run, tmp_path: Path) -> None:
    root = inspection(tmp_path / "検査")
    (root / "傷" / "bad.png").write_bytes(b"no image")
    (root / "傷" / "メモ.txt").write_text("memo")
    status, out, err = run("data", f"images:{root}")
    assert (status, err) == (0, "")
    for words in (
        "16 of 16, 4 rows of 4 pixels",
        "left out:   2",
        "メモ.txt: no image by",
    ):
        assert words in out
    for name in CLASSES:
        assert f"{name} " in out
    summary = json.loads(run("data", f"images:{root}", "--json")[1])
    parts = np.array([summary["conditions"]["label"][name] for name in CLASSES])
    assert parts.sum(1).tolist() == [12] * 3
    assert parts.sum(0).tolist() == [summary[part] for part in ("train", "validation", "test")]
    assert shown(summary) in out
    assert [Path(each["what"]).name for each in summary["skipped"]] == ["メモ.txt", "bad.png"]
    assert summary["skipped"][1]["why"].startswith("unreadable")


def test_an_archive(run: Run, tmp_path: Path) -> None:
    status, out, err = run("data", f"npz:{archive(tmp_path / 'x.npz')},names=良;悪")
    assert (status, err) == (0, "")
    summary = json.loads(run("data", f"npz:{tmp_path / 'x.npz'},names=良;悪", "--json")[1])
    assert {name: sum(parts) for name, parts in summary["conditions"]["label"].items()} == {"悪": 10, "良": 10}
    assert shown(summary) in out
    assert summary["skipped"] == []


def test_a_table_told_by_a_number_alone(run: Run, tmp_path: Path) -> None:
    """The smallest, the mean and the largest of each part, since there are no classes to count."""
    name = f"csv:{table(tmp_path / 'x.csv')},text=text,property=mass"
    status, out, err = run("data", name)
    assert (status, err) == (0, "")
    data = load(name)
    parts = [split.properties["mass"].tolist() for split in (data.train, data.validation, data.test)]
    rows = {"smallest": min, "mean": np.mean, "largest": max}
    expected = [[name, *(f"{of(part):.5g}" for part in parts)] for name, of in rows.items()]
    assert [line.split() for line in out.splitlines()[-3:]] == expected
    assert json.loads(run("data", name, "--json")[1])["conditions"] == {
        "mass": {name: [of(part) for part in parts] for name, of in rows.items()}
    }
    both = run("data", f"{name},label=kind", "--json")[1]
    assert list(json.loads(both)["conditions"]) == ["kind", "mass"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("images:{}/nowhere", "no folder"),
        ("images:{}/検査,size=big", "size: got 'big'"),
        ("images:{}/検査,colour=3", "colours"),
        ("images:{}/検査/傷", "nothing usable"),
        ("npz:{}/x.npz,labels=kind", "'kind'"),
        ("npz:{}/x.npz,names=one", "got 1, expected 2 of them"),
        ("npz:{}/x.csv", "no archive"),
        ("npz:{}/nowhere.npz", "no file"),
        ("csv:{}/x.csv,label=typ", "'typ'"),
        ("csv:{}/nowhere.csv,label=kind", "no file"),
    ],
)
def test_what_does_not_fit_is_an_error_in_one_line(run: Run, tmp_path: Path, name: str, told: str) -> None:
    inspection(tmp_path / "検査")
    archive(tmp_path / "x.npz")
    table(tmp_path / "x.csv")
    status, out, err = run("data", name.format(tmp_path))
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert told in err


@pytest.mark.parametrize("command", [["data"], ["train", "--out", "run", "--steps", "1", "--data"]])
def test_a_path_alone_is_told_with_its_name(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    inspection(tmp_path / "inspection")
    archive(tmp_path / "x.npz")
    table(tmp_path / "x.csv")
    monkeypatch.chdir(tmp_path)
    for text, name in (("inspection", "images"), ("inspection,size=2", "images"), ("x.npz", "npz"), ("x.csv", "csv")):
        status, _, err = run(*command, text)
        assert status == 2
        assert err.count("\n") == 1
        assert f"Did you mean {name}:{text}?" in err


def test_a_picture_of_classes_with_few_images_leaves_room(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class of one image does not take those of the others away."""
    drawn = []
    usual = style.save
    monkeypatch.setattr(style, "save", lambda figure, path: (drawn.append(figure), usual(figure, path)))
    root = inspection(tmp_path / "検査", (12, 1, 4))
    assert run("data", f"images:{root}", "--png", tmp_path / "x.png")[0] == 0
    assert plt.imread(tmp_path / "x.png").shape[2] == 4
    sheet = np.asarray(drawn[0].axes[0].images[0].get_array())
    assert sheet.shape[:2] == (10 * 5 + 1, 3 * 5 + 1)  # ten rows of three, with gaps
    inked = [[sheet[5 * row + 1, 5 * column + 1 : 5 * column + 3].min() < 1 for row in range(10)] for column in (1, 2)]
    assert inked == [[True] + [False] * 9, [True] * 2 + [False] * 8]  # of four, one each is for validation and test


def test_names_that_no_font_has_become_numbers_and_are_told(run: Run, tmp_path: Path) -> None:
    root = inspection(tmp_path / "検査")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status, out, err = run("data", f"images:{root}", "--png", tmp_path / "x.png", "--json")
    assert status == 0
    assert sum(json.loads(out)[part] for part in ("train", "validation", "test")) == 36
    told = [f"class {k}, which is {k} in {tmp_path / 'x.png'}: {name}" for k, name in enumerate(CLASSES)]
    for name, line in zip(CLASSES, told, strict=True):
        assert (line in err) != bool(style.fonts(name))
    assert "Glyph" not in err


def test_a_font_is_one_that_has_all_characters() -> None:
    assert style.fonts("plain") == style.fonts("Größe") == style.fonts("")
    assert len(style.fonts("plain")) == 1
    assert style.fonts("\U0001fbff\U000e0001") == []


def test_wide_characters_and_accents_keep_the_columns(run: Run, tmp_path: Path) -> None:
    names = ("傷", "good", "de\u0301faut")
    path = tmp_path / "x.csv"
    path.write_text("text,kind\n" + "".join(f"{'C' * (n + 1)},{names[n % 3]}\n" for n in range(30)), encoding="utf-8")
    _, out, _ = run("data", f"csv:{path},label=kind")
    rows = out[out.index("kind:\n") :].splitlines()[1:4]
    assert [row.strip().partition(" ")[0] for row in rows] == ["défaut", "good", "傷"]
    assert len({len(row.encode("cp932", "replace")) for row in rows}) == 1  # two bytes for two columns
    assert padded("e\u0301\uac00", 5) == "e\u0301\uac00  "
