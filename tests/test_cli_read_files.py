"""`dguide read` on files that nobody labelled, and the places of what it reads."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import DIGITS, save_strings, save_tiny

from dguide import checkpoint
from dguide.cli import main
from dguide.evaluate import class_counts, hypotheses, read


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def run(capsys, tmp_path):
    """Runs `dguide read` to a folder; returns its exit status, what it printed, and the lines of reading.csv."""

    def call(*arguments):
        capsys.readouterr()
        out = tmp_path / "reading"
        status = main(["read", *map(str, arguments), "--out", str(out), "--passes", "2", "--device", "cpu"])
        printed = capsys.readouterr()
        table = out / "reading.csv"
        rows = list(csv.DictReader(table.open(newline=""))) if table.exists() else []
        return status, printed.out, printed.err, rows

    return call


def picture(path: Path, tokens: torch.Tensor) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = (DIGITS.codec.picture(tokens) * 255).round().byte().numpy()
    Image.fromarray(np.kron(grey, np.ones((3, 3), dtype=np.uint8))).save(path)
    return path


@pytest.mark.parametrize("prior", ["training", "equal"])
def test_every_image_is_read_and_named(run, model, tmp_path, prior):
    tokens = DIGITS.test.tokens[:5]
    folder = tmp_path / "photos"
    files = [picture(folder / name, each) for name, each in zip(["a.png", "b.png", "in/c.png"], tokens, strict=False)]
    single = picture(tmp_path / "one.bmp", tokens[3])
    (folder / "half.png").write_bytes(files[0].read_bytes()[:60])
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(b"")
    status, out, err, rows = run(model, folder, single, files[1], "--prior", prior)
    assert status == 0, err
    assert [row["place"] for row in rows] == [str(file) for file in (*files, single)]
    loaded = checkpoint.load(model)
    counts = class_counts(DIGITS.conditions[0], DIGITS.train) + 1 if prior == "training" else None
    expected = read(loaded.model, loaded.process, tokens[:4], hypotheses(loaded.conditions, 4), passes=2, prior=counts)
    assert [row["read"] for row in rows] == [DIGITS.class_names[k] for k in expected.predicted]
    probs = [[float(row[f"p({name})"]) for name in DIGITS.class_names] for row in rows]
    torch.testing.assert_close(torch.tensor(probs).double(), expected.log_probs.exp(), rtol=1e-4, atol=1e-6)
    assert "accuracy" not in out
    assert "class" not in rows[0]
    content = json.loads((tmp_path / "reading" / "reading.json").read_text())
    assert sum(content["classes"].values()) == 4
    left_out = [folder / ".hidden.png", folder / "half.png", folder / "notes.txt", files[1]]
    assert list(content["left out"]) == [str(each) for each in left_out]
    assert content["left out"][str(files[1])] == "named twice, and read once"
    assert all(place in out for place in content["left out"])
    assert sorted(each.name for each in (tmp_path / "reading").iterdir()) == [
        "reading.csv",
        "reading.json",
        "reading.md",
    ]


def test_every_line_and_field_is_read_and_named(run, tmp_path):
    model = save_strings(tmp_path / "strings")
    lines, table = tmp_path / "new.txt", tmp_path / "new.csv"
    lines.write_text("abc\n\nabd\ncab\n", encoding="utf-8")
    table.write_text("id,word\n1,ab\n2,\n3,ba\n")
    status, out, err, rows = run(model, lines, table, "--text", "word", "--prior", "equal")
    assert status == 0, err
    assert [row["place"] for row in rows] == ["new.txt:1", "new.txt:4", "new.csv:2", "new.csv:4"]
    assert {row["read"] for row in rows} <= {"cat", "dog"}
    assert "- new.txt:3: string: got 'abd' with ['d']" in out
    assert "- new.csv:3: an empty string" in out


def test_labelled_rows_are_named_too(run, tmp_path):
    model, path = save_strings(tmp_path / "strings"), tmp_path / "words.csv"
    words = ["".join("abc"[n // 3**k % 3] for k in range(4)) for n in range(40)]
    path.write_text("word,kind\n" + "".join(f"{word},{'cat' if n % 2 else 'dog'}\n" for n, word in enumerate(words)))
    status, _, err, rows = run(model, "--data", f"csv:{path},text=word,label=kind", "--repetitions", 0)
    assert status == 0, err
    lines = path.read_text().splitlines()
    assert rows
    for row in rows:
        name, _, line = row["place"].partition(":")
        assert name == "words.csv"
        assert lines[int(line) - 1].endswith(f",{row['class']}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.png"], "file to read: got missing.png, which does not exist"),
        (["photo.png", "--normal", "3"], "--normal: got files, expected labelled data"),
        (["--text", "word"], "--text: got no files, expected a table to read"),
        (["broken.png"], "nothing usable (1 left out: broken.png: image broken.png: got unreadable"),
    ],
)
def test_bad_files_are_refused(run, model, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "photo.png", DIGITS.test.tokens[0])
    (tmp_path / "broken.png").write_bytes(b"none")
    status, out, err, rows = run(model, *arguments)
    assert (status, out, rows) == (2, "", [])
    assert words in err


def test_strings_need_files_and_columns(run, tmp_path):
    model = save_strings(tmp_path / "strings")
    (tmp_path / "two.csv").write_text("id,word\n1,ab\n")
    for path, words in ((tmp_path, "got the folder"), (tmp_path / "two.csv", "Pass --text COLUMN")):
        status, _, err, _ = run(model, path, "--prior", "equal")
        assert status == 2
        assert words in err
    status, _, err, _ = run(model, tmp_path / "two.csv", "--text", "word")
    assert (status, "Pass --data where it is now, or --prior equal" in err) == (2, True)


def test_a_table_says_its_columns_and_takes_any_unicode_form(run, tmp_path):
    model, path = save_strings(tmp_path / "strings"), tmp_path / "two.csv"
    path.write_text("id,cle\u0301\n1,ab\n", encoding="utf-8")
    _, _, err, _ = run(model, path, "--prior", "equal")
    assert (
        "got columns id, cle\u0301, expected one column, or the name of that of the strings. Pass --text COLUMN" in err
    )
    status, _, err, rows = run(model, path, "--prior", "equal", "--text", "cl\u00e9")
    assert (status, len(rows)) == (0, 1), err
    path.write_text("")
    assert "got no line with the names of columns" in run(model, path, "--prior", "equal")[2]


def test_a_normal_class_that_is_not_held_out_is_named(run, tmp_path):
    model, path = save_strings(tmp_path / "strings"), tmp_path / "words.csv"
    words = ["".join("abc"[n // 3**k % 3] for k in range(4)) for n in range(40)]
    path.write_text("word,kind\n" + "".join(f"{word},{'cat' if n else 'dog'}\n" for n, word in enumerate(words)))
    status, out, err, _ = run(model, "--data", f"csv:{path},text=word,label=kind", "--normal", "dog")
    assert (status, out) == (2, "")
    assert "sequences of 'dog' and of other classes in the test part: got 0 and" in err
    assert "Choose another normal class" in err
    assert run(model, "--data", f"csv:{path},text=word,label=kind", "--repetitions", 0)[0] == 0
