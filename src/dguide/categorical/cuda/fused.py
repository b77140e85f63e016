r"""Guided draws on a CUDA device in two Triton kernels, which read the logits once where the network left them.

A row is summarised tile by tile, a tile is drawn by its sum, and a token within it: see `kernels`. Triton is optional
(`pip install dguide[cuda]`; PyTorch for CUDA brings it along) and not loaded before the first draw.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

import torch
from torch import Tensor

from ..decoding import Decoding
from ..rows import DrawRequest, Draws
from . import tiling
from .tiling import Tiling, pointers, power_of_two

__all__ = ["fast", "serves"]


def serves(device: torch.device, dtype: torch.dtype, decoding: Decoding) -> bool:
    """Whether `fast` is for such logits: on a CUDA device with Triton at hand, in at most single precision, not cut."""
    return tiling.serves(device, dtype) and not decoding.truncates


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
    count, cut = len(cond), Tiling(cond, forbidden)
    tiles = cut.tiles
    tempered = decoding.temperature not in (0, 1)
    slots = kernels.SLOTS if partition or spread or tempered else kernels.FEW_SLOTS
    parts = uniforms.new_empty(count, slots, tiles)
    inputs = [*pointers(cond, ref), weight.contiguous(), *cut.kept, parts]
    scale = _scale(decoding.temperature)
    what = {
        "SLOTS": slots,
        "TILE": cut.tile,
        "TILES": tiles,
        "HAS_REF": ref is not None,
        "GREEDY": decoding.temperature == 0,
        "TEMPERED": tempered,
        "PARTITION": partition,
        "SPREAD": spread,
        "num_warps": cut.warps,
    }
    kernels.summarise[(count * tiles,)](*inputs, scale, GROUP=cut.group, **what)
    kernels.choose[(count,)](*inputs, uniforms.contiguous(), *results, count, scale, PADDED=power_of_two(tiles), **what)


def _scale(temperature: float) -> float:
    """1 / temperature, kept where a product with it in float32 is neither NaN nor flushed to zero."""
    return 1.0 if temperature == 0 else min(max(1 / temperature, 1e-35), 1e35)
