"""What a codec makes of one image or string is what the loaders make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import dguide
from dguide.data import CODECS, Codec, Dataset, Pixels, Strings, Tokenised, load

WORDS = '{"model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "b"}, "version": "1.0"}'


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def folder(root: Path, colours: int) -> Path:
    """Images of several modes and shapes in two classes; with few colours or many."""
    source = np.random.default_rng(0)
    palette = source.integers(0, 256, (colours, 3), dtype=np.uint8)
    for n in range(12):
        path = root / "ab"[n % 2] / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(palette[source.integers(0, colours, (12 + n % 3, 10))])
        (image.convert("L") if n == 3 and colours > 8 else image).save(path)
    return root


def parts(dataset: Dataset) -> Iterator[tuple[str, list[int]]]:
    """Place and tokens of every sequence."""
    for split in (dataset.train, dataset.validation, dataset.test):
        assert len(split.places) == len(split)
        yield from zip(split.places, split.tokens.tolist(), strict=True)


@pytest.mark.parametrize(
    ("options", "colours"), [("levels=7", 99), ("levels=256", 5), ("colours=5", 5), ("colours=9", 99)]
)
def test_an_image_becomes_what_a_folder_makes_of_it(tmp_path: Path, options: str, colours: int) -> None:
    dataset = load(f"images:{folder(tmp_path, colours)},size=6x5,{options}")
    for place, tokens in parts(dataset):
        with Image.open(place) as image:
            given: list[Any] = [place, Path(place), image.copy(), np.asarray(image), torch.tensor(np.asarray(image))]
        assert all(dataset.codec.encode(each) == tokens for each in given)


def test_numbers_of_an_array_are_read_as_those_of_an_image() -> None:
    codec = Pixels.grey(1, 4, 4)
    for array in (
        np.array([[0, 85, 170, 255]], dtype=np.uint8),
        np.array([[0, 1 / 3, 2 / 3, 1]]),
        np.array([[0, 85, 170, 255]], dtype=np.uint16) * 257,
        np.array([[0, 85, 170, 255]], dtype=np.uint16) * 16,  # 12 bits, as of a camera
    ):
        assert codec.encode(array) == [0, 1, 2, 3]
    assert codec.encode(np.array([[True, False, True, True]])) == [3, 0, 3, 3]
    assert codec.encode(np.full((2, 8, 3), 255, dtype=np.uint8)) == [3] * 4


def test_an_image_of_sixteen_bits_is_scaled_as_those_of_the_folder(tmp_path: Path) -> None:
    """As of a camera with 12 bits: most images do not use all of them, and a later one may use more."""
    for n in range(12):
        path = tmp_path / "ab"[n % 2] / f"{n}.png"
        path.parent.mkdir(exist_ok=True)
        values = np.roll(np.arange(16, dtype=np.uint16), n).reshape(4, 4) * 2**8
        Image.fromarray(values if n == 7 else values // (n + 2)).save(path)
    dataset = load(f"images:{tmp_path},levels=16")
    codec = CODECS.restore(json.loads(json.dumps(CODECS.describe(dataset.codec))))
    for place, tokens in parts(dataset):
        with Image.open(place) as image:
            assert codec.encode(place) == codec.encode(np.asarray(image)) == tokens
    assert codec.encode(np.full((4, 4), 5000, dtype=np.uint16)) == [15] * 16
    older = {name: value for name, value in CODECS.describe(dataset.codec).items() if name != "bits"}
    assert CODECS.restore(older) == codec  # a checkpoint of before, or a folder without such images
    with pytest.raises(dguide.InputError, match="bits: got 3"):
        Pixels(1, 1, ("#000000", "#ffffff"), bits=3)


def test_a_string_becomes_what_a_table_makes_of_it(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("text,kind\n" + "".join(f"{'ab' * (n % 4)}{n},{'xy'[n % 2]}\n" for n in range(20)))
    dataset = load(f"csv:{path},text=text,label=kind")
    lines = path.read_text().splitlines()
    for place, tokens in parts(dataset):
        name, _, line = place.partition(":")
        assert name == "texts.csv"
        assert dataset.codec.encode(lines[int(line) - 1].partition(",")[0]) == tokens


GREY, LETTERS = Pixels.grey(2, 2, 4), Strings.of(["ab"])


@pytest.mark.parametrize(
    ("codec", "value", "message"),
    [
        (GREY, "missing.png", "image missing.png: got unreadable.*expected an image, the path of one"),
        (GREY, 3, "image: got 3, expected an image"),
        (GREY, None, "image: got None, expected an image"),
        (GREY, np.zeros(4), r"image: got float64 of shape \[4\]"),
        (GREY, np.zeros((2, 2, 4)), r"image: got float64 of shape \[2, 2, 4\]"),
        (GREY, np.zeros((0, 2)), r"image: got float64 of shape \[0, 2\]"),
        (GREY, np.array([["a"]]), r"image: got <U1 of shape \[1, 1\]"),
        (GREY, np.array([[0, 99]]), "image: got 16 bits, but no value above 255"),
        (GREY, np.array([[0.0, 2.0]]), "image: got numbers from 0 to 2"),
        (LETTERS, 3, "string: got 3, expected a string"),
        (LETTERS, "abc", "string: got 3 words"),
        (Tokenised(WORDS, 3), ["a"], r"string: got \['a'\], expected a string"),
    ],
    ids=str,
)
def test_what_cannot_be_encoded_is_refused(codec: Codec, value: object, message: str) -> None:
    with pytest.raises(dguide.InputError, match=message):
        codec.encode(value)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(dguide.InputError, match=r"half\.png: got unreadable"):
        GREY.encode(path)
