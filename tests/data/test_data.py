from __future__ import annotations

import pytest
import torch

from dguide.data import Dataset, Label, Split, Strings, load, number_of, random_offsets, shift
from tests.data.loaders import contents, whole


def test_digits_are_sixteen_levels_in_sixty_four_places() -> None:
    digits = load("digits")
    assert (digits.vocab_size, digits.length, digits.n_classes, digits.shape) == (16, 64, 10, (8, 8))
    parts = (digits.train, digits.validation, digits.test)
    assert [len(part) for part in parts] == [1253, 185, 359]
    for split in parts:
        assert split.tokens.dtype == split.labels.dtype == torch.int64
        assert set(split.tokens.unique().tolist()) == set(range(16))


def test_levels_keep_every_value_of_the_source_but_merge_the_two_darkest() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    source = torch.from_numpy(datasets.load_digits().data).long()
    digits = load("digits")
    ours = whole(digits).tokens
    for level in range(15):
        assert (ours == level).sum() == (source == level).sum()
    assert (ours == 15).sum() == (source >= 15).sum()


def test_parts_are_a_tenth_and_a_fifth_of_every_class_and_share_no_image() -> None:
    digits = load("digits")
    total = whole(digits).labels.bincount()
    for part, share in ((digits.validation, 0.1), (digits.test, 0.2)):
        assert ((part.labels.bincount() - share * total).abs() < 1).all()
    train, validation, test = (set(part) for part in contents(digits))
    assert not train & validation | train & test | validation & test


def test_pictures_and_features_are_brightness() -> None:
    digits = load("digits")
    tokens = digits.test.tokens[:3]
    picture = digits.picture(tokens)
    assert picture.shape == (3, 8, 8)
    assert picture[1, 2, 5] == tokens[1, 2 * 8 + 5] / 15
    features = digits.features(tokens)
    assert features.dtype == "float64"
    assert features.min() == 0
    assert features.max() <= 1
    with pytest.raises(ValueError, match="63"):
        digits.picture(tokens[:, :63])


def test_what_is_no_image_has_no_picture() -> None:
    split = Split(torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="image"):
        Dataset("words", split, split, split, Strings(("<begin>", "<end>", "<pad>"), 4), (Label(("a",)),)).picture(
            split.tokens
        )


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"digts.*digits"):
        load("digts")


def test_shift_moves_down_and_right_and_fills() -> None:
    image = torch.arange(1, 10).reshape(1, 9)
    moved = shift(image, torch.tensor([[1, -1]]), (3, 3))
    assert moved.reshape(3, 3).tolist() == [[0, 0, 0], [2, 3, 0], [5, 6, 0]]


def test_shift_treats_each_image_by_its_own_offsets() -> None:
    tokens = load("digits").train.tokens[:50]
    offsets = torch.randint(-2, 3, (50, 2), generator=torch.Generator().manual_seed(0))
    together = shift(tokens, offsets, (8, 8), fill=7)
    for row in range(50):
        assert torch.equal(together[row : row + 1], shift(tokens[row : row + 1], offsets[row : row + 1], (8, 8), 7))


def test_random_offsets_take_each_of_the_nine_moves_and_are_reproducible() -> None:
    offsets = random_offsets(9000, 1, 1.0, torch.Generator().manual_seed(3))
    assert torch.equal(offsets, random_offsets(9000, 1, 1.0, torch.Generator().manual_seed(3)))
    counts = number_of(offsets, 1).bincount(minlength=9).double()
    assert ((counts - 1000).square() / 1000).sum() < 26.1  # chi-square, 8 degrees of freedom, p = 0.001


def test_share_of_images_that_are_moved() -> None:
    offsets = random_offsets(9000, 2, 0.5, torch.Generator().manual_seed(3))
    moved = (offsets != 0).any(1).double().mean()
    assert float(moved) == pytest.approx(0.5 * 24 / 25, abs=0.03)
    assert not random_offsets(100, 2, 0.0, torch.Generator().manual_seed(3)).any()
    assert not random_offsets(100, 0, 1.0, torch.Generator().manual_seed(3)).any()


@pytest.mark.parametrize("pixels", [0, 1, 2])
def test_moves_have_numbers_of_their_own_and_none_is_zero(pixels: int) -> None:
    steps = torch.arange(-pixels, pixels + 1)
    numbers = number_of(torch.cartesian_prod(steps, steps), pixels)
    assert sorted(numbers.tolist()) == list(range((2 * pixels + 1) ** 2))
    assert number_of(torch.zeros(1, 2, dtype=torch.int64), pixels).tolist() == [0]


def test_shift_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"\[B, 9\]"):
        shift(torch.zeros(2, 8, dtype=torch.int64), torch.zeros(2, 2, dtype=torch.int64), (3, 3))
