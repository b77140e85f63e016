"""Choosing real data in the proportions in which classes were asked for, so that like is compared with like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import bad
from .estimate import Rows

__all__ = ["in_proportion", "shares"]


def shares(asked: Tensor, real: Tensor, n_classes: int) -> NDArray[np.float64]:
    """Share of each class among what was asked for, [K]; "not told" stands for any class, as real data have them.

    Args:
        asked: Classes asked for, [N] int64; K is "not told".
        real: Classes of real data, [M] int64.
        n_classes: Number K of classes.

    Raises:
        ValueError: If there is nothing, or a label that is none, or a class that real data do not have.
    """
    if asked.dim() != 1 or len(asked) == 0 or not 0 <= int(asked.min()) <= int(asked.max()) <= n_classes:
        got = sorted(set(asked.flatten().tolist()))[:12] or "none"
        raise bad("labels", got, f"a label for each sample, from 0 to {n_classes - 1}, or {n_classes} for not told")
    counts = np.bincount(asked.cpu().numpy(), minlength=n_classes + 1) / len(asked)
    natural = np.bincount(real.cpu().numpy(), minlength=n_classes) / len(real)
    wanted: NDArray[np.float64] = counts[:-1] + counts[-1] * natural
    missing = np.flatnonzero((wanted > 0) & (natural == 0))
    if len(missing):
        raise bad("labels", missing.tolist(), "classes that the real data have", "Ask for others.")
    return wanted


def in_proportion(labels: Tensor, wanted: NDArray[np.float64], most: int, generator: np.random.Generator) -> Rows:
    """The most rows, but no more than `most`, whose classes have the shares `wanted`, in random order.

    A class of which there is too little limits all others.

    Args:
        labels: Class of each row, [N] int64.
        wanted: Share of each class, [K].
        most: The largest number of rows.
        generator: Chooses them.

    Returns:
        Different rows; the number of each class is its share of the total, rounded down.
    """
    classes = labels.cpu().numpy()
    there = np.bincount(classes, minlength=len(wanted))[: len(wanted)]
    asked = wanted > 0
    total = min(float(most), float((there[asked] / wanted[asked]).min()))
    numbers = np.floor(total * wanted + 1e-9).astype(int)
    rows = [generator.permutation(np.flatnonzero(classes == k))[:n] for k, n in enumerate(numbers) if n]
    return generator.permutation(np.concatenate(rows)) if rows else np.empty(0, dtype=np.int64)
