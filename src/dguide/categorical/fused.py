r"""Guided draws on a CUDA device in two Triton kernels, which read the logits once where the network left them.

A row is summarised tile by tile, a tile is drawn by its sum, and a token within it: see `kernels`. Triton is optional
(`pip install dguide[cuda]`; PyTorch for CUDA brings it along) and not loaded before the first draw.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import Tensor

from .decoding import Decoding
from .rows import DrawRequest, Draws

__all__ = ["TILE", "fast", "serves"]

TILE = 2048
"""Columns of a tile. The same for every number of rows, so that a token never depends on the batch it is drawn in."""

_PER_THREAD = 16
"""Columns of a tile for each thread: two loads of 16 bytes in half precision."""

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)

_SINCE = (3, 3)
"""Earlier versions of Triton, which come with PyTorch before 2.7, do not compile the kernels."""


@cache
def _installed() -> bool:
    for name in ("triton", "pytorch-triton"):
        with contextlib.suppress(PackageNotFoundError):
            major, minor = version(name).split(".")[:2]
            return (int(major), int(minor)) >= _SINCE
    return False


def serves(device: torch.device, dtype: torch.dtype, decoding: Decoding) -> bool:
    """Whether `fast` is for such logits: on a CUDA device with Triton at hand, in at most single precision, not cut."""
    return device.type == "cuda" and dtype in _DTYPES and not decoding.truncates and _installed()


def fast(asked: DrawRequest) -> tuple[Draws, Tensor]:
    """Draws in float32; see `guided_draw`. Returns also which rows it could serve, [N] bool, and does not wait for it.

    Served are rows whose allowed columns hold no NaN or +inf, and where both are asked finite values only, but for
    c = -inf with w > 0. `decoding.truncates` is not looked at.
    """
    count, uniforms = len(asked.cond), asked.uniforms
    token = uniforms.new_zeros(count, dtype=torch.int64)
    served = uniforms.new_ones(count, dtype=torch.bool)
    found = uniforms.new_zeros(8, count)
    if count:
        device = torch.cuda.device(uniforms.device) if uniforms.is_cuda else contextlib.nullcontext()
        with device:
            _launch(asked, (token, served, found))
    log_prob, log_z, log_cond, log_ref, log_tilted, log_max, entropy, margin = found.unbind(0)
    draws = Draws(token, log_prob)
    if asked.partition:
        draws = replace(draws, log_z=log_z, log_cond=log_cond, log_ref=None if asked.ref is None else log_ref)
    if asked.spread:
        draws = replace(draws, log_tilted=log_tilted, log_max=log_max, entropy=entropy, margin=margin)
    return draws, served


def _launch(asked: DrawRequest, results: tuple[Tensor, Tensor, Tensor]) -> None:
    """Run both kernels; `results` are token [N], served [N] and found [8, N] to write to."""
    from . import kernels

    cond, ref, weight, uniforms, decoding, forbidden, partition, spread = asked
    count, vocab = len(cond), cond.values.shape[-1]
    tile, group = _sizes(vocab, cond.values.dtype)
    tiles = -(-vocab // tile)
    tempered = decoding.temperature not in (0, 1)
    slots = kernels.SLOTS if partition or spread or tempered else kernels.FEW_SLOTS
    parts = uniforms.new_empty(count, slots, tiles)
    logits = [
        part
        for rows in (cond, cond if ref is None else ref)
        for part in (rows.values, rows.index.contiguous(), rows.values.stride(0))
    ]
    inputs = [*logits, weight.contiguous(), *_kept(forbidden, vocab, tiles, tile, group), parts]
    scale = _scale(decoding.temperature)
    what = {
        "SLOTS": slots,
        "TILE": tile,
        "TILES": tiles,
        "HAS_REF": ref is not None,
        "GREEDY": decoding.temperature == 0,
        "TEMPERED": tempered,
        "PARTITION": partition,
        "SPREAD": spread,
        "num_warps": max(1, tile // (32 * _PER_THREAD)),
    }
    kernels.summarise[(count * tiles,)](*inputs, scale, GROUP=group, **what)
    kernels.choose[(count,)](*inputs, uniforms.contiguous(), *results, count, scale, PADDED=_power(tiles), **what)


def _sizes(vocab: int, dtype: torch.dtype) -> tuple[int, int]:
    """Columns of a tile, and of what one load brings to a thread (16 bytes)."""
    group = 16 // dtype.itemsize
    return max(group, min(TILE, _power(vocab))), group


def _power(count: int) -> int:
    """The smallest power of two that is not below `count`."""
    return 1 << (count - 1).bit_length()


def _scale(temperature: float) -> float:
    """1 / temperature, kept where a product with it in float32 is neither NaN nor flushed to zero."""
    return 1.0 if temperature == 0 else min(max(1 / temperature, 1e-35), 1e35)


def _kept(forbidden: Tensor, vocab: int, tiles: int, tile: int, group: int) -> tuple[Tensor, Tensor]:
    """Which columns of the tiles count, [tiles * tile], and in which tiles all do, [tiles].

    An entry is as wide as a logit: the load of a narrower one would spread columns over threads in its own way, and
    drag that of the logits along, so that a warp would no longer read them in one piece.
    """
    keep = torch.ones(tiles * tile, dtype=torch.int16 if group == 8 else torch.int32, device=forbidden.device)
    keep[vocab:] = 0
    keep.index_fill_(0, forbidden, 0)
    return keep, keep.view(tiles, tile).amin(-1)
