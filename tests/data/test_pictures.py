"""Pictures as they are: what the loader of folders says of a file holds for both ways to read it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dguide.data import Pictures, load, pictures
from dguide.errors import InputError
from tests.data.loaders import SETS


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    return path


def save(path: Path, image: Image.Image, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)  # type: ignore[arg-type]


def photographs(root: Path, colour: bool, size: tuple[int, int] = (6, 5)) -> Path:
    """A folder with images of every kind; without colour, all of them are grey."""
    random = np.random.default_rng(0)
    for n in range(24):
        grey = Image.fromarray(random.integers(256, size=size, dtype=np.uint8))
        save(root / "ab"[n % 2] / f"{n:02d}.png", grey.convert("RGB") if n % 3 else grey)
    values = random.integers(256, size=size, dtype=np.uint8)
    clear = np.stack([values, values, values, random.integers(2, size=size, dtype=np.uint8) * 255], -1)
    save(root / "a" / "alpha.png", Image.fromarray(clear))
    save(root / "a" / "palette.png", Image.fromarray(values).convert("P"))
    save(root / "a" / "wide.png", Image.fromarray(random.integers(2**16, size=size, dtype=np.uint16)))
    turned = Image.fromarray(random.integers(256, size=size[::-1], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root / "b" / "turned.png", turned, exif=exif)
    (root / "b" / "broken.png").write_bytes(b"no image")
    if colour:
        save(root / "b" / "00 colour.png", Image.fromarray(random.integers(256, size=(*size, 3), dtype=np.uint8)))
        save(root / "b" / "~ colour.png", Image.fromarray(random.integers(256, size=(*size, 3), dtype=np.uint8)))
    return root


@pytest.mark.parametrize("size", [(6, 5), (1, 7)])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("option", ["", ",size=3x2"])
def test_pictures_are_those_of_which_the_tokens_are_made(
    tmp_path: Path, colour: bool, option: str, size: tuple[int, int]
) -> None:
    if size == (1, 7) and option:
        option = ",size=1x3"
    root = photographs(tmp_path / "it", colour, size)
    data = load(f"images:{root},levels=256{option}")
    for source in (pictures(f"images:{root}{option}"), pictures(f"images:{root}{option}")):  # read, and from the cache
        assert source.name == f"images:{root}{option}"
        assert (source.height, source.width) == data.shape
        assert source.channels == (3 if colour else 1)
        assert source.class_names == data.class_names
        assert [each.what for each in source.skipped] == [each.what for each in data.skipped]
        found = torch.cat([part.batch(slice(None)) for part in (source.train, source.validation, source.test)])
        tokens = torch.cat([part.tokens for part in (data.train, data.validation, data.test)])
        greys = (found.double() @ torch.tensor([0.299, 0.587, 0.114]).double()).round() if colour else found[..., 0]
        assert sorted(greys.long().flatten(1).tolist()) == sorted(tokens.tolist())
    other = tmp_path / "other"
    source.train.array  # noqa: B018 - the file is open while the folder changes
    root.rename(other)
    assert pictures(f"images:{other}{option}").digest == source.digest  # of the content, and not of the place


def test_photographs_of_several_sizes_need_one(tmp_path: Path) -> None:
    root = photographs(tmp_path, True)
    save(root / "a" / "large.png", Image.new("L", (9, 9)))
    with pytest.raises(InputError, match=r"images of 2 sizes .*Say which: size=32"):
        pictures(f"images:{root}")
    assert pictures(f"images:{root},size=4").train.array.shape[1:] == (4, 4, 3)


@pytest.mark.parametrize("option", ["levels=4", "colours=3"])
def test_an_option_that_makes_tokens_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(InputError, match=f"got {option.split('=')[0]}, expected pictures as they are"):
        pictures(f"images:{photographs(tmp_path, False)},{option}")


@pytest.mark.parametrize("name", [each for each in SETS if each != "qm9"])
def test_sets_of_pixels_are_pictures_in_the_colours_of_their_palette(name: str) -> None:
    pytest.importorskip(SETS[name])
    data, source = load(name), pictures(name)
    assert (source.name, source.synthetic) == (data.name, data.synthetic)
    parts = (source.train, source.validation, source.test)
    for part, labels, split in zip(parts, source.labels, (data.train, data.validation, data.test), strict=True):
        assert torch.equal(labels, split.labels)
        colours = data.codec.colours(split.tokens)  # type: ignore[attr-defined]
        assert torch.equal(part.batch(slice(None)).float().expand_as(colours), colours)


def test_strings_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "it.csv").write_text("text,kind\n" + "".join(f"{'ab'[n % 2] * (n + 1)},{n % 2}\n" for n in range(20)))
    with pytest.raises(InputError, match="whose sequences are no pixels"):
        pictures(f"csv:{tmp_path / 'it.csv'},label=kind")


def test_parts_of_pictures_share_their_array() -> None:
    whole = Pictures.of(np.arange(48, dtype=np.uint8).reshape(4, 3, 4, 1))
    part = whole.take(torch.tensor([True, False, True, True]))
    assert part.array is whole.array
    assert part.take(torch.tensor([2, 0])).rows.tolist() == [3, 0]
    assert torch.equal(part.joined(part).batch(torch.tensor([1, 3])), torch.from_numpy(whole.array[[2, 0]]))
    with pytest.raises(InputError, match="two sources"):
        whole.joined(Pictures.of(whole.array.copy()))
    with pytest.raises(InputError, match=r"float64 of shape \[2, 3\]"):
        Pictures.of(np.zeros((2, 3)))  # type: ignore[arg-type]


def test_a_cut_file_of_pictures_is_made_anew(tmp_path: Path, home: Path) -> None:
    name = f"images:{photographs(tmp_path, True)}"
    before = pictures(name)
    (file,) = (home / "dguide" / "data").glob("*.npy")
    file.unlink()  # the map of it stays as it is
    file.write_bytes(b"\x93NUMPY\x01\x00")
    again = pictures(name)
    assert again.digest == before.digest
    assert torch.equal(again.test.batch(slice(None)), before.test.batch(slice(None)))


def test_photographs_are_read_one_by_one(tmp_path: Path) -> None:
    """400 pictures of 128 x 128 have 20 MB in colour, and as floats 157."""
    random = np.random.default_rng(0)
    for n in range(400):
        image = Image.fromarray(random.integers(256, size=(128, 128, 3), dtype=np.uint8))
        save(tmp_path / "ab"[n % 2] / f"{n}.png", image)
    pictures(f"images:{tmp_path},size=4")  # imports what it needs
    tracemalloc.start()
    source = pictures(f"images:{tmp_path}")
    assert source.train.batch(torch.arange(8)).shape == (8, 128, 128, 3)
    assert tracemalloc.get_traced_memory()[1] < 12e6
    tracemalloc.stop()
