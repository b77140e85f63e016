"""A region drawn anew: pixels outside it stay, the class asked for appears in it, and bad regions are refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny import DIGITS, save_strings, save_tiny

import dguide
from dguide import checkpoint, filling
from dguide.data import Pixels
from dguide.evaluate.images.classifier import Classifier

LEFT = filling.rectangle((0, 0, 4, 8), (8, 8))
USUAL = {"guidance": dguide.Normalized(1.0), "sampler": dguide.Ancestral(4)}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {name: checkpoint.load(save_tiny(folder / name, name)) for name in ("masked", "uniform")}


@pytest.fixture(scope="module")
def shipped():
    return checkpoint.load("digits-masked")


def pictures(rows, labels=None):
    """Test images of the digits, as the model's 16 greys have them, [N, 8, 8] uint8."""
    test = DIGITS.test if labels is None else DIGITS.test.take(torch.isin(DIGITS.test.labels, labels))
    return (255 * DIGITS.picture(test.tokens[:rows])).round().byte().numpy(), test.labels[:rows]


@given(data=st.data(), colour=st.booleans(), border=st.integers(0, 5), name=st.sampled_from(["masked", "uniform"]))
@settings(max_examples=25, deadline=None)
@pytest.mark.filterwarnings("ignore:fixed tokens with Uniform")
def test_pixels_outside_the_region_stay_bit_for_bit(models, data, colour, border, name):
    """Whatever the image, also with greys and colours that the model does not have."""
    shape = (8, 8, 3) if colour else (8, 8)
    values = st.lists(st.integers(0, 255), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))
    image = np.array(data.draw(values), dtype=np.uint8).reshape(shape)
    region = np.array(data.draw(st.lists(st.booleans(), min_size=64, max_size=64))).reshape(8, 8)
    region[0, 0], region[7, 7] = True, False
    kept = image.copy()
    made = dguide.fill(models[name], image, region, condition=torch.tensor([3, 8]), border=border, **USUAL)
    assert (image == kept).all()
    assert made.images.shape == (2, *shape)
    assert made.images.dtype == np.uint8
    assert (made.images[:, ~region] == image[~region]).all()
    assert (made.drawn.numpy() == region.flatten()).all()
    encoded = torch.tensor(DIGITS.codec.encode(image))
    assert (made.tokens[:, ~made.drawn] == encoded[~made.drawn]).all()


def test_inside_are_the_colours_of_the_tokens(models):
    image, _ = pictures(1)
    made = dguide.fill(models["masked"], image[0], LEFT, condition=torch.tensor([3]), border=0, **USUAL)
    new = (255 * DIGITS.picture(made.tokens[0])).round().byte().numpy()
    assert (made.images[0][LEFT] == new[LEFT]).all()
    assert (new != image[0])[LEFT].any()


def test_old_and_new_are_blended_at_the_edge_of_the_region():
    """A line of 9 pixels in the middle of 15: shares 1/3, 2/3, 1 from both ends; no edge where the image ends."""
    old, new = np.zeros((1, 15), dtype=np.uint8), torch.full((1, 1, 15), 240.0)
    inside = np.zeros((1, 15), dtype=np.bool_)
    inside[0, 3:12] = True
    assert filling._pasted(old, new, inside, 2)[0, 0].tolist() == [0] * 3 + [80, 160] + [240] * 5 + [160, 80] + [0] * 3
    inside[0, :3] = True
    assert filling._pasted(old, new, inside, 2)[0, 0].tolist() == [240] * 10 + [160, 80] + [0] * 3
    assert filling._pasted(old, new, inside, 0)[0, 0].tolist() == [240] * 12 + [0] * 3


def test_a_token_that_touches_the_region_is_drawn():
    inside = np.zeros((8, 8), dtype=np.bool_)
    inside[3, 4] = inside[4, 4] = True
    assert filling._cells(inside, (2, 4)).tolist() == [[False, False, True, False]] * 2


def test_guidance_puts_the_class_that_is_asked_for_into_the_region(shipped):
    """The lower half of the images of 1, 4, 7, 9: drawn as a 3 or as an 8, an independent classifier says so more often
    with guidance than without: the intervals do not touch."""
    images, _ = pictures(24, torch.tensor([1, 4, 7, 9]))
    region, labels = filling.rectangle((0, 3, 8, 5), (8, 8)), torch.tensor([3, 8]).repeat(4)
    judge = Classifier.fit(DIGITS)

    def recognised(weight):
        settings = {"guidance": dguide.Normalized(weight), "sampler": dguide.Ancestral(8)}
        made = [
            dguide.fill(shipped, image, region, condition=labels, first_index=8 * index, **settings).tokens
            for index, image in enumerate(images)
        ]
        return judge.accuracy(torch.cat(made), labels.repeat(len(images)))

    found = {weight: recognised(weight) for weight in (-1.0, 0.0, 2.0)}
    assert found[-1.0].high < found[0.0].low, found
    assert found[0.0].high < found[2.0].low, found


def test_samples_are_those_of_sample_with_held_tokens(models):
    """And do not depend on the batch, so that shards can be drawn apart."""
    image, _ = pictures(1)
    labels = torch.tensor([1, 5, 9])
    tokens = torch.tensor(DIGITS.codec.encode(image[0]))
    held = ~torch.from_numpy(LEFT).flatten()
    expected = dguide.sample(
        models["masked"].model,
        process=models["masked"].process,
        length=64,
        condition=labels,
        initial=torch.where(held, tokens, 16).expand(3, -1).contiguous(),
        seed=5,
        **USUAL,
    )
    whole = dguide.fill(models["masked"], image[0], LEFT, condition=labels, seed=5, **USUAL)
    last = dguide.fill(models["masked"], image[0], LEFT, condition=labels[2:], seed=5, first_index=2, **USUAL)
    assert torch.equal(whole.tokens, expected.tokens)
    assert torch.equal(whole.tokens[2:], last.tokens)
    assert (whole.images[2:] == last.images).all()


GOOD = np.zeros((8, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    ("image", "region", "message"),
    [
        (GOOD, np.ones((8, 8), dtype=np.bool_), r"region: got all pixels.*dguide\.sample"),
        (GOOD, np.zeros((8, 8), dtype=np.bool_), "region: got no pixel"),
        (GOOD, np.ones((8, 7), dtype=np.bool_), r"region: got bool \[8, 7\], expected bool \[8, 8\]"),
        (GOOD, np.ones((8, 8), dtype=np.uint8), r"region: got uint8 \[8, 8\]"),
        (GOOD, (1, 2, 3, 4), r"region: got \(1, 2, 3, 4\)"),
        (np.zeros((8, 9), dtype=np.uint8), LEFT, "image: got 9 x 8 pixels, expected .* 8 x 8 pixels"),
        (np.zeros((8, 8, 4), dtype=np.uint8), LEFT, "image: got 8 x 8 pixels in 4 channels"),
        (np.zeros((8, 8)), LEFT, r"image: got float64 \[8, 8\].*convert it first"),
        (np.zeros((8, 8), dtype=np.uint16), LEFT, r"image: got uint16 \[8, 8\]"),
        (Image.new("RGBA", (8, 8)), LEFT, "image: got mode RGBA"),
        (Image.new("I;16", (8, 8)), LEFT, "image: got mode I;16"),
        ("/no/such.png", LEFT, "image /no/such.png: got unreadable"),
        (None, LEFT, "image: got NoneType"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_sampling(models, monkeypatch, image, region, message):
    monkeypatch.setattr(filling, "sample", lambda *_, **__: pytest.fail("sampled"))
    with pytest.raises(dguide.InputError, match=message):
        dguide.fill(models["masked"], image, region, condition=torch.tensor([1]), **USUAL)


@pytest.mark.parametrize("border", [-1, 0.5, True])
def test_a_border_is_a_number_of_pixels(models, border):
    with pytest.raises(dguide.InputError, match="border"):
        dguide.fill(models["masked"], GOOD, LEFT, condition=torch.tensor([1]), border=border, **USUAL)


def test_a_model_of_strings_is_refused(tmp_path):
    loaded = checkpoint.load(save_strings(tmp_path / "strings"))
    with pytest.raises(dguide.InputError, match="fill: got a model of strings"):
        dguide.fill(loaded, GOOD, LEFT, condition=torch.tensor([1]), **USUAL)


def test_a_region_whose_tokens_are_all_of_the_image_is_refused(models):
    """Tokens of 4 x 4 pixels: a cross of a pixel's width touches all of them."""

    class Coarse(Pixels):
        @property
        def size(self):
            return 32, 32

    coarse = replace(models["masked"], codec=Coarse(8, 8, DIGITS.codec.palette))
    region = np.zeros((32, 32), dtype=np.bool_)
    region[::4, ::4] = True
    with pytest.raises(dguide.InputError, match="touches all 64 tokens"):
        dguide.fill(coarse, np.zeros((32, 32), np.uint8), region, condition=torch.tensor([1]), **USUAL)


@pytest.mark.parametrize("place", [(-1, 0, 2, 2), (0, 0, 0, 2), (7, 0, 2, 2), (0, 7, 2, 2), (8, 8, 1, 1)])
def test_a_rectangle_lies_in_the_image(place):
    with pytest.raises(dguide.InputError, match="within 8 x 8 pixels"):
        filling.rectangle(place, (8, 8))


def test_a_mask_image_is_white_where_to_draw(tmp_path):
    white = Image.fromarray(np.where(LEFT, 255, 0).astype(np.uint8))
    white.save(tmp_path / "mask.png")
    for mask in (white, tmp_path / "mask.png", white.convert("RGB"), white.convert("1")):
        assert (filling.region_of(mask, (8, 8)) == LEFT).all()
    grey = np.tile(np.linspace(0, 255, 8).astype(np.uint8), (8, 1))
    with pytest.raises(dguide.InputError, match=r"mask: got 50% grey pixels.*the photograph"):
        filling.region_of(grey, (8, 8))
    with pytest.raises(dguide.InputError, match="mask: got an image in colour"):
        filling.region_of(Image.new("RGB", (8, 8), (255, 0, 0)), (8, 8))
    with pytest.raises(dguide.InputError, match="mask: got 9 x 8 pixels"):
        filling.region_of(np.zeros((8, 9), np.uint8), (8, 8))


@pytest.fixture
def part(tmp_path):
    image, _ = pictures(1)
    Image.fromarray(image[0]).save(tmp_path / "part.png")
    return tmp_path / "part.png"


def test_the_command_writes_images_mask_and_settings(run, tmp_path, part):
    out = tmp_path / "made"
    model = save_tiny(tmp_path / "model")
    status, printed, err = run(
        "fill", model, part, "--region", "1,2,3,4", "--class", "3,8", "--count", 3, "--steps", 2, "--out", out
    )
    assert status == 0, err
    assert printed.endswith(f"{out}\n")
    assert "12 of 64 tokens drawn for 12 pixels" in printed
    names = {path.name for path in out.iterdir()}
    assert names == {"000000-3.png", "000001-8.png", "000002-3.png", "mask.png", "overview.png", "settings.json"}
    region = np.asarray(Image.open(out / "mask.png")) > 0
    assert (region == filling.rectangle((1, 2, 3, 4), (8, 8))).all()
    for name in ("000000-3.png", "000001-8.png"):
        assert (np.asarray(Image.open(out / name)) == np.asarray(Image.open(part)))[~region].all()
    told = json.loads((out / "settings.json").read_text())
    assert (told["region"], told["conditions"], told["tokens drawn"]) == ("1,2,3,4", {"label": [3, 8, 3]}, 12)
    again = tmp_path / "again"
    mask = ("--mask", out / "mask.png")
    assert run("fill", model, part, *mask, "--class", "3,8", "--count", 3, "--steps", 2, "--out", again)[0] == 0
    for name in names - {"settings.json"}:
        assert (out / name).read_bytes() == (again / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--class", "3"], "--region and --mask: got neither"),
        (["--class", "3", "--region", "0,0,2,2", "--mask", "PART"], "--region and --mask: got both"),
        (["--region", "0,0,2,2"], "--class: got none, expected what to draw in the region: one of 0, 1, 2"),
        (["--class", "scratch", "--region", "0,0,2,2"], "labels of label: got ['scratch']"),
        (["--class", "3", "--region", "0,0,2"], "--region: got '0,0,2', expected four whole numbers"),
        (["--class", "3", "--region", "0,0,9,2"], "region: got 0,0,9,2"),
        (["--class", "3", "--region", "0,0,8,8"], "region: got all pixels"),
        (["--class", "3", "--mask", "PART"], "mask PART: got"),
    ],
)
def test_the_command_refuses_in_one_line(run, tmp_path, part, options, message):
    options = [str(part) if each == "PART" else each for each in options]
    model = save_tiny(tmp_path / "model")
    status, _, err = run("fill", model, part, *options, "--out", tmp_path / "made")
    assert (status, err.count("\n")) == (2, 1)
    assert message.replace("PART", str(part)) in err
    assert not (tmp_path / "made").exists()
