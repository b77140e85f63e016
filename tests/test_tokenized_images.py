"""The command line and the library with codes of a tokenizer as tokens, from a folder of images to its figures."""

from __future__ import annotations

import functools
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dguide import checkpoint, tokenizers
from dguide.cli import main
from dguide.cli.commands import check_tokenizer
from dguide.data import Dataset, Label, Learnt, Pictures, Split, load
from dguide.demo import Judge
from dguide.evaluate import Classifier, LearntFeatures, PixelFeatures, evaluate_samples, frechet_distance
from dguide.evaluate.reading.standard import CLASSIFIERS, standard_classifiers
from dguide.plots import images
from tests.tokenizers.small_tokenizers import tiny

Run = Callable[..., tuple[int, str, str]]
HEIGHT, WIDTH = 16, 24
NETWORK = ("--width", 8, "--layers", 1, "--heads", 2, "--batch-size", 16)


def write_folder(folder: Path, channels: int, count: int = 80, seed: int = 0) -> Path:
    """Images with large spots, those of the class b brighter."""
    random = np.random.default_rng(seed)
    for n in range(count):
        spots = random.integers(160, size=(4, 6, channels)).repeat(4, 0).repeat(4, 1)
        picture = spots + random.integers(32, size=spots.shape) + 60 * (n % 2)
        (folder / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.astype(np.uint8).squeeze()).save(folder / "ab"[n % 2] / f"{n}.png")
    return folder


@dataclass(frozen=True)
class Made:
    """What each test begins with: images, a tokenizer, a model of its codes, and samples."""

    channels: int
    folder: Path
    tokenizer: Path
    model: Path
    samples: Path

    @property
    def data(self) -> str:
        return f"images:{self.folder},tokenizer={self.tokenizer}"


@pytest.fixture(scope="module", params=[1, 3], ids=["grey", "rgb"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("made")
    it = Made(request.param, write_folder(root / "images", request.param), root / "t", root / "m", root / "s.npz")
    tokenizers.save(it.tokenizer, tiny(it.channels, 4, HEIGHT, WIDTH))
    for command in (
        ("train", "--data", it.data, "--out", it.model, "--steps", 2, *NETWORK),
        ("sample", it.model, "--out", it.samples, "--count", 40, "--steps", 2, "--images", root / "full"),
    ):
        assert main([str(each) for each in command]) == 0
    return it


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that has learnt little, in a moment."""
    fit = LearntFeatures.fit.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(LearntFeatures, "fit", classmethod(lambda cls, data, *, seed=0: fit(cls, data, seen=640)))


def test_data_shows_the_tokenizer_and_the_pictures(made: Made, run: Run, tmp_path: Path) -> None:
    status, out, _ = run("data", made.data, "--png", tmp_path / "sheet.png")
    assert status == 0
    assert "tokens:     24 of 200, 4 rows of 6" in out
    colour = "grey" if made.channels == 1 else "in colour"
    assert f"pictures:   16 rows of 24 pixels, {colour}" in out
    assert f"tokenizer:  {made.tokenizer}, SHA-256 {tokenizers.load(made.tokenizer).digest[:12]}" in out
    assert "cost:" not in out  # the tokenizer says the size
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert min(sheet.size) > 100
    _, out, _ = run("data", made.data, "--json")
    told = json.loads(out)
    assert (told["shape"], told["size"]) == ([4, 6], [HEIGHT, WIDTH])
    assert told["tokenizer"] == tokenizers.load(made.tokenizer).digest


def test_samples_are_pictures_of_full_size(made: Made) -> None:
    codec = checkpoint.load(made.model).codec
    tokens = torch.from_numpy(np.load(made.samples)["tokens"]).long()
    expected = tokenizers.load(made.tokenizer).decode(tokens).expand(-1, -1, -1, 3).numpy()
    files = sorted((made.samples.parent / "full").iterdir())
    assert len(files) == len(tokens)
    for picture, file in zip(expected, files, strict=True):
        assert (np.asarray(Image.open(file).convert("RGB")) == picture).all()
    assert (np.rint(255 * images.ink(codec, tokens)) == expected).all()
    assert made.samples.with_suffix(".png").is_file()


def test_the_script_of_the_page_on_photographs_runs(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made.model, tmp_path / "model")
    shutil.copyfile(made.samples, tmp_path / "samples.npz")
    page = (Path(__file__).parents[1] / "docs" / "photographs.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "photographs.md", "exec"), {})
    with Image.open("real-reconstructed-sampled.png") as sheet, Image.open("cell.png") as cell:
        assert sheet.size == (8 * WIDTH, 3 * HEIGHT)
        assert cell.size == (WIDTH, HEIGHT)
        assert (np.asarray(sheet)[:HEIGHT, :WIDTH] == np.asarray(cell)).all()


def test_a_sheet_of_large_pictures_is_as_sharp_as_it_is_shown() -> None:
    """Its tiles have the mean colours of the pictures, in at most 128 pixels a side, and do not fill the memory."""
    codec = Learnt.of(tiny(3, 4, 160, 320), Path("nowhere"))
    tokens = torch.randint(200, (5, codec.length), generator=torch.Generator().manual_seed(0))
    sheet = images.contact_sheet(codec, tokens, 3, ["a", "b", "c"], "title")
    shown = np.asarray(sheet.axes[0].images[0].get_array())
    wide, high = (side - 1 for side in (shown.shape[1] // 3, shown.shape[0] // 2))
    assert 64 < wide <= 128
    assert high / wide == pytest.approx(0.5, abs=0.02)
    tile = shown[1 : 1 + high, 1 : 1 + wide]
    assert tile.mean((0, 1)) == pytest.approx(images.ink(codec, tokens[:1])[0].mean((0, 1)), abs=0.01)
    assert sheet.get_size_inches()[0] * sheet.dpi >= 3 * wide


def test_shifts_of_tokens_are_refused(made: Made, run: Run, tmp_path: Path) -> None:
    status, _, err = run("train", "--data", made.data, "--out", tmp_path / "m", "--steps", 1, *NETWORK, "--shift", 1)
    assert status == 2
    assert err.count("\n") == 1
    assert "shift: got 1 " in err
    assert "4 x 4 pixels" in err
    assert not (tmp_path / "m" / "model.safetensors").exists()
    data = load(made.data)
    assert data.picture(data.test.tokens[:2]).shape == (2, HEIGHT, WIDTH)


def test_files_are_read_and_regions_filled(made: Made, run: Run, tmp_path: Path) -> None:
    file = made.folder / "a" / "0.png"
    assert run("read", made.model, file, "--out", tmp_path / "files", "--passes", 1)[0] == 0
    read = ("read", made.model, "--out", tmp_path / "data", "--passes", 1, "--classifiers", "none")
    assert run(*read, "--repetitions", 0)[0] == 0
    filled = ("fill", made.model, file, "--out", tmp_path / "filled", "--region", "4,4,10,6", "--class", "b")
    status, out, _ = run(*filled, "--count", 2, "--steps", 2)
    assert status == 0
    assert "9 of 24 tokens" in out or "6 of 24 tokens" in out
    old = np.asarray(Image.open(file))
    for new in sorted((tmp_path / "filled").glob("*-b.png")):
        changed = np.asarray(Image.open(new)) != old
        outside = np.ones((HEIGHT, WIDTH), dtype=bool)
        outside[4:10, 4:14] = False
        assert changed.any()
        assert not changed[outside].any()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["wafer", "images"])
def test_the_whole_path_from_pictures_to_figures(
    kind: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command takes what the one before wrote: synthetic wafers as large as real ones, and a folder in colour."""
    monkeypatch.setattr(check_tokenizer, "check", functools.partial(check_tokenizer.check, seen=64))
    tokenizer, model, samples = tmp_path / "tokenizer", tmp_path / "model", tmp_path / "samples.npz"
    data, size = (
        ("wafer:size=52,count=135", (52, 52))
        if kind == "wafer"
        else (f"images:{write_folder(tmp_path / 'pictures', 3)}", (HEIGHT, WIDTH))
    )
    coded = f"{data}{',' if ':' in data else ':'}tokenizer={tokenizer}"
    small = ("--device", "cpu", "--batch-size", 4)
    few = ("--limit", 20, "--repetitions", 0)
    for command in (
        ("train-tokenizer", "--data", data, "--out", tokenizer, "--steps", 2, "--factor", 4, "--width", 8, *small),
        ("train", "--data", coded, "--out", model, "--steps", 2, *NETWORK, "--evaluate-passes", 1),
        ("sample", model, "--out", samples, "--count", 18, "--steps", 2, "--images", tmp_path / "full"),
        ("evaluate", samples, "--out", tmp_path / "figures", "--repetitions", 0),
        ("read", model, "--out", tmp_path / "read", "--passes", 1, "--classifiers", "none", *few),
        ("check-tokenizer", tokenizer, "--data", data, "--out", tmp_path / "checked", *few),
    ):
        status, _, err = run(*command)
        assert status == 0, f"{command[0]}: {err}"
    assert {np.asarray(Image.open(file)).shape for file in (tmp_path / "full").iterdir()} == {(*size, 3)}
    told = json.loads((tmp_path / "figures" / "evaluation.json").read_text())
    assert {"Fréchet distance"} <= {each["name"] for each in told["estimates"]}
    assert all(np.isfinite(each["rebuilt"]) for each in told["estimates"] if np.isfinite(each["best"]))


@pytest.mark.usefixtures("quick")
def test_samples_are_compared_with_the_original_pictures(made: Made) -> None:
    """Real data in place of samples have the figures of what the tokenizer makes of held-out pictures, not of these."""
    data = load(made.data)
    real, codec = data.test, data.codec
    assert isinstance(codec, Learnt)
    judge = LearntFeatures.fit(data)
    for name, features in (("pixels", PixelFeatures.of(data)), ("learnt", judge)):
        train, held_out, rebuilt = (
            features(images) for images in (data.train.images, real.images, codec.decoded(real.tokens))
        )
        assert np.allclose(features(real.tokens), rebuilt)
        fits = frechet_distance(train, held_out), frechet_distance(train, rebuilt)
        assert fits[1] > 2 * fits[0]  # the weights of the tokenizer are random
        if name == "pixels":
            label = {"label": real.labels}
            found = evaluate_samples(data, real.tokens, label, features=name, repetitions=0)
            figure = found["Fréchet distance"]
            assert (figure.best, figure.rebuilt) == pytest.approx(fits, rel=0.2)  # of equal numbers of each class
            assert all(each.value == pytest.approx(each.rebuilt) for each in found.estimates if each.count == len(real))
            assert all(np.isfinite(each.rebuilt) for each in found.estimates if np.isfinite(each.best))
    machine = Classifier.fit(data)
    assert machine.held_out.value > 0.9
    assert machine.held_out.value > machine.accuracy(real.tokens, real.labels).value


@pytest.mark.usefixtures("quick")
def test_standard_classifiers_see_the_original_pictures(run: Run, tmp_path: Path) -> None:
    """All pictures of this tokenizer are grey: nothing is left of the class in what it makes of codes."""
    erasing = tiny(3, 4, HEIGHT, WIDTH)
    for parameter in erasing.network.decoder.parameters():
        parameter.zero_()
    tokenizers.save(tmp_path / "t", erasing)
    data = f"images:{write_folder(tmp_path / 'images', 3)},tokenizer={tmp_path / 't'}"
    assert load(data).picture(load(data).test.tokens).unique().numel() == 1
    assert run("train", "--data", data, "--out", tmp_path / "m", "--steps", 2, *NETWORK)[0] == 0
    status, _, err = run("read", tmp_path / "m", "--out", tmp_path, "--passes", 1, "--repetitions", 2)
    assert status == 0, err
    found = json.loads((tmp_path / "reading.json").read_text())
    right = {
        each["name"]: next(one for one in each["estimates"] if one["name"] == "accuracy")
        for each in found["classifiers"]
    }
    assert list(right) == ["random forest", "small network"]
    assert all(each["value"] > 0.8 for each in right.values())


@pytest.mark.usefixtures("quick")
def test_every_judge_learns_and_is_tried_on_the_original_pictures(
    made: Made, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real data are never decoded for one: what the tokenizer loses is no part of what is real."""
    data = load(made.data)
    monkeypatch.setattr(Learnt, "decode_pictures", lambda *_: pytest.fail("what the tokenizer makes was judged"))
    for judge in (Classifier.fit(data), LearntFeatures.fit(data)):
        assert judge.held_out.value > 0.9
    assert Judge.fit(data).ceiling(4).accuracy.value > 0.6
    flat = torch.full((2,), 0.5, dtype=torch.float64).log()
    found = standard_classifiers(data, data.conditions[0], data.test.originals, flat)
    assert [each.name for each in found] == list(CLASSIFIERS)
    for each in found:
        assert (each.reading.predicted == data.test.labels).double().mean() > 0.8
    options = ("--passes", 1, "--repetitions", 0)
    status, _, err = run("read", made.model, "--out", tmp_path / "read", *options)
    assert status == 0, err


@pytest.mark.usefixtures("quick")
def test_the_page_has_a_column_of_what_the_tokenizer_makes_of_pictures(made: Made, run: Run, tmp_path: Path) -> None:
    status, out, _ = run("evaluate", made.samples, "--out", tmp_path, "--repetitions", 0)
    assert status == 0
    assert "| held-out data | the same, encoded and decoded |" in out
    assert " after the tokenizer)" in out
    assert all("rebuilt" in each for each in json.loads((tmp_path / "evaluation.json").read_text())["estimates"])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("size", "channels"), [((64, 64), 1), ((256, 128), 3), ((1, 130), 3)])
def test_the_judge_learns_from_large_pictures(size: tuple[int, int], channels: int) -> None:
    """Classes that a band tells apart; another channel than the first has nothing but noise."""
    random = np.random.default_rng(0)
    pictures = random.integers(100, size=(60, *size, channels), dtype=np.uint8)
    labels = torch.arange(60) % 2
    pictures[1::2, :, size[1] // 4 : size[1] // 2, 0] += 100
    rows = torch.arange(60)
    parts = [
        Split(torch.zeros(20, 1, dtype=torch.int64), labels[own], images=Pictures(pictures, own))
        for own in rows.split(20)
    ]
    data = Dataset("large", *parts, Learnt(*size, channels, 1, 1, 4, "none", Path()), (Label(("a", "b")),))
    judge = LearntFeatures.fit(data)
    assert judge.held_out.value > 0.9
    assert judge(data.test.images).shape == (20, 64)
