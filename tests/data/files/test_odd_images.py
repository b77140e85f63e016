"""Odd image files through a tokenizer: it takes and lists what the loader of folders does, and sees the same pixels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import dguide
from dguide import checkpoint, filling, tokenizers
from dguide.data import Learnt, load
from dguide.data.codecs.images import to_greys
from dguide.errors import InputError
from tests.tiny import save_learnt
from tests.tokenizers.small_tokenizers import tiny

HEIGHT, WIDTH = 16, 24
RANDOM = np.random.default_rng


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def noise(channels: int, size: tuple[int, int] = (HEIGHT, WIDTH), most: int = 256, seed: int = 0) -> Any:
    """Noise with 8 or 16 bits, equal in red, green and blue for one channel."""
    kind = np.uint8 if most <= 256 else np.uint16
    return np.repeat(RANDOM(seed).integers(most, size=(*size, channels), dtype=kind), 3 // channels, -1)


def png_of_16_bits(path: Path, values: Any) -> None:
    """Red, green and blue with 16 bits each, which Pillow reads and cannot write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def write_odd(folder: Path, channels: int) -> dict[str, Path]:
    """A file of each odd kind; with one channel all are grey."""
    image = Image.fromarray(noise(channels, seed=1))
    alpha = Image.fromarray(RANDOM(2).integers(2, size=(HEIGHT, WIDTH), dtype=np.uint8) * 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    places = {name: folder / f"~{name}" for name in ODD}
    clear = image.copy()
    clear.putalpha(alpha)
    clear.save(places["alpha.png"])
    image.save(places["one colour is clear.png"], transparency=image.getpixel((0, 0)))
    image.quantize(200).save(places["palette.png"])
    image.quantize(200).save(places["palette.gif"], transparency=0)
    Image.fromarray(noise(1, most=2**16, seed=3)[..., 0]).save(places["16 bits.png"])
    png_of_16_bits(places["16 bits in colour.png"], noise(channels, most=2**16, seed=4))
    places["16 bits in colour.ppm"].write_bytes(
        f"P6 {WIDTH} {HEIGHT} 65535\n".encode() + noise(channels, most=2**16, seed=5).astype(">u2").tobytes()
    )
    Image.fromarray(noise(channels, (WIDTH, HEIGHT), seed=6)).save(places["turned.png"], exif=exif)
    Image.fromarray(noise(1, seed=7)).save(places["grey as rgb.png"])
    Image.fromarray(noise(channels, seed=8)).convert("CMYK" if channels == 3 else "L").save(places["cmyk.jpg"])
    Image.fromarray(noise(1, seed=9)[..., 0] // 128 * 255).convert("1").save(places["1 bit.png"])
    frames = [Image.fromarray(noise(channels, seed=seed)) for seed in (10, 11)]
    frames[0].save(places["frames.tif"], save_all=True, append_images=frames[1:])
    Image.fromarray(noise(channels, (1, 50), seed=12)).save(places["1 x 50.png"])
    Image.fromarray(noise(channels, (70, 1), seed=13)).save(places["70 x 1.png"])
    Image.fromarray(noise(channels, (37, 41), seed=14)).save(places["37 x 41.png"])
    places["broken.png"].write_bytes(b"no image")
    places["half.png"].write_bytes((folder / "0.png").read_bytes()[:200])
    places["empty.png"].write_bytes(b"")
    Image.fromarray(noise(1, seed=15)[..., 0].astype(np.uint16)).save(places["dim.png"])
    Image.fromarray(np.full((HEIGHT, WIDTH), 300, dtype=np.float32)).save(places["numbers.tif"])
    return places


ODD = (
    "alpha.png",
    "one colour is clear.png",
    "palette.png",
    "palette.gif",
    "16 bits.png",
    "16 bits in colour.png",
    "16 bits in colour.ppm",
    "turned.png",
    "grey as rgb.png",
    "cmyk.jpg",
    "1 bit.png",
    "frames.tif",
    "1 x 50.png",
    "70 x 1.png",
    "37 x 41.png",
    "dim.png",
    "broken.png",
    "half.png",
    "empty.png",
    "numbers.tif",
)
UNREADABLE = ODD[-4:]
OTHER_SIZES = ("1 x 50.png", "70 x 1.png", "37 x 41.png")


def folder_of(root: Path, channels: int) -> tuple[Path, dict[str, Path]]:
    """Ordinary images in two classes, and the odd ones among them."""
    for n in range(40):
        (root / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(channels, seed=100 + n)).save(root / "ab"[n % 2] / f"{n}.png")
    return root, write_odd(root / "a", channels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_tokenizer_sees_what_the_loader_of_folders_sees(tmp_path: Path, channels: int) -> None:
    root, odd = folder_of(tmp_path / "images", channels)
    tokenizers.save(tmp_path / "t", tiny(channels, 4, HEIGHT, WIDTH))
    plain = load(f"images:{root},size={HEIGHT}x{WIDTH},levels=256")
    read = None
    for _ in ("first", "from the cache"):
        data = load(f"images:{root},tokenizer={tmp_path / 't'}")
        assert isinstance(data.codec, Learnt)
        lost = {each.what for each in data.skipped if each.why.startswith("its tokens are")}
        assert [each for each in data.skipped if each.what not in lost] == list(plain.skipped)
        greys = {
            place: row
            for split in (plain.train, plain.validation, plain.test)
            for place, row in zip(split.places, split.tokens, strict=True)
        }
        seen: dict[str, torch.Tensor] = {}
        for split in (data.train, data.validation, data.test):
            assert split.images is not None
            shown = split.images.batch(slice(None))
            for place, tokens, picture in zip(split.places, split.tokens, shown, strict=True):
                seen[place] = picture
                assert data.codec.encode(place) == tokens.tolist(), place
                assert torch.equal(data.codec.tokenizer.encode(picture[None])[0], tokens), place
                grey = to_greys(picture.expand(1, -1, -1, 3).numpy(), 256)[0]
                assert grey.tolist() == greys[place].tolist(), place
        assert {*seen} | lost == {*greys}
        assert {name for name, place in odd.items() if str(place) not in greys} == {*UNREADABLE}
        read = read or [each.tolist() for each in seen.values()]
        assert read == [each.tolist() for each in seen.values()]


def test_grey_and_coloured_folders_and_tokenizers(tmp_path: Path) -> None:
    """Grey pictures are also coloured ones. Coloured ones do not become grey: the error says which there are."""
    for name, channels in (("grey", 1), ("rgb", 3)):
        folder_of(tmp_path / name, channels)
        tokenizers.save(tmp_path / f"{name} tokenizer", tiny(channels, 4, HEIGHT, WIDTH))
    data = load(f"images:{tmp_path / 'grey'},tokenizer={tmp_path / 'rgb tokenizer'}")
    assert isinstance(data.codec, Learnt)
    for place, tokens in zip(data.test.places, data.test.tokens, strict=True):
        assert data.codec.encode(place) == tokens.tolist(), place
    with pytest.raises(InputError, match=r"in colour, expected .* pixels, grey.*\(in colour is .*/rgb/[ab]/"):
        load(f"images:{tmp_path / 'rgb'},tokenizer={tmp_path / 'grey tokenizer'}")
    Image.fromarray(noise(3)).save(tmp_path / "grey" / "b" / "tinted.png")
    with pytest.raises(InputError, match=r"in colour is .*/grey/b/tinted\.png"):
        load(f"images:{tmp_path / 'grey'},tokenizer={tmp_path / 'grey tokenizer'}")


@pytest.mark.parametrize("channels", [1, 3])
def test_filling_keeps_the_pixels_outside_the_region_or_refuses_the_file(tmp_path: Path, channels: int) -> None:
    """What 8 bits without transparency do not hold is refused, even where Pillow reads it so."""
    _, odd = folder_of(tmp_path / "images", channels)
    tokenizers.save(tmp_path / "t", tiny(channels, 4, HEIGHT, WIDTH))
    model = checkpoint.load(save_learnt(tmp_path / "m", tmp_path / "t"))
    region = filling.rectangle((2, 4, 6, 8), (HEIGHT, WIDTH))
    usual = {"guidance": dguide.Normalized(1.0), "sampler": dguide.Ancestral(2)}

    def filled(image: Any) -> filling.Filled:
        return dguide.fill(model, image, region, condition=torch.tensor([0, 1]), **usual)

    kept, refused = set(), {}
    for name, place in odd.items():
        try:
            made = filled(place)
        except InputError as error:
            refused[name] = str(error).startswith(f"image {place}: got ")
            continue
        kept.add(name)
        with Image.open(place) as image:
            upright = ImageOps.exif_transpose(image)
        before = np.asarray(upright.convert("L") if upright.mode == "1" else upright)
        assert made.images.shape == (2, *before.shape), name
        assert (made.images[:, ~region] == before[~region]).all(), name
        with Image.open(place) as image:
            assert (filled(image).images == made.images).all(), name
    assert kept == {
        "turned.png",
        "grey as rgb.png",
        "1 bit.png",
        "frames.tif",
        *(["cmyk.jpg"] if channels == 1 else []),
    }
    assert refused == dict.fromkeys({*ODD} - kept, True)


@pytest.mark.parametrize("learnt", [False, True], ids=["tokens of pixels", "tokens of a tokenizer"])
@pytest.mark.parametrize("kind", ["folder", "table", "table that converts"])
def test_colours_of_16_bits_are_told_and_refused_where_they_would_be_black(
    tmp_path: Path, kind: str, learnt: bool
) -> None:
    """Pillow reads the upper 8 of them: an image of a camera with 12 bits would have the values 0 to 15 of 255."""
    for n in range(13):
        place = tmp_path / "images" / "ab"[n % 2] / f"{n:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        png_of_16_bits(place, noise(3, most=2 ** (12 if n == 0 else 16), seed=n))
    places = sorted((tmp_path / "images").glob("*/*.png"))
    name = f"images:{tmp_path / 'images'}"
    if kind != "folder":
        datasets = pytest.importorskip("datasets")
        image = datasets.Image(mode=None if kind == "table" else "RGB")
        features = datasets.Features({"image": image, "label": datasets.Value("string")})
        stored = [{"bytes": place.read_bytes(), "path": None} for place in places]
        values = {"image": stored, "label": [place.parent.name for place in places]}
        datasets.Dataset.from_dict(values, features).save_to_disk(str(tmp_path / "table"))
        name = f"huggingface:{tmp_path / 'table'},column=image"
    tokenizers.save(tmp_path / "t", tiny(3, 4, HEIGHT, WIDTH))
    data = load(name + (f",tokenizer={tmp_path / 't'}" if learnt else ",levels=256"))
    told = [each.why for each in data.skipped if not each.why.startswith("its tokens are")]
    assert told == [
        "16 bits a channel, of which only the upper 8 are read, and these go up to 15 of 255: save it with 8 bits",
        "12 images have 16 bits a channel, of which only the upper 8 are read; this one stands for all",
    ]
    assert len(data.codec.encode(places[1])) == data.length
    for image in (places[0], Image.open(places[0])):
        with pytest.raises(InputError, match=r"16 bits a channel, .* go up to 15 of 255"):
            data.codec.encode(image)
