"""Numbers that describe pictures without any training: means of boxes, and contrast to what surrounds a pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ...data import Pictures
from ...data.codecs.learnt import box_means, brightness
from ..points.base import Points

__all__ = ["FEATURES", "Describe", "described", "local"]

Describe = Callable[[Tensor], NDArray[np.float64]]
"""Gives numbers [n, D] for pictures [n, H, W, C] uint8."""
_CELLS, _FEW = 8, 4
"""The most cells along a side, for classifiers and for a distance."""
_AROUND = 9
"""Side of the square that surrounds a pixel; less for smaller pictures."""


def contrast(pictures: Tensor) -> NDArray[np.float64]:
    """Mean and largest difference of the brightness from that of the surrounding square, in 8 x 8 cells, [n, D].

    A small defect changes them, wherever it is. So the values of all cells also stand in order of size, without place.
    """
    cells = _contrast(pictures)
    return torch.cat([cells.flatten(1), cells.sort(2, descending=True).values.flatten(1)], 1).numpy()


def local(pictures: Tensor) -> NDArray[np.float64]:
    """Means of each channel, and means and largest values of `contrast`, in 4 x 4 cells, [n, D].

    There are few of them, since a Fréchet distance of few pictures in many dimensions is mostly chance.
    """
    full = pictures.permute(0, 3, 1, 2).double() / 255
    means = F.adaptive_avg_pool2d(full, _grid(pictures, _FEW))
    return torch.cat([means.flatten(1), _contrast(pictures, _FEW).flatten(1)], 1).numpy()


FEATURES: dict[str, Describe] = {"box means": box_means, "local contrast": contrast}
"""What standard classifiers learn from, by name."""


def described(pictures: Pictures, describe: Describe) -> Points:
    """The numbers of all pictures, [N, D]."""
    return np.concatenate([describe(torch.from_numpy(chunk)) for chunk in pictures.chunks()])


def _contrast(pictures: Tensor, most: int = _CELLS) -> Tensor:
    """[n, 2, cells] float64."""
    grey = brightness(pictures).double().unsqueeze(1)
    side = min(_AROUND, *((each - 1) // 2 * 2 + 1 for each in grey.shape[2:]))
    apart = (grey - F.avg_pool2d(grey, side, 1, side // 2, count_include_pad=False)).abs()
    grid = _grid(pictures, most)
    return torch.cat([F.adaptive_avg_pool2d(apart, grid), F.adaptive_max_pool2d(apart, grid)], 1).flatten(2)


def _grid(pictures: Tensor, most: int) -> tuple[int, int]:
    return min(most, pictures.shape[1]), min(most, pictures.shape[2])
