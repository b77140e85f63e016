"""How the Triton kernels cut rows of logits into tiles, and whether there is a Triton to compile them."""

from __future__ import annotations

import contextlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor

from ..rows import LogitRows

__all__ = ["TILE", "Tiling", "installed", "pointers", "power_of_two", "serves"]

TILE = 2048
"""Columns of a tile. The same for every number of rows, so that a token never depends on the batch it is drawn in."""

_PER_THREAD = 16
"""Columns of a tile for each thread: two loads of 16 bytes in half precision."""

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)

_SINCE = (3, 3)
"""Earlier versions of Triton, which come with PyTorch before 2.7, do not compile the kernels."""


@cache
def installed() -> bool:
    """Whether there is a Triton that compiles the kernels."""
    for name in ("triton", "pytorch-triton"):
        with contextlib.suppress(PackageNotFoundError):
            major, minor = version(name).split(".")[:2]
            return (int(major), int(minor)) >= _SINCE
    return False


def serves(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernels are for such logits: on a CUDA device with Triton at hand, in at most single precision."""
    return device.type == "cuda" and dtype in _DTYPES and installed()


def power_of_two(count: int) -> int:
    """The smallest power of two that is not below `count`."""
    return 1 << (count - 1).bit_length()


def pointers(cond: LogitRows, ref: LogitRows | None) -> list[Tensor | int]:
    """Where the rows of c and u are, as the kernels ask for it: values, index and stride of each."""
    both = (cond, cond if ref is None else ref)
    return [part for rows in both for part in (rows.values, rows.index.contiguous(), rows.values.stride(0))]


class Tiling:
    """The tiles of rows of V columns.

    Attributes:
        tile: columns of a tile.
        tiles: how many there are in a row.
        group: columns that one load of 16 bytes brings to a thread.
        warps: how many warps read a tile.
        kept: which columns of the tiles count, [tiles * tile], and in which tiles all do, [tiles].
    """

    def __init__(self, rows: LogitRows, forbidden: Tensor) -> None:
        vocab = rows.values.shape[-1]
        self.group = 16 // rows.values.dtype.itemsize
        self.tile = max(self.group, min(TILE, power_of_two(vocab)))
        self.tiles = -(-vocab // self.tile)
        self.warps = max(1, self.tile // (32 * _PER_THREAD))
        # An entry is as wide as a logit: the load of a narrower one would spread columns over threads in its own way,
        # and drag that of the logits along, so that a warp would no longer read them in one piece.
        wide = torch.int16 if self.group == 8 else torch.int32
        keep = torch.ones(self.tiles * self.tile, dtype=wide, device=forbidden.device)
        keep[vocab:] = 0
        keep.index_fill_(0, forbidden, 0)
        self.kept = keep, keep.view(self.tiles, self.tile).amin(-1)
