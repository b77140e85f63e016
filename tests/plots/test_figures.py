from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tiny import _save

from dguide import Masked, checkpoint
from dguide.data import Pixels, load
from dguide.demo import figures
from dguide.demo.grid import Outcome, cells
from dguide.demo.judge import Quality
from dguide.demo.pace import Pace
from dguide.evaluate import Proportion
from dguide.noise import Linear
from dguide.plots import images, style
from dguide.samplers import Calls

DIGITS = load("digits")
GRID = cells((0.0, 1.0, 3.0))


def outcome(cell, per_class=2):
    tokens = DIGITS.test.tokens[: 10 * per_class]
    quality = Quality(Proportion(0.9, 0.8, 1.0, 20), 0.5 + cell.weight / 10, 0.8 - cell.weight / 10, 0.3)
    times = torch.linspace(1, 0, 5, dtype=torch.float64)
    return Outcome(cell, tokens, quality, Calls(4, 4), 0, 1.0, times, times**2)


def texts(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def test_mosaic_puts_tiles_where_they_belong():
    tiles = np.arange(2 * 3 * 2 * 2 * 3).reshape(2, 3, 2, 2, 3) / 100
    sheet = images.mosaic(tiles)
    assert sheet.shape == (7, 10, 3)
    for row in range(2):
        for column in range(3):
            assert (sheet[1 + 3 * row : 3 + 3 * row, 1 + 3 * column : 3 + 3 * column] == tiles[row, column]).all()
    assert len({tuple(x) for x in (*sheet[0], *sheet[-1], *sheet[:, 0], *sheet[:, -1])}) == 1


def test_bright_tokens_are_dark_ink():
    assert float(images.ink(DIGITS.codec, torch.full((1, 64), 15)).max()) == 0
    assert float(images.ink(DIGITS.codec, torch.zeros(1, 64, dtype=torch.int64)).min()) == 1


def test_picture_grid_has_a_panel_for_each_cell():
    picture = figures.picture_grid(DIGITS, [outcome(cell) for cell in GRID], GRID, 2, "title")
    assert len(picture.axes) == len(GRID)
    assert texts(picture.axes[0]) == list("0123456789")
    assert "accuracy 0.90" in picture.axes[0].get_xlabel()
    rows = [axes.get_ylabel() for axes in picture.axes if axes.get_ylabel()]
    assert rows == [f"{m}\n{s}" for m in ("Normalized", "Unlocking", "Simple") for s in ("constant", "ramp-up")]
    assert [axes.get_title().strip() for axes in picture.axes if axes.get_title()][1:] == ["mean w = 1", "mean w = 3"]


@pytest.mark.parametrize(
    ("per_class", "told"),
    [(1, "the same samples"), (2, "the same samples"), (3, "the first two rows: the same samples")],
)
def test_picture_grid_says_which_samples_are_the_same(per_class, told):
    picture = figures.picture_grid(DIGITS, [outcome(cell, per_class) for cell in GRID], GRID, per_class, "title")
    assert picture.axes[0].get_xlabel().splitlines()[1] == f"{told} as beside, unguided"


def test_picture_grid_says_what_was_not_run():
    picture = figures.picture_grid(DIGITS, [outcome(cell) for cell in cells((1.0,))[:4]], cells((1.0,)), 2, "title")
    assert ["not run" in axes.get_xlabel() for axes in picture.axes] == [False] * 4 + [True] * 2


def test_film_strip_colours_masks_and_nothing_else():
    tokens = torch.full((3, 2, 64), 16)
    tokens[1, :, :32] = 5
    tokens[2] = 5
    strip = figures.film_strip(DIGITS, tokens, tokens == 16, torch.tensor([1.0, 0.5, 0.0]), "title")
    axes = strip.axes[0]
    assert texts(axes) == ["t = 1\n100% masked", "t = 0.5\n50% masked", "t = 0\n0% masked"]
    image = np.asarray(axes.images[0].get_array())
    coloured = np.ptp(image, axis=-1) > 0
    width = image.shape[1] // 3
    shares = [coloured[:, k * width : (k + 1) * width].mean() for k in range(3)]
    assert shares[2] == 0
    assert shares[1] == pytest.approx(shares[0] / 2, rel=0.05)


def test_pace_figure_shows_theory_and_measurement():
    t = torch.linspace(1, 0, 11, dtype=torch.float64)
    curve = Pace(t, t, t[1:-1], t[1:-1], torch.full((9,), 0.01), 100)
    shown = [outcome(cell) for cell in GRID if cell.weight == 3 and cell.schedule == "constant"]
    exact = [("Normalized", "constant w = 2", curve), ("Unlocking", "ramp-up", curve)]
    left, right = figures.pace_figure(exact, shown, Linear()).axes
    assert len(right.lines) == 1 + len(shown)
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["Normalized, constant w = 2: exact", "Unlocking, ramp-up: exact", "100 samples each"]
    for axes in (left, right):
        assert "time t" in axes.get_xlabel()
        assert "masked" in axes.get_ylabel()


def test_trade_off_joins_each_guidance_with_the_unguided_cell():
    outcomes = [outcome(cell) for cell in GRID]
    real = outcomes[0].quality
    picture = figures.trade_off({"masked": outcomes, "uniform": outcomes}, real)
    for axes in picture.axes:
        lines = [line for line in axes.lines if len(line.get_xdata()) == 3]
        assert len(lines) == 6
        assert all(line.get_xdata()[0] == real.recall for line in lines)


def test_contact_sheet_puts_samples_where_it_is_told():
    sheet = images.contact_sheet(DIGITS.codec, torch.full((2, 64), 15), 2, ["a", "b"], "title", [1, 2])
    image = np.asarray(sheet.axes[0].images[0].get_array())
    assert [image[row, column, 0] for row in (1, 10) for column in (1, 10)] == [1, 0, 0, 1]


def test_contact_sheet_leaves_what_is_missing_empty(tmp_path):
    sheet = images.contact_sheet(DIGITS.codec, torch.full((5, 64), 15), 3, ["a", "b", "c"], "title")
    image = np.asarray(sheet.axes[0].images[0].get_array())
    assert (image[-2, -2] == 1).all()
    assert (image[1, 1] == 0).all()
    style.save(sheet, tmp_path / "sheet.png")
    first = (tmp_path / "sheet.png").read_bytes()
    style.save(sheet, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize("where", ["data set", "checkpoint", "older checkpoint"])
@pytest.mark.parametrize(("name", "brightest"), [("digits", 0.0), ("mine", 1.0)])
def test_only_sets_of_ink_are_drawn_dark_on_light(tmp_path, where, name, brightest):
    """The largest token is white in greys of one's own, and ink in digits, also for checkpoints that do not say it."""
    codec = DIGITS.codec if name == "digits" else Pixels.grey(8, 8, 16)
    assert codec == DIGITS.codec  # the tokens are the same
    if where != "data set":
        path = _save(tmp_path, Masked(16), name, codec, DIGITS.conditions)
        if where == "older checkpoint":
            config = json.loads((path / "config.json").read_text())
            del config["codec"]["ink"]
            (path / "config.json").write_text(json.dumps(config))
        codec = checkpoint.load(path).codec
    assert (images.ink(codec, torch.full((1, 64), 15)) == brightest).all()
    assert (images.ink(codec, torch.zeros(1, 64, dtype=torch.int64)) == 1 - brightest).all()


def test_headings_of_a_film_can_be_read_and_titles_are_not_cut_off():
    tokens = torch.zeros(9, 6, 64, dtype=torch.int64)
    strip = figures.film_strip(DIGITS, tokens, tokens == 0, torch.linspace(1, 0, 9), "title")
    assert all(text.get_fontsize() >= 8 for text in strip.axes[0].get_xticklabels())
    title = "normalized, ramp-up:2.0,left=0.0,right=1.0\nancestral:steps=32,grid=uniform, temperature 0.7, bfloat16"
    for columns in (1, 2, 10):
        sheet = images.contact_sheet(DIGITS.codec, DIGITS.train.tokens[:10], columns, ["a"] * columns, title)
        sheet.draw_without_rendering()
        box, whole = sheet._suptitle.get_window_extent(), sheet.bbox
        assert sheet.get_suptitle().replace("\n", " ") == title.replace("\n", " ")
        assert box.x0 >= whole.x0
        assert box.x1 <= whole.x1
        assert box.y1 <= whole.y1


def test_a_legend_of_the_masked_fraction_is_outside_of_the_panel():
    t = torch.linspace(1, 0, 11, dtype=torch.float64)
    curve = Pace(t, t, t[1:-1], t[1:-1], torch.full((9,), 0.01), 100)
    shown = [outcome(cell) for cell in GRID if cell.weight == 3 and cell.schedule == "constant"]
    picture = figures.pace_figure([("Normalized", "constant w = 2", curve)], shown, Linear())
    picture.draw_without_rendering()
    assert all(axes.get_legend().get_window_extent().y1 < axes.get_window_extent().y0 for axes in picture.axes)
