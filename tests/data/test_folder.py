from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dguide import checkpoint
from dguide.data import Pixels, load
from dguide.train import TrainConfig, train


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    load.cache_clear()
    yield
    load.cache_clear()


def draw(path: Path, pixels: object, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.array(pixels, dtype=np.uint8))
    (image.convert(mode) if mode else image).save(path)
    return path


def folders(root: Path, names: tuple[str, ...] = ("good", "scratch"), count: int = 6, side: int = 4) -> Path:
    """Images of one grey each, different in every file."""
    for k, name in enumerate(names):
        for n in range(count):
            draw(root / name / f"{n:03d}.png", np.full((side, side), 20 * n + 10 * k))
    return root


def test_folders_are_classes_and_a_fifth_is_held_out(tmp_path: Path) -> None:
    root = folders(tmp_path / "parts, 部品", ("傷", "good", "汚れ"))
    data = load(f"images:{root}")
    assert data.class_names == ("good", "傷", "汚れ")
    assert (len(data.train), len(data.held_out)) == (15, 3)
    assert (data.vocab_size, data.shape) == (16, (4, 4))
    assert data.held_out.tokens[0].tolist() == [round(50 / 255 * 15)] * 16
    assert data.skipped == ()
    assert load(data.name).name == data.name


def test_resized_images_are_means_of_what_they_cover(tmp_path: Path) -> None:
    root = folders(tmp_path / "a", side=4)
    draw(root / "good" / "002.png", [[0, 255] * 2, [255, 0] * 2] * 2)
    draw(root / "scratch" / "002.png", [[0] * 4 + [255] * 4] * 2)  # wider: cut around its middle
    data = load(f"images:{root},size=2,levels=256")
    assert data.held_out.tokens.tolist() == [[128] * 4, [0, 255, 0, 255]]
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
    assert load(f"images:{root},levels=256").held_out.tokens[0].unique().tolist() == [grey]


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    root = folders(tmp_path)
    Image.fromarray(np.full((4, 4), 40000, dtype=np.uint16)).save(root / "good" / "002.png")
    assert load(f"images:{root},levels=256").held_out.tokens[0].unique().tolist() == [40000 // 256]


def test_few_colours_are_kept_exactly(tmp_path: Path) -> None:
    """As wafer maps drawn in three colours, resized without mixing them."""
    colours = np.array([[255, 255, 255], [0, 160, 90], [200, 0, 30]])
    tokens = np.random.default_rng(0).integers(3, size=(12, 4, 4))
    for n, map_ in enumerate(tokens):
        draw(tmp_path / ("ab"[n % 2]) / f"{n:02d}.png", colours[map_])
    data = load(f"images:{tmp_path},colours=3")
    assert isinstance(data.codec, Pixels)
    assert data.codec.palette == ("#c8001e", "#00a05a", "#ffffff")  # from dark to bright
    back = data.codec.colours(torch.cat((data.train.tokens, data.held_out.tokens))).numpy()
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
    whole = (root / "good" / "000.png").read_bytes()
    (root / "good" / "half.png").write_bytes(whole[: len(whole) // 2])
    (root / "good" / "empty.jpg").write_bytes(b"")
    (root / "good" / "notes.txt").write_text("hello")
    (root / "good" / ".DS_Store").write_bytes(b"")
    (root / "scratch" / "deeper").mkdir()
    draw(root / "loose.png", [[0] * 4] * 4)
    data = load(f"images:{root}")
    assert len(data.train) + len(data.held_out) == 12
    reasons = {Path(each.what).name: each.why for each in data.skipped}
    assert reasons.keys() == {"bad.png", "half.png", "empty.jpg", "notes.txt", "deeper", "loose.png"}
    assert all("unreadable" in reasons[name] for name in ("bad.png", "half.png", "empty.jpg"))
    assert "no image" in reasons["notes.txt"]
    load.cache_clear()
    assert load(f"images:{root}").skipped == data.skipped  # prepared before


def test_a_changed_folder_is_read_again(tmp_path: Path) -> None:
    root = folders(tmp_path)
    assert len(load(f"images:{root}").train) == 10
    load.cache_clear()
    draw(root / "good" / "006.png", [[1] * 4] * 4)
    assert len(load(f"images:{root}").train) == 11


@pytest.mark.parametrize(
    ("names", "count", "message"),
    [
        (("only",), 6, "only.*at least two"),
        ((), 0, "nothing usable"),
        (("a", "b"), 0, "nothing usable"),
        (("a", "b"), 1, "held? out|hold out"),
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
    assert len(load(f"images:{root},size=4").train) == 11
    for size in ("big", "0", "4x", "x4", "-3"):
        with pytest.raises(ValueError, match="size"):
            load(f"images:{root},size={size}")


def test_twenty_thousand_files(tmp_path: Path) -> None:
    """All are there, in the order of their names."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.zeros((2, 2), dtype=np.uint8)).save(tmp_path / "dark.png")
    Image.fromarray(np.full((2, 2), 255, dtype=np.uint8)).save(tmp_path / "bright.png")
    dark, bright = ((tmp_path / name).read_bytes() for name in ("dark.png", "bright.png"))
    for name in ("dark.png", "bright.png"):
        (tmp_path / name).unlink()
    for n in range(10_000):
        (tmp_path / "a" / f"{n:05d}.png").write_bytes(dark)
        (tmp_path / "b" / f"{n:05d}.png").write_bytes(bright)
    data = load(f"images:{tmp_path},levels=2")
    assert (len(data.train), len(data.held_out)) == (16_000, 4_000)
    assert torch.equal(data.train.tokens, data.train.labels[:, None].expand(-1, 4))


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
