"""Rows of pictures stay below their limit, and mark the region that was drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest

from dguide.plots.rows import PictureRow, picture_rows

Image = pytest.importorskip("PIL.Image")
BLUE = (0.2, 0.4, 0.8)


def rows(count, side, number=10, regions=None):
    noise = np.random.default_rng(0).random((number, side, side, 3))  # what compresses worst
    return [PictureRow(f"row {each}", noise, regions) for each in range(count)]


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def blue(shown):
    return (abs(shown - 255 * np.array(BLUE)) < 2).all(-1)


@pytest.mark.parametrize(("count", "side", "most"), [(2, 8, 300_000), (6, 128, 300_000), (2, 96, 20_000)])
def test_the_files_are_together_as_small_as_they_are_asked_to_be(count, side, most):
    files = picture_rows(rows(count, side), most)
    assert len(files) == count
    assert sum(map(len, files)) <= most


def test_what_cannot_be_so_small_is_refused():
    with pytest.raises(ValueError, match="at most 100"):
        picture_rows(rows(1, 8, 1), 100)


def test_columns_stand_below_each_other_also_where_a_row_is_shorter():
    images = np.full((4, 20, 20, 3), BLUE)
    long, short = map(pixels, picture_rows([PictureRow("long", images), PictureRow("short", images[:2])], 300_000))
    assert long.shape == short.shape
    middle = long.shape[1] // 2
    assert (long[:, :middle] == short[:, :middle]).all()
    assert blue(long[:, middle + 8 :]).any()
    assert not blue(short[:, middle + 8 :]).any()


def test_a_frame_is_drawn_around_the_region_and_nowhere_else():
    images = np.full((1, 20, 20, 3), BLUE)
    region = np.zeros((1, 20, 20), dtype=bool)
    region[0, 10:18, 2:8] = True
    plain, marked = (pixels(picture_rows([PictureRow("row", images, given)], 300_000)[0]) for given in (None, region))
    changed = np.argwhere((plain != marked).any(-1))
    inside = np.argwhere(blue(plain))
    low, high = inside.min(0), inside.max(0) + 1
    share = (np.stack([changed.min(0), changed.max(0) + 1]) - low) / (high - low) * 20
    assert np.allclose(share, [[10, 2], [18, 8]], atol=0.7)
    middle = np.round(low + (high - low) * np.array([14, 5]) / 20).astype(int)
    assert (marked[tuple(middle)] == plain[tuple(middle)]).all()
