"""Sets of points, and distances between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data import Pictures
from ...errors import bad

__all__ = ["Points", "Shown", "check_points", "distances", "nearest", "pieces"]

Points = NDArray[np.float64]
"""Points [N, D]: pixels, or features of any network."""

Shown = Tensor | Pictures
"""Images to judge: tokens [N, L]; or, where a tokenizer made these, the pictures themselves (`Split.originals`)."""

_CHUNK = 1024
_PIECE = 4 * _CHUNK
"""Images whose points are in memory together."""


def check_points(real: Points, generated: Points, least: int) -> None:
    """Raises `ValueError` for sets of different dimensions, or with fewer than `least` points."""
    if real.ndim != 2 or generated.ndim != 2 or real.shape[1] != generated.shape[1]:
        raise bad("points", f"shapes {real.shape} and {generated.shape}", "[N, D] and [M, D]", "Flatten each image.")
    if min(len(real), len(generated)) < least:
        raise bad("points", f"{len(real)} and {len(generated)} of them", f"at least {least} in each set")


def distances(points: Points, others: Points) -> Iterator[tuple[slice, Points]]:
    """Yields Euclidean distances from `points` [N, D] to `others` [M, D]: a slice of n rows, and distances [n, M].

    The distances are symmetric to the bit, so ties are exact.
    """
    targets = torch.from_numpy(others)
    for first in range(0, len(points), _CHUNK):
        rows = slice(first, min(first + _CHUNK, len(points)))
        apart = torch.cdist(torch.from_numpy(points[rows]), targets, compute_mode="donot_use_mm_for_euclid_dist")
        yield rows, apart.numpy()


def pieces(images: Shown) -> Iterator[Shown]:
    """The images, some thousands at a time, so that the points of all are not in memory together."""
    for rows in torch.arange(len(images)).split(_PIECE):
        yield images.take(rows) if isinstance(images, Pictures) else images[rows]


def nearest(points: Points, others: Points) -> NDArray[np.float64]:
    """Distance from each of the points [N, D] to the nearest of the others [M, D], [N]."""
    check_points(points, others, 1)
    centre = others.mean(0)  # reduces the rounding errors of squares
    targets = torch.from_numpy(others - centre)
    chunks = torch.from_numpy(points - centre).split(_CHUNK)
    return torch.cat([torch.cdist(chunk, targets).amin(1) for chunk in chunks]).numpy()
