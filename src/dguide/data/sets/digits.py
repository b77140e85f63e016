"""Handwritten digits, 8 x 8 pixels in 16 greys (the UCI optical digits in scikit-learn, no download)."""

from __future__ import annotations

from pathlib import Path

import torch

from ...errors import require
from ...spec import written
from ..base import Dataset, Split
from ..codecs.pixels import Pixels
from ..condition import Label
from ..encoded import encoded
from ..holdout import in_turn

__all__ = ["digits"]

LEVELS = 16
SIDE = 8


def digits(tokenizer: Path | None = None) -> Dataset:
    """1,797 handwritten digits as sequences of 64 tokens, with 16 greys.

    A pixel of the source counts the inked points in a block of 4 x 4, so it has 17 values, 0 to 16. The two largest
    values are merged, `token = min(pixel, 15)`, so that a token fits in four bits. The images of each class are divided
    in their order (`holdout.in_turn`): 1,253 for training, 185 for validation and 359 for the test. No image is in two
    parts.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    1998; scikit-learn's `load_digits` is its test set.

    Args:
        tokenizer: Folder of a tokenizer of images, whose codes are then the tokens.

    Raises:
        ValueError: If the tokenizer is not one of such images.
        dguide.errors.MissingExtra: If scikit-learn is not installed.
    """
    bunch = require("sklearn.datasets", "train").load_digits()
    tokens = torch.from_numpy(bunch.data).long().clamp(max=LEVELS - 1)
    labels = torch.from_numpy(bunch.target).long()
    data = Dataset(
        written("digits", digits, {"tokenizer": tokenizer}),
        *Split(tokens, labels).parts(in_turn(labels, tokens)),
        codec=Pixels.grey(SIDE, SIDE, LEVELS, ink=True),
        conditions=(Label(tuple(str(name) for name in bunch.target_names)),),
    )
    return encoded(data, tokenizer)
