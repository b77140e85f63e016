from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from dguide.data import Pixels, Strings, load


def saved(path: Path, parts: Any) -> Path:
    parts.save_to_disk(str(path))
    return path


def strings(count: int = 20, **changes: Any) -> datasets.Dataset:
    columns = {"text": ["ab" * (n + 1) + "漢" for n in range(count)], "label": [n % 2 for n in range(count)]}
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "肯定"])}
    )
    return datasets.Dataset.from_dict(columns | changes, features=features)


def test_strings_with_the_names_of_their_classes(tmp_path: Path) -> None:
    data = load(f"huggingface:{saved(tmp_path / 'd', strings())},column=text")
    assert data.class_names == ("neg", "肯定")
    assert (len(data.train), len(data.held_out)) == (16, 4)
    assert isinstance(data.codec, Strings)
    assert data.codec.decode(data.held_out.tokens) == ["ab" * n + "漢" for n in (5, 6, 15, 16)]
    assert load(data.name) is load(f"huggingface:{tmp_path / 'd'},column=text")


def test_parts_to_train_on_and_to_hold_out_stay_apart(tmp_path: Path) -> None:
    test = strings(6, text=[f"{'ab' * n}漢漢" for n in range(6)])
    parts = datasets.DatasetDict({"train": strings(9), "unsupervised": strings(5), "test": test})
    data = load(f"huggingface:{saved(tmp_path / 'd', parts)},column=text")
    assert (len(data.train), len(data.held_out)) == (9, 6)
    whole = load(f"huggingface:{saved(tmp_path / 'e', datasets.DatasetDict({'all': strings(20)}))},column=text")
    assert (len(whole.train), len(whole.held_out)) == (16, 4)


def test_images(tmp_path: Path) -> None:
    images = [Image.fromarray(np.full((4, 4), 10 * n, dtype=np.uint8)) for n in range(12)]
    made = datasets.Dataset.from_dict(
        {"image": images, "label": ["ab"[n % 2] for n in range(12)]},
        features=datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")}),
    )
    data = load(f"huggingface:{saved(tmp_path / 'd', made)},column=image,levels=256,size=2")
    assert isinstance(data.codec, Pixels)
    assert data.held_out.tokens.tolist() == [[40] * 4, [50] * 4]


def test_sequences_of_numbers(tmp_path: Path) -> None:
    made = datasets.Dataset.from_dict({"x": [[n % 3, n // 3 % 3, n // 9] for n in range(12)], "label": [0, 1] * 6})
    data = load(f"huggingface:{saved(tmp_path / 'd', made)},column=x")
    assert (data.vocab_size, data.shape, data.class_names) == (3, (1, 3), ("0", "1"))


def test_rows_without_a_string_or_a_class_are_left_out_and_listed(tmp_path: Path) -> None:
    texts: list[str | None] = ["ab" * (n + 1) for n in range(20)]
    texts[3], texts[4] = None, ""
    labels: list[int | None] = [n % 2 for n in range(20)]
    labels[7] = None
    data = load(f"huggingface:{saved(tmp_path / 'd', strings(text=texts, label=labels))},column=text")
    assert [each.what for each in data.skipped] == ["all[3]", "all[7]", "all[4]"]
    assert len(data.train) + len(data.held_out) == 17


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("column=txt", r"column.*'txt'.*label, text"),
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
    ragged = datasets.Dataset.from_dict({"x": [[1] * (n + 1) for n in range(12)], "label": [0, 1] * 6})
    with pytest.raises(ValueError, match="several lengths"):
        load(f"huggingface:{saved(tmp_path / 'r', ragged)},column=x")
    half = datasets.Dataset.from_dict({"x": [[0.5, 1.0]] * 12, "label": [0, 1] * 6})
    with pytest.raises(ValueError, match="whole numbers"):
        load(f"huggingface:{saved(tmp_path / 'h', half)},column=x")
