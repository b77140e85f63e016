"""Data sets whose tokens are codes of a tokenizer: one contract for all sources of images."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from dguide.data import CODECS, Dataset, Learnt, Source, load, pictures
from dguide.data.sets import elpv
from dguide.errors import InputError
from tests.blocks import Blocks, write_blocks
from tests.data.loaders import whole

SIDE = 8
KINDS = ("mono", "poly")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def drawn(count: int, side: int = SIDE, seed: int = 0) -> np.ndarray:
    """Grey pictures of large spots, so that most differ in the means of their blocks."""
    spots = np.random.default_rng(seed).integers(256, size=(count, 2, 2), dtype=np.uint8)
    noise = np.random.default_rng(seed + 1).integers(8, size=(count, side, side), dtype=np.uint8)
    return spots.repeat(side // 2, 1).repeat(side // 2, 2) // 2 + noise


def folder(path: Path) -> str:
    for n, picture in enumerate(drawn(80)):
        (path / "source" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path / "source" / "ab"[n % 2] / f"{n}.png")
    return f"images:{path / 'source'}"


def hub(path: Path) -> str:
    datasets = pytest.importorskip("datasets")
    columns = {"image": [Image.fromarray(each) for each in drawn(80)], "label": [f"{n % 2}" for n in range(80)]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(path / "hub"))
    return f"huggingface:{path / 'hub'},column=image"


def archive(path: Path) -> str:
    np.savez(path / "it.npz", maps=drawn(80) // 64, kinds=np.arange(80) % 2)
    return f"npz:{path / 'it.npz'},tokens=maps,labels=kinds"


def digits(path: Path) -> str:
    pytest.importorskip("sklearn")
    return "digits"


def cells(path: Path) -> str:
    return f"elpv:size={SIDE}"


def wafer(path: Path) -> str:
    return f"wafer:size={SIDE},count=450"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package with the interface of elpv-dataset: images [N, 300, 300], probabilities and types."""
    made, utils = ModuleType("elpv_dataset"), ModuleType("elpv_dataset.utils")
    images = drawn(160, 300)
    images[7] = images[3]
    grades = np.arange(160) % 4 / 3
    utils.load_dataset = lambda: (images, grades, np.array(KINDS)[np.arange(160) // 4 % 2])  # type: ignore[attr-defined]
    made.utils = utils  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "elpv_dataset", made)
    monkeypatch.setitem(sys.modules, "elpv_dataset.utils", utils)
    usual = elpv.importlib.metadata.version
    monkeypatch.setattr(
        elpv.importlib.metadata, "version", lambda name: "fake" if name == "elpv-dataset" else usual(name)
    )
    elpv._say_licence.cache_clear()
    return made


every_source = pytest.mark.parametrize("source", [folder, hub, archive, digits, cells, wafer])


def encoded(name: str, tokenizer: Path) -> str:
    return f"{name}{',' if ':' in name else ':'}tokenizer={tokenizer}"


def parts(data: Dataset) -> tuple[torch.Tensor, ...]:
    return data.train.tokens, data.validation.tokens, data.test.tokens


def originals(source: Source) -> dict[bytes, int]:
    """The part of each picture."""
    splits = (source.train, source.validation, source.test)
    return {each.numpy().tobytes(): part for part, split in enumerate(splits) for each in split.batch(slice(None))}


@every_source
@pytest.mark.usefixtures("package")
def test_every_source_of_images_is_encoded_in_the_same_parts(
    source: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = source(tmp_path)
    raw = pictures(name)
    tokenizer = write_blocks(tmp_path / "blocks", monkeypatch, channels=raw.channels)
    data = load(encoded(name, tokenizer))
    again = load(data.name)  # from the cache
    assert again.name == data.name
    assert again.digest == data.digest
    assert isinstance(data.codec, Learnt)
    assert (data.shape, data.codec.size, data.vocab_size, data.length) == ((2, 2), (SIDE, SIDE), 16, 4)
    assert (data.class_names, data.synthetic) == (raw.class_names, raw.synthetic)
    assert CODECS.restore(CODECS.describe(data.codec)) == data.codec
    home_of = originals(raw)
    for part, split in enumerate((data.train, data.validation, data.test)):
        assert split.images is not None
        shown = split.images.batch(slice(None))
        assert torch.equal(data.codec.tokenizer.encode(shown), split.tokens)
        assert {home_of[each.numpy().tobytes()] for each in shown} == {part}
    seen = [{row.numpy().tobytes() for row in tokens} for tokens in parts(data)]
    assert not any(seen[a] & seen[b] for a, b in ((0, 1), (0, 2), (1, 2)))
    lost = len(raw.train) + len(raw.validation) + len(raw.test) - len(whole(data))
    said = [each for each in data.skipped if each.why.startswith("its tokens are also in the")]
    assert len(said) == lost
    assert len(data.train) == len(raw.train)
    some = data.test.some(3)
    assert torch.equal(data.codec.tokenizer.encode(some.images.batch(slice(None))), some.tokens)  # type: ignore[union-attr]


def test_pictures_of_two_parts_with_equal_tokens_are_left_out_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six levels leave so few sequences for 80 pictures that some in the test equal one to train on."""
    name, tokenizer = folder(tmp_path), write_blocks(tmp_path / "blocks", monkeypatch, codes=6)
    data, raw = load(encoded(name, tokenizer)), pictures(name)
    assert 0 < len(data.skipped) < 20
    assert all("source" in each.what and each.why.startswith("its tokens are also in the ") for each in data.skipped)
    assert len(data.test) + len(data.validation) + len(data.skipped) == len(raw.test) + len(raw.validation)
    with pytest.raises(InputError, match=r"no sequence of the (validation|test) part"):
        load(encoded(name, write_blocks(tmp_path / "two", monkeypatch, block=8, codes=2)))


@pytest.mark.parametrize(
    ("options", "size", "channels", "why"),
    [
        (",levels=4", (8, 8), 1, "none of them beside tokenizer"),
        (",size=4", (8, 8), 1, "4 x 4 pixels, grey, expected 8 x 8 pixels, grey, of the tokenizer"),
    ],
)
def test_what_does_not_fit_the_tokenizer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, size: tuple[int, int], channels: int, why: str
) -> None:
    tokenizer = write_blocks(tmp_path / "blocks", monkeypatch, size, channels)
    with pytest.raises(InputError, match=why):
        load(f"{folder(tmp_path)}{options},tokenizer={tokenizer}")


def test_grey_and_coloured_pictures_and_tokenizers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = folder(tmp_path)
    coloured = write_blocks(tmp_path / "colour", monkeypatch, channels=3)
    data = load(encoded(name, coloured))
    assert isinstance(data.codec, Learnt)
    assert data.codec.colours(data.test.tokens).shape[1:] == (8, 8, 3)
    picture = np.zeros((8, 8, 3), dtype=np.uint8)
    picture[..., 0] = 200
    Image.fromarray(picture).save(tmp_path / "source" / "a" / "red.png")
    assert load(encoded(name, coloured)).codec == data.codec
    with pytest.raises(InputError, match="in colour, expected 8 x 8 pixels, grey"):
        load(encoded(name, write_blocks(tmp_path / "grey", monkeypatch)))


def test_the_tokenizer_is_larger_or_smaller_than_the_images_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load(encoded(folder(tmp_path), write_blocks(tmp_path / "blocks", monkeypatch, size=(4, 4), block=2)))
    assert data.codec.size == (4, 4)


def test_another_tokenizer_in_the_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = write_blocks(tmp_path / "blocks", monkeypatch)
    data = load(encoded(folder(tmp_path), tokenizer))
    restored = CODECS.restore(CODECS.describe(data.codec))
    write_blocks(tokenizer, monkeypatch, codes=5)
    with pytest.raises(InputError, match="the one that made the tokens"):
        restored.picture(data.test.tokens)


def test_what_the_codec_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for channels in (1, 3):
        tokenizer = Blocks((64, 96), channels, 16, 16)
        codec = Learnt.of(tokenizer, tmp_path)
        tokens = torch.randint(16, (3, codec.length), generator=torch.Generator().manual_seed(0))
        pictures = tokenizer.decode(tokens)
        assert torch.equal(codec.colours(tokens), pictures.expand(-1, -1, -1, 3).float())
        assert torch.allclose(codec.picture(tokens), pictures[..., 0].float() / 255, atol=1e-6)
        assert codec.picture(tokens[0]).shape == (64, 96)
        assert codec.features(tokens).shape == (3, 32 * 32 * channels)
        assert codec.encode(pictures[1].squeeze(-1).numpy()) == tokens[1].tolist()
        with pytest.raises(InputError):
            codec.picture(tokens + 16)


@pytest.mark.parametrize("classes", ["grade", "defect", "type"])
@pytest.mark.usefixtures("package")
def test_solar_cells_have_grades_and_types(classes: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = load(f"elpv:size=8,levels=256,classes={classes}")
    assert "no commercial purpose" in capsys.readouterr().err
    small = load(f"elpv:size=4,classes={classes}")
    assert capsys.readouterr().err == ""  # once
    assert "no commercial purpose" in data.licence
    names = {"grade": elpv.GRADES, "defect": ("functional", "defective"), "type": KINDS}[classes]
    assert data.class_names == names
    assert [each.name for each in data.conditions] == ([classes] if classes == "type" else [classes, "type"])
    assert (data.shape, small.shape, small.vocab_size) == ((8, 8), (4, 4), 16)
    for split in (data.train, data.validation, data.test):
        for label, place, kind in zip(split.labels.tolist(), split.places, split.properties["type"], strict=True):
            row = int(place.removeprefix("cell ")) - 1
            grade, type_ = row % 4, row // 4 % 2
            assert label == {"grade": grade, "defect": int(grade > 1), "type": type_}[classes]
            assert int(kind) == type_
    for split, other in ((data.train, small.train), (data.test, small.test)):
        assert {*other.places} <= {*split.places}  # the same parts at any size and with any classes
    twins = [part for part in (data.train, data.validation, data.test) if {"cell 4", "cell 8"} & {*part.places}]
    assert len(twins) == 1
    pixels = pictures(f"elpv:size=8,classes={classes}")
    assert torch.equal(pixels.test.batch(slice(None)).flatten(1).long(), data.test.tokens)
    assert pictures("elpv").height == 128


@pytest.mark.usefixtures("package")
def test_other_content_of_the_package_is_refused(package: ModuleType) -> None:
    images, grades, types = package.utils.load_dataset()
    for wrong in ((images, grades / 2, types), (images, grades, np.full(160, "amorphous"))):
        package.utils.load_dataset = lambda wrong=wrong: wrong
        with pytest.raises(InputError, match=r"labels of elpv|unknown type of a cell"):
            load("elpv:size=4")
    with pytest.raises(InputError, match="classes of elpv"):
        load("elpv:classes=crack")


@pytest.mark.skipif(importlib.util.find_spec("elpv_dataset") is None, reason="elpv-dataset is not installed")
def test_the_real_package_of_solar_cells() -> None:
    data = load("elpv:size=16")
    assert len(whole(data)) + len(data.skipped) == 2624
    assert len(data.skipped) < 10
    counts = whole(data).labels.bincount().tolist()
    assert sum(counts) == len(whole(data))
