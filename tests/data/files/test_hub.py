from __future__ import annotations

import io
import json
import math
import unicodedata
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from dguide.data import Pixels, Strings, Tokenised, load
from tests.data.loaders import rows, whole


def saved(path: Path, parts: Any) -> Path:
    parts.save_to_disk(str(path))
    return path


def strings(count: int = 20, **changes: Any) -> datasets.Dataset:
    columns = {"text": ["ab" * (n + 1) + "漢" for n in range(count)], "label": [n % 2 for n in range(count)]}
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "肯定"])}
    )
    return datasets.Dataset.from_dict(columns | changes, features=features)


def others(count: int, mark: str, **columns: Any) -> datasets.Dataset:
    """Like `strings`, but none of the same."""
    return strings(count, text=[f"{'ab' * n}{mark}" for n in range(count)], **columns)


def plain(**columns: Any) -> datasets.Dataset:
    return datasets.Dataset.from_dict(columns)


def test_strings_with_the_names_of_their_classes(tmp_path: Path) -> None:
    data = load(f"huggingface:{saved(tmp_path / 'd', strings())},column=text")
    assert data.class_names == ("neg", "肯定")
    assert isinstance(data.codec, Strings)
    texts = data.codec.decode(torch.tensor(rows(data)))
    assert sorted(texts) == sorted("ab" * n + "漢" for n in range(1, 21))
    assert load(data.name).digest == data.digest


def test_parts_to_train_on_and_to_hold_out_stay_apart(tmp_path: Path) -> None:
    parts = datasets.DatasetDict({"train": strings(19), "unsupervised": strings(5), "test": others(6, "漢漢")})
    data = load(f"huggingface:{saved(tmp_path / 'd', parts)},column=text")
    assert (len(data.train) + len(data.validation), len(data.test)) == (19, 6)
    joined = load(f"huggingface:{saved(tmp_path / 'e', datasets.DatasetDict({'all': strings(20)}))},column=text")
    assert len(rows(joined)) == 20


def test_parts_that_are_not_used_are_listed(tmp_path: Path) -> None:
    parts = {"train": strings(9), "validation": others(5, "c"), "test": others(6, "b"), "more": strings(5)}
    data = load(f"huggingface:{saved(tmp_path / 'd', datasets.DatasetDict(parts))},column=text")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [9, 5, 6]
    why = "5 rows of a part that is not for training, validation or test"
    assert [(each.what, each.why) for each in data.skipped] == [("more", why)]


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "eval"])
def test_a_part_without_classes_is_passed_over_for_one_that_has_some(tmp_path: Path, name: str) -> None:
    """As in GLUE, whose classes of the test are all -1."""
    parts = {"train": strings(9), "test": others(6, "a", label=[-1] * 6), name: others(5, "b")}
    data = load(f"huggingface:{saved(tmp_path / 'd', datasets.DatasetDict(parts))},column=text")
    assert (len(data.train) + len(data.validation), len(data.test)) == (9, 5)
    assert [each.what for each in data.skipped] == ["test"]
    alone = datasets.DatasetDict({key: part for key, part in parts.items() if key != name})
    joined = load(f"huggingface:{saved(tmp_path / 'e', alone)},column=text")
    assert len(whole(joined)) == 9
    assert [each.what for each in joined.skipped] == [f"test[{row}]" for row in range(6)]


def test_numbers_of_minus_one_in_one_part_alone_are_no_class(tmp_path: Path) -> None:
    parts = {
        key: plain(x=[key[0] * n for n in range(1, 13)], label=[0, 1] * 6) for key in ("train", "validation", "other")
    }
    parts["test"] = plain(x=["a", "b"], label=[-1, -1])
    data = load(f"huggingface:{saved(tmp_path / 'd', datasets.DatasetDict(parts))},column=x")
    assert (data.class_names, len(data.test)) == (("0", "1"), 12)


def distinct(count: int) -> list[str]:
    return ["a" * (n + 1) for n in range(count)]


@pytest.mark.parametrize(
    ("labels", "names", "missing"),
    [
        (["a ", "a", "b", " b", "  ", ""] * 2, ("a", "b"), 4),
        ([0.0, 1.0, 1.5, math.nan] * 4, ("0", "1", "1.5"), 4),
        ([True, False] * 6, ("False", "True"), 0),
        ([-1, 1] * 6, ("-1", "1"), 0),
        (["M\u00e4rz", "Ma\u0308rz", "April"] * 4, ("April", "M\u00e4rz"), 0),
    ],
)
def test_classes_by_their_names(tmp_path: Path, labels: list[Any], names: tuple[str, ...], missing: int) -> None:
    data = load(f"huggingface:{saved(tmp_path / 'd', plain(x=distinct(len(labels)), label=labels))},column=x")
    assert data.class_names == names
    assert [each.why for each in data.skipped] == ["no label or no x"] * missing


def test_strings_in_the_words_of_a_tokenizer(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({"ring": 0, "scratch": 1, "[UNK]": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(tmp_path / "t.json"))
    texts = ["ring " * n + "scratch" for n in range(12)] + ["ring 傷"]
    path = saved(tmp_path / "d", plain(x=texts, label=[0, 1] * 6 + [0]))
    data = load(f"huggingface:{path},column=x,tokenizer={tmp_path / 't.json'}")
    assert isinstance(data.codec, Tokenised)
    assert set(data.codec.decode(data.train.tokens)) <= set(texts[:12])
    assert [(e.what, e.why) for e in data.skipped] == [("all[12]", "a word outside the vocabulary: '傷'")]


def test_molecules_that_rdkit_rejects_are_left_out_and_listed(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "d",
        plain(x=["C" * (n // 2) + ("O", "Cl")[n % 2] for n in range(12)] + ["C1CC"], label=["a", "b"] * 6 + ["a"]),
    )
    data = load(f"huggingface:{path},column=x,split=smiles")
    assert isinstance(data.codec, Strings)
    assert data.codec.words[3:] == ("C", "Cl", "O")
    assert [(e.what, e.why) for e in data.skipped] == [("all[12]", "RDKit rejects 'C1CC'")]


def test_images(tmp_path: Path) -> None:
    images = [Image.fromarray(np.full((4, 4), 10 * n, dtype=np.uint8)) for n in range(12)]
    made = datasets.Dataset.from_dict(
        {"image": images, "label": ["ab"[n % 2] for n in range(12)]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")}),
    )
    data = load(f"huggingface:{saved(tmp_path / 'd', made)},column=image,levels=256,size=2")
    assert isinstance(data.codec, Pixels)
    assert sorted(rows(data)) == [[10 * n] * 4 for n in range(12)]


def pictures(images: list[Any]) -> datasets.Dataset:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    return datasets.Dataset.from_dict({"image": images, "label": [n % 2 for n in range(len(images))]}, features)


def test_images_in_colours(tmp_path: Path) -> None:
    palette = np.array([[255, 0, 0], [0, 130, 0], [0, 0, 0]], dtype=np.uint8)
    images = [Image.fromarray(palette[np.array([n // 9, n // 3 % 3, n % 3] * 2).reshape(3, 2)]) for n in range(12)]
    data = load(f"huggingface:{saved(tmp_path / 'd', pictures(images))},column=image,colours=3")
    assert data.codec == Pixels(3, 2, ("#000000", "#ff0000", "#008200"))
    number = [1, 2, 0]
    assert sorted(rows(data)) == sorted([number[n // 9], number[n // 3 % 3], number[n % 3]] * 2 for n in range(12))


@pytest.mark.parametrize("options", ["levels=16", "colours=4"])
def test_images_that_cannot_be_read_are_left_out_and_listed(tmp_path: Path, options: str) -> None:
    images: list[Any] = [Image.effect_noise((4, 4), 90) for _ in range(12)]
    stored = io.BytesIO()
    images[0].save(stored, "png")
    images += [{"bytes": each, "path": None} for each in (b"nope", b"", stored.getvalue()[:60])]
    data = load(f"huggingface:{saved(tmp_path / 'd', pictures(images))},column=image,{options}")
    assert len(whole(data)) == 12
    assert [each.what for each in data.skipped] == [f"all[{row}]" for row in range(12, 15)]
    assert data.skipped[0].why == "unreadable: cannot identify image file"
    bad = saved(tmp_path / "e", pictures([{"bytes": b"nope", "path": None}] * 2))
    with pytest.raises(ValueError, match=r"nothing usable \(2 left out: all\[0\]: unreadable"):
        load(f"huggingface:{bad},column=image,{options}")


def test_images_may_be_files(tmp_path: Path) -> None:
    """Which `save_to_disk` copies today, but did not always."""
    images = []
    for row in range(12):
        Image.new("L", (4, 4), 20 * row).save(tmp_path / f"{row}.png")
        images.append({"bytes": None, "path": str(tmp_path / f"{row}.png")})
    stored = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    features = datasets.Features({"image": stored, "label": datasets.Value("int64")})
    path = saved(tmp_path / "d", datasets.Dataset.from_dict({"image": images, "label": [0, 1] * 6}, features))
    info = json.loads((path / "dataset_info.json").read_text())
    info["features"]["image"] = {"_type": "Image"}
    (path / "dataset_info.json").write_text(json.dumps(info))
    (tmp_path / "7.png").unlink()
    data = load(f"huggingface:{path},column=image")
    assert [each.what for each in data.skipped] == ["all[7]"]
    assert len(whole(data)) == 11


def test_images_of_several_sizes_want_to_be_told_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "d", pictures([Image.new("L", (4, 4 + n % 2), 9 * n) for n in range(12)]))
    with pytest.raises(ValueError, match=r"column image: got images of 2 sizes \(6 of 4x4, 6 of 5x4\).*size=32"):
        load(f"huggingface:{path},column=image")
    assert load(f"huggingface:{path},column=image,size=4").shape == (4, 4)


def test_sequences_of_numbers(tmp_path: Path) -> None:
    made = datasets.Dataset.from_dict({"x": [[n % 3, n // 3 % 3, n // 9] for n in range(12)], "label": [0, 1] * 6})
    data = load(f"huggingface:{saved(tmp_path / 'd', made)},column=x")
    assert (data.vocab_size, data.shape, data.class_names) == (3, (1, 3), ("0", "1"))


def test_maps_of_numbers(tmp_path: Path) -> None:
    made = plain(x=[[[n % 3, 0, 1], [2, n // 3 % 3, n // 9]] for n in range(12)], label=[0, 1] * 6)
    data = load(f"huggingface:{saved(tmp_path / 'd', made)},column=x")
    assert (data.vocab_size, data.shape) == (3, (2, 3))
    assert data.train.tokens[0].tolist() == [0, 0, 1, 2, 0, 0]


def test_numbers_that_are_too_large_for_tokens_are_refused_or_left_out(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "d", plain(x=[[2 + n % 3, 1 + n // 3] for n in range(12)] + [[1, 10**7]], label=[0, 1] * 6 + [1])
    )
    with pytest.raises(ValueError, match=r"values up to 10000000, expected values below 4096. Pass vocab=NUMBER"):
        load(f"huggingface:{path},column=x")
    data = load(f"huggingface:{path},column=x,vocab=5")
    assert data.vocab_size == 5
    assert [(e.what, e.why) for e in data.skipped] == [("all[12]", "value 10000000, expected below 5")]
    with pytest.raises(ValueError, match="nothing usable"):
        load(f"huggingface:{path},column=x,vocab=2")
    with pytest.raises(ValueError, match=r"vocab.*at least"):
        load(f"huggingface:{path},column=x,vocab=1")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1, -2], r"the number -2 in all\[4\]"),
        ([1, None], r"a missing number \(None\) in all\[4\]"),
        ([], r"no numbers in all\[4\]"),
        ([1], r"sequences of several lengths \(11 of 2, 1 of 1\)"),
    ],
)
def test_sequences_that_are_none_are_refused_with_what_is_wrong(tmp_path: Path, row: list[Any], message: str) -> None:
    rows: list[Any] = [[1, 2] for _ in range(12)]
    rows[4] = row
    with pytest.raises(ValueError, match=f"column x: got {message}"):
        load(f"huggingface:{saved(tmp_path / 'd', plain(x=rows, label=[0, 1] * 6))},column=x")


def test_several_classes_in_a_row_or_several_types_are_refused(tmp_path: Path) -> None:
    lists = plain(x=["a", "b"] * 6, label=[[0], [1]] * 6)
    with pytest.raises(ValueError, match=r"column label: got list \[0\], expected one class in each row"):
        load(f"huggingface:{saved(tmp_path / 'd', lists)},column=x")
    parts = datasets.DatasetDict({"train": plain(x=["a"], label=[0]), "test": plain(x=["a"], label=["0"])})
    message = r"column label of e: got Value\('int64'\) in train; Value\('string'\) in test, expected one type.*cast_"
    with pytest.raises(ValueError, match=message):
        load(f"huggingface:{saved(tmp_path / 'e', parts)},column=x")


@pytest.mark.parametrize(
    ("column", "options", "message"),
    [
        ("text", "size=4", "got size, expected those of strings: split, tokenizer, length"),
        ("text", "levels=4,colours=2,length=9", "got levels, colours, expected"),
        ("image", "split=smiles", "got split, expected those of images: size, levels, colours"),
        ("image", "vocab=3", "got vocab, expected"),
        ("x", "length=4,size=4", "got length, size, expected those of integers: vocab"),
        ("label", "", "label for two things"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path: Path, column: str, options: str, message: str) -> None:
    made = pictures([Image.new("L", (4, 4), n) for n in range(12)])
    made = made.add_column("text", ["a", "b"] * 6).add_column("x", [[1, 2]] * 12)
    with pytest.raises(ValueError, match=message):
        load(f"huggingface:{saved(tmp_path / 'd', made)},column={column},{options}".rstrip(","))


def test_rows_without_a_string_or_a_class_are_left_out_and_listed(tmp_path: Path) -> None:
    texts: list[str | None] = ["ab" * (n + 1) for n in range(20)]
    texts[3], texts[4], texts[5] = None, "  ", "ab" * 6 + "\n"
    labels: list[int | None] = [n % 2 for n in range(20)]
    labels[7] = None
    data = load(f"huggingface:{saved(tmp_path / 'd', strings(text=texts, label=labels))},column=text")
    assert [each.what for each in data.skipped] == ["all[3]", "all[7]", "all[4]"]
    assert len(whole(data)) == 17
    assert isinstance(data.codec, Strings)
    assert data.codec.words[3:] == ("a", "b")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("column=txt", r"column of all.*'txt'.*label, text"),
        ("column=text,label=kind", "column.*'kind'"),
        ("", "no column"),
        ("column=text,split=words", "characters, smiles"),
    ],
)
def test_columns_that_are_not_there_are_refused(tmp_path: Path, options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(f"huggingface:{saved(tmp_path / 'd', strings())},{options}".rstrip(","))


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save_to_disk"):
        load(f"huggingface:{tmp_path},column=text")
    for count, parts in enumerate((strings(0), datasets.DatasetDict(), datasets.DatasetDict({"train": strings(0)}))):
        with pytest.raises(ValueError, match="no rows"):
            load(f"huggingface:{saved(tmp_path / str(count), parts)},column=text")
    for state in ("{}", "[]", "null", "{", '{"_data_files": null}', '{"_data_files": [{}], "_fingerprint": "x"}'):
        (saved(tmp_path / "s", strings()) / "state.json").write_text(state)
        with pytest.raises(ValueError, match=r"data set: got .*expected a folder that save_to_disk wrote"):
            load(f"huggingface:{tmp_path / 's'},column=text")
    ragged = datasets.Dataset.from_dict({"x": [[1] * (n + 1) for n in range(12)], "label": [0, 1] * 6})
    with pytest.raises(ValueError, match="several lengths"):
        load(f"huggingface:{saved(tmp_path / 'r', ragged)},column=x")
    half = datasets.Dataset.from_dict({"x": [[0.5, 1.0]] * 12, "label": [0, 1] * 6})
    with pytest.raises(ValueError, match="whole numbers"):
        load(f"huggingface:{saved(tmp_path / 'h', half)},column=x")


@pytest.mark.parametrize(("stored", "typed"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_names_of_columns_are_found_in_any_unicode_form(tmp_path: Path, stored: str, typed: str) -> None:
    texts = ["ab" * (n + 1) for n in range(20)]
    classes = [unicodedata.normalize(("NFC", "NFD")[n % 4 // 2], ("défaut", "bon")[n % 2]) for n in range(20)]
    text, label = (unicodedata.normalize(stored, each) for each in ("libellé", "qualité"))
    saved(tmp_path / "d", plain(**{text: texts, label: classes}))
    column, label = (unicodedata.normalize(typed, each) for each in ("libellé", "qualité"))
    data = load(f"huggingface:{tmp_path / 'd'},column={column},label={label}")
    assert data.class_names == ("bon", "défaut")
    assert data.conditions[0].name == "qualité"
