from __future__ import annotations

import errno
import io
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from benchmarks.fuzz_images import fuzz
from dguide import checkpoint
from dguide.data import Pixels, load
from dguide.errors import InputError
from dguide.train import TrainConfig, train
from tests.data.loaders import contents, rows, whole


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def draw(path: Path, pixels: object, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.array(pixels, dtype=np.uint8))
    (image.convert(mode) if mode else image).save(path)
    return path


def folders(root: Path, names: tuple[str, ...] = ("good", "scratch"), count: int = 6, side: int = 4) -> Path:
    """Images of one grey each with a corner that tells the class, different in every file."""
    for k, name in enumerate(names):
        for n in range(count):
            pixels = np.full((side, side), 20 * n)
            pixels[0, 0] = 50 + 100 * k
            draw(root / name / f"{n:03d}.png", pixels)
    return root


def test_folders_are_classes(tmp_path: Path) -> None:
    root = folders(tmp_path / "parts, 部品", ("傷", "good", "汚れ"))
    data = load(f"images:{root}")
    assert data.class_names == ("good", "傷", "汚れ")
    assert sorted(rows(data)) == sorted([label] + [round(20 * n / 17)] * 15 for label in (3, 9, 15) for n in range(6))
    assert (data.vocab_size, data.shape) == (16, (4, 4))
    assert data.skipped == ()
    assert load(data.name).name == data.name


def test_resized_images_are_means_of_what_they_cover(tmp_path: Path) -> None:
    root = folders(tmp_path / "a", side=4)
    draw(root / "good" / "002.png", [[0, 255] * 2, [255, 0] * 2] * 2)
    draw(root / "scratch" / "002.png", [[0] * 4 + [255] * 4] * 2)  # wider: cut around its middle
    data = load(f"images:{root},size=2,levels=256")
    assert rows(data).count([128] * 4) == rows(data).count([0, 255, 0, 255]) == 1
    assert load(f"images:{root},size=2x1").shape == (2, 1)


@pytest.mark.parametrize(
    ("mode", "pixel", "grey"),
    [
        ("RGB", [255, 255, 255], 255),
        ("RGBA", [0, 0, 0, 0], 255),  # transparent is paper
        ("RGBA", [0, 0, 0, 255], 0),
        ("LA", [90, 255], 90),
        ("1", 255, 255),
    ],
)
def test_modes_of_images(tmp_path: Path, mode: str, pixel: object, grey: int) -> None:
    root = folders(tmp_path)
    draw(
        root / "good" / "002.png", np.full((4, 4, len(pixel)), pixel) if isinstance(pixel, list) else [[pixel] * 4] * 4
    )
    if mode == "1":
        draw(root / "good" / "002.png", [[pixel] * 4] * 4, "1")
    assert [grey] * 16 in rows(load(f"images:{root},levels=256"))


@pytest.mark.parametrize(
    ("suffix", "mode", "options"),
    [
        (".png", "P", {}),
        (".gif", "P", {}),
        (".jpg", "L", {"quality": 100}),
        (".jpeg", "CMYK", {"quality": 100}),
        (".tif", "RGB", {}),
        (".tiff", "L", {"compression": "tiff_lzw"}),
        (".webp", "RGB", {"lossless": True}),
        (".BMP", "L", {}),
        (".ppm", "RGB", {}),
    ],
)
def test_kinds_of_files(tmp_path: Path, suffix: str, mode: str, options: dict[str, object]) -> None:
    root = folders(tmp_path)
    (root / "good" / "002.png").unlink()
    Image.fromarray(np.full((4, 4), 204, dtype=np.uint8)).convert(mode).save(root / "good" / f"002{suffix}", **options)
    data = load(f"images:{root}")
    assert [12] * 16 in rows(data)
    assert data.skipped == ()


def test_transparent_colours_of_a_palette_are_paper(tmp_path: Path) -> None:
    root = folders(tmp_path)
    image = Image.fromarray(np.array([[0, 1, 2, 2]] * 4, dtype=np.uint8), "P")
    image.putpalette([0, 0, 0, 204, 204, 204, 51, 51, 51])
    for suffix in ("png", "gif"):
        image.save(root / "good" / f"002.{suffix}", transparency=0)
    data = load(f"images:{root}")
    assert rows(data).count([15, 12, 3, 3] * 4) == 2
    assert not {*contents(data)[0]} & {*contents(data)[1]}  # the copies are on one side


def test_what_a_file_is_decides_and_not_its_name(tmp_path: Path) -> None:
    root = folders(tmp_path)
    (root / "good" / "002.png").rename(root / "good" / "002.jpg")
    data = load(f"images:{root}")
    assert (len(rows(data)), data.skipped) == (12, ())


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    root = folders(tmp_path)
    Image.fromarray(np.full((4, 4), 40000, dtype=np.uint16)).save(root / "good" / "002.png")
    assert [40000 // 256] * 16 in rows(load(f"images:{root},levels=256"))
    wide = np.array([[30000, 40000] * 2] * 4, dtype=np.uint16)
    Image.fromarray(wide).save(root / "good" / "002.png", transparency=40000)
    assert [30000 // 256, 255] * 8 in rows(load(f"images:{root},levels=256"))


@pytest.mark.parametrize("bits", [10, 12])
def test_sixteen_bits_of_which_fewer_are_used_are_scaled_by_the_range_of_all(tmp_path: Path, bits: int) -> None:
    """As cameras with 10 or 12 bits write them. A dark image stays darker than the others."""
    for n in range(12):
        path = tmp_path / "ab"[n % 2] / f"{n}.png"
        path.parent.mkdir(exist_ok=True)
        values = np.roll(np.arange(16, dtype=np.uint16), n).reshape(4, 4) * 2 ** (bits - 4)
        Image.fromarray(values // 64 if n < 2 else values).save(path)
    data = load(f"images:{tmp_path}")
    shown = [round(16 * k / 17) for k in range(16)]
    assert sum(sorted(row) == shown for row in rows(data)) == 10
    assert sum(max(row) < 3 for row in rows(data)) == 2
    (note,) = data.skipped
    assert note.why.startswith(f"{bits} of 16 bits are used in all 12 such images")


def test_what_pillow_would_give_to_a_program_or_unfold_without_end_is_listed(tmp_path: Path) -> None:
    root = folders(tmp_path)
    (root / "good" / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\n")
    Image.new("1", (13_344, 13_344)).save(root / "good" / "b.png")
    (root / "good" / "all").symlink_to("/")
    data = load(f"images:{root}")
    assert {Path(each.what).name: each.why for each in data.skipped} == {
        "a.png": "unreadable: cannot identify image file",
        "b.png": "unreadable: 178 megapixels, more than 67",
        "all": "a link to a folder",
    }


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, AttributeError, struct.error, AssertionError])
def test_whatever_pillow_raises_for_one_file_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    root = folders(tmp_path)
    usual = ImageOps.exif_transpose

    def upright(image: Image.Image) -> Any:
        if image.getpixel((1, 1)) == 0:
            raise error("it")
        return usual(image)

    monkeypatch.setattr(ImageOps, "exif_transpose", upright)
    data = load(f"images:{root}")
    assert [each.why for each in data.skipped] == ["unreadable: it"] * 2


def test_damaged_files_of_all_formats_are_read_or_listed() -> None:
    """The same with more mutations: python -m benchmarks.fuzz_images 200000."""
    counts = fuzz(350)
    assert sum(counts.values()) == 350
    assert 50 < counts["read"] < 300


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits_that_only_need_eight_are_left_out_and_not_black(tmp_path: Path, suffix: str) -> None:
    root = folders(tmp_path)
    for name, value in (("dim", 255), ("black", 0)):
        path = root / "good" / f"{name}{suffix}"
        if suffix == ".pgm":  # Pillow scales it to 65535
            path.write_bytes(b"P5 4 4 65535\n" + np.full(16, value, dtype=">u2").tobytes())
        else:
            Image.fromarray(np.full((4, 4), value, dtype=np.uint16)).save(path)
    data = load(f"images:{root}")
    assert {Path(each.what).stem: each.why for each in data.skipped} == {
        "dim": "16 bits, but no value above 255: save it with 8 bits"
    }
    assert len(whole(data)) == 13  # black is black in any depth


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        (0.5, np.float32, ""),
        (1.0, np.float32, ""),
        (255.0, np.float32, "numbers from 255 to 255, expected 0 to 1"),
        (-0.1, np.float32, "numbers from -0.1 to -0.1, expected 0 to 1"),
        (np.nan, np.float32, "numbers from nan to nan, expected 0 to 1"),
        (70000, np.int32, "numbers from 70000 to 70000, expected 0 to 65535"),
        (-1, np.int32, "numbers from -1 to -1, expected 0 to 65535"),
    ],
)
def test_numbers_from_zero_to_one_are_scaled_and_others_left_out(
    tmp_path: Path, value: float, kind: type[np.generic], why: str
) -> None:
    root = folders(tmp_path)
    (root / "good" / "002.png").unlink()
    Image.fromarray(np.full((4, 4), value, dtype=kind)).save(root / "good" / "002.tif")
    data = load(f"images:{root},levels=256")
    if why:
        assert [each.why for each in data.skipped] == [f"{why}: save it with 8 bits"]
    else:
        assert [round(value * 255)] * 16 in rows(data)


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp"])
def test_further_frames_and_pages_are_listed(tmp_path: Path, suffix: str) -> None:
    root = folders(tmp_path)
    (root / "good" / "002.png").unlink()
    first, *others = (Image.fromarray(np.full((4, 4), value, dtype=np.uint8)) for value in (204, 0, 102))
    options = {"lossless": True} if suffix == ".webp" else {}
    first.save(root / "good" / f"002{suffix}", save_all=True, append_images=others, **options)
    data = load(f"images:{root}")
    assert [12] * 16 in rows(data)
    assert [(Path(each.what).name, each.why) for each in data.skipped] == [
        (f"002{suffix}", "3 frames, of which the first is taken")
    ]


def test_few_colours_are_kept_exactly(tmp_path: Path) -> None:
    """As wafer maps drawn in three colours, resized without mixing them."""
    colours = np.array([[255, 255, 255], [0, 160, 90], [200, 0, 30]])
    tokens = np.random.default_rng(0).integers(3, size=(12, 4, 4))
    for n, map_ in enumerate(tokens):
        draw(tmp_path / ("ab"[n % 2]) / f"{n:02d}.png", colours[map_])
    data = load(f"images:{tmp_path},colours=3")
    assert isinstance(data.codec, Pixels)
    assert data.codec.palette == ("#c8001e", "#00a05a", "#ffffff")  # from dark to bright
    back = data.codec.colours(whole(data).tokens).numpy()
    assert {bytes(image.astype(np.uint8).tobytes()) for image in back} == {
        colours[map_].astype(np.uint8).tobytes() for map_ in tokens
    }
    small = load(f"images:{tmp_path},colours=3,size=2")
    assert isinstance(small.codec, Pixels)
    assert small.codec.palette == data.codec.palette
    with pytest.raises(ValueError, match="one of them"):
        load(f"images:{tmp_path},colours=3,levels=4")


def test_many_colours_become_a_palette_near_them(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    near = np.array([[220, 20, 20], [20, 20, 220]])
    for n in range(12):
        draw(
            tmp_path / "ab"[n % 2] / f"{n}.png",
            near[random.integers(2, size=(8, 8))] + random.integers(-9, 9, (8, 8, 3)),
        )
    data = load(f"images:{tmp_path},colours=2")
    assert isinstance(data.codec, Pixels)
    found = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in data.codec.palette]
    assert np.abs(np.array(found) - near[::-1]).max() < 15


def test_what_cannot_be_read_is_left_out_and_listed(tmp_path: Path) -> None:
    root = folders(tmp_path)
    (root / "good" / "bad.png").write_bytes(b"no image")
    content = (root / "good" / "000.png").read_bytes()
    (root / "good" / "half.png").write_bytes(content[: len(content) // 2])
    (root / "good" / "empty.jpg").write_bytes(b"")
    (root / "good" / "notes.txt").write_text("hello")
    (root / "good" / ".DS_Store").write_bytes(b"")
    (root / "scratch" / "deeper").mkdir()
    draw(root / "loose.png", [[0] * 4] * 4)
    data = load(f"images:{root}")
    assert len(whole(data)) == 12
    reasons = {Path(each.what).name: each.why for each in data.skipped}
    assert reasons.keys() == {"bad.png", "half.png", "empty.jpg", "notes.txt", ".DS_Store", "deeper", "loose.png"}
    assert all("unreadable" in reasons[name] for name in ("bad.png", "half.png", "empty.jpg"))
    assert "no image" in reasons["notes.txt"]
    assert reasons["deeper"] == "a folder with 0 files"
    assert load(f"images:{root}").skipped == data.skipped  # prepared before


def test_folders_without_an_image_and_broken_links_are_listed(tmp_path: Path) -> None:
    root = folders(tmp_path)
    (root / "empty").mkdir()
    draw(root / "nested" / "lot 1" / "0.png", [[0] * 4] * 4)
    draw(root / "nested" / "lot 1" / "1.png", [[0] * 4] * 4)
    (root / "good" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "gone").symlink_to(root / "nowhere")
    (root / "good" / "linked.png").symlink_to(root / "scratch" / "001.png")
    data = load(f"images:{root}")
    assert {str(Path(each.what).relative_to(root)): each.why for each in data.skipped} == {
        "empty": "no image in it",
        "nested": "no image in it",
        "nested/lot 1": "a folder with 2 files",
        "good/gone.png": "a broken link",
        "gone": "a broken link",
    }
    assert len(whole(data)) == 13


def test_a_class_of_one_image_is_to_train_on(tmp_path: Path) -> None:
    root = folders(tmp_path)
    draw(root / "rare" / "0.png", [[255] * 4] * 4)
    data = load(f"images:{root}")
    assert data.class_names == ("good", "rare", "scratch")
    assert [*data.train.labels].count(1) == 1
    assert [each.what for each in data.skipped] == ["class rare"] * 2


def test_a_class_of_which_nothing_can_be_read_is_none(tmp_path: Path) -> None:
    root = folders(tmp_path, ("good", "ring", "scratch"))
    for file in (root / "ring").iterdir():
        file.write_bytes(b"no image")
    data = load(f"images:{root}")
    assert data.class_names == ("good", "scratch")
    assert len(data.skipped) == 6
    for file in (root / "scratch").iterdir():
        file.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"'good'.*alone \(12 left out: .*ring.000.png: unreadable"):
        load(f"images:{root}")


def test_folders_alike_in_names_sizes_and_dates_are_not_taken_for_each_other(tmp_path: Path) -> None:
    for name, grey in (("first", 0), ("second", 1)):
        for n in range(12):
            pixels = bytes([20 * n, 255 * grey, 0, 0])
            path = tmp_path / name / "ab"[n % 2] / f"{n}.pgm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"P5 2 2 255\n" + pixels)
            os.utime(path, ns=(10**18, 10**18))
    first, second = (load(f"images:{tmp_path / name}").train.tokens[:, 1].unique() for name in ("first", "second"))
    assert (first.tolist(), second.tolist()) == ([0], [15])


def test_a_changed_file_is_read_again_even_if_its_date_is_set_back(tmp_path: Path) -> None:
    root = folders(tmp_path)
    path = root / "good" / "002.pgm"
    (root / "good" / "002.png").unlink()
    for grey in (0, 255):
        path.write_bytes(b"P5 4 4 255\n" + bytes([grey] * 16))
        os.utime(path, ns=(10**18, 10**18))
        assert [grey // 17] * 16 in rows(load(f"images:{root}"))


def test_an_error_that_passes_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the image left out for good, as one is whose content cannot be read."""
    root = folders(tmp_path)
    usual = Image.open

    def crowded(path: Path, **options: Any) -> Image.Image:
        if path.name == "003.png":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return usual(path, **options)

    monkeypatch.setattr(Image, "open", crowded)
    data = load(f"images:{root}")
    assert len(whole(data)) == 10
    assert [each.why for each in data.skipped] == [f"unreadable: [Errno {errno.EMFILE}] Too many open files"] * 2
    monkeypatch.setattr(Image, "open", usual)
    data = load(f"images:{root}")
    assert (len(whole(data)), data.skipped) == (12, ())


def test_images_of_one_colour_have_no_palette(tmp_path: Path) -> None:
    for n in range(12):
        draw(tmp_path / "ab"[n % 2] / f"{n}.png", np.full((4, 4, 3), [200, 0, 30]))
    with pytest.raises(ValueError, match=r"images: got one colour alone, #c8001e, expected at least two"):
        load(f"images:{tmp_path},colours=3")


def test_the_memory_for_many_colours_is_bounded(tmp_path: Path) -> None:
    """Fifty images of noise hold 200,000 colours, each of which is compared with the 64 of the palette."""
    random = np.random.default_rng(0)
    for n in range(50):
        draw(tmp_path / "ab"[n % 2] / f"{n}.png", random.integers(256, size=(64, 64, 3)))
    tracemalloc.start()
    try:
        data = load(f"images:{tmp_path},colours=64")
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()
    assert data.vocab_size == 64


def test_a_changed_folder_is_read_again(tmp_path: Path) -> None:
    root = folders(tmp_path)
    assert len(rows(load(f"images:{root}"))) == 12
    draw(root / "good" / "006.png", [[1] * 4] * 4)
    assert len(rows(load(f"images:{root}"))) == 13


@pytest.mark.parametrize(
    ("names", "count", "message"),
    [
        (("only",), 6, "only.*at least two"),
        ((), 0, "nothing usable"),
        (("a", "b"), 0, "nothing usable"),
        (("a", "b"), 1, "0 for the test"),
    ],
)
def test_too_little_is_refused(tmp_path: Path, names: tuple[str, ...], count: int, message: str) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=message):
        load(f"images:{folders(tmp_path, names, count)}")


def test_what_is_no_folder_or_has_several_sizes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folder"):
        load(f"images:{tmp_path / 'nowhere'}")
    root = folders(tmp_path)
    draw(root / "good" / "009.png", [[0] * 5] * 4)
    with pytest.raises(ValueError, match=r"12 of 4x4, 1 of 4x5.*size=32"):
        load(f"images:{root}")
    assert len(rows(load(f"images:{root},size=4"))) == 13
    for size in ("big", "0", "4x", "x4", "-3"):
        with pytest.raises(ValueError, match="size"):
            load(f"images:{root},size={size}")


def test_four_thousand_files(tmp_path: Path) -> None:
    """All are there, each part in the order of their names. Each shows its number, and its class."""
    for label, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        for n in range(2_000):
            pixels = bytes([label, n // 256, n % 256, 0])
            (tmp_path / name / f"{n:05d}.pgm").write_bytes(b"P5 2 2 255\n" + pixels)
    data = load(f"images:{tmp_path},levels=256")
    assert abs(len(data.test) - 800) < 3 * (4_000 * 0.2 * 0.8) ** 0.5
    numbers: list[int] = []
    for split in (data.train, data.validation, data.test):
        assert torch.equal(split.tokens[:, 0], split.labels)
        shown = (split.tokens[:, :3] @ torch.tensor([2_000, 256, 1])).tolist()
        assert shown == sorted(shown)
        numbers += shown
    assert sorted(numbers) == list(range(4_000))


def test_a_network_learns_from_a_folder(tmp_path: Path) -> None:
    root = folders(tmp_path / "data")
    small = {
        "steps": 2,
        "size": "tiny",
        "width": 16,
        "layers": 1,
        "batch_size": 4,
        "evaluate_passes": 1,
        "device": "cpu",
    }
    result = train(TrainConfig(out=tmp_path / "run", data=f"images:{root}", **small))  # type: ignore[arg-type]
    assert result.finished
    found = checkpoint.load(tmp_path / "run")
    assert found.codec == load(f"images:{root}").codec
    assert found.conditions[0].class_names == ("good", "scratch")


@pytest.mark.filterwarnings("error")
def test_damaged_images_are_listed_and_print_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Pillow warns of a damaged TIFF file in Python, and the library below it in C."""
    root = folders(tmp_path)
    file = io.BytesIO()
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(file, "TIFF", compression="tiff_deflate")
    whole = bytearray(file.getvalue())
    source = np.random.default_rng(1)
    for n in range(60):
        damaged = whole.copy()
        for place in source.integers(8, len(whole), 6):
            damaged[place] = source.integers(256)
        (root / "good" / f"damaged{n}.tif").write_bytes(damaged)
    data = load(f"images:{root},size=4")
    unread = [each.what for each in data.skipped if "unreadable" in each.why]
    assert len(unread) > 20
    for place in unread:
        with pytest.raises(InputError):
            data.codec.encode(place)
    assert capfd.readouterr().err == ""
