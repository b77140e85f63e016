"""Sums and draws of jumps on a floor on a CUDA device in four Triton kernels: see `floored_kernels`, and `floor`.

Two of them say how strongly rows leave, and read each logit once. The other two say what rows land on; they read the
rows again, since what they add up is known only once all of a row has been read.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import torch
from torch import Tensor

from ..floor import MOST_HERE, FlooredRequest, Sums
from .tiling import Tiling, pointers, power_of_two

__all__ = ["fast"]


def fast(asked: FlooredRequest) -> Sums:
    """Sums of rows in float32 or half precision; does not wait for the device."""
    device = asked.weight.device
    with torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
        cut = Tiling(asked.cond, asked.forbidden)
        known = _surveyed(asked, cut) if asked.known is None else asked.known
        rest, here, top = known.unbind(0)
        served = ((rest > 0) & rest.isfinite() & (here < MOST_HERE)).all(0)
        sums = Sums(rest, here, top, None, None, None, None, served)
        return _landed(asked, cut, sums) if asked.partition or asked.uniforms is not None else sums


def _surveyed(asked: FlooredRequest, cut: Tiling) -> Tensor:
    """S, log e_x and the largest logit but that of x, [3, P, N] float64."""
    from . import floored_kernels as kernels

    count, many = len(asked.cond), len(asked.predictions)
    parts = asked.weight.new_empty(count, many, kernels.SLOTS, cut.tiles)
    known = asked.weight.new_empty(3, many, count)
    keep, whole = cut.kept
    rows = [*pointers(asked.cond, asked.ref), asked.present.contiguous(), keep]
    what = {"SLOTS": kernels.SLOTS, "TILES": cut.tiles, "HAS_REF": many == 2, "num_warps": cut.warps}
    kernels.survey[(count * cut.tiles,)](*rows, whole, parts, TILE=cut.tile, GROUP=cut.group, **what)
    kernels.gather[(count,)](*rows, parts, known, count, PADDED=power_of_two(cut.tiles), **what)
    return known


def _landed(asked: FlooredRequest, cut: Tiling, sums: Sums) -> Sums:
    """The sums with those of T, and what is drawn from it."""
    from . import floored_kernels as kernels

    count, vocab, weight = len(asked.cond), asked.cond.values.shape[-1], asked.weight
    bare = asked.floor.share == 0
    scale, ground, well = sums.scaled(asked.floor)
    parts, found = weight.new_empty(count, kernels.SLOTS, cut.tiles), weight.new_zeros(3, count)
    token = weight.new_zeros(count, dtype=torch.int64)
    served = weight.new_ones(count, dtype=torch.bool)
    uniforms = weight if asked.uniforms is None else asked.uniforms
    given = [*pointers(asked.cond, asked.ref), weight.contiguous(), asked.present.contiguous(), *cut.kept]
    given += [x.contiguous() for x in (sums.top, scale, ground)]
    what: dict[str, Any] = {"SLOTS": kernels.SLOTS, "TILE": cut.tile, "TILES": cut.tiles, "BARE": bare}
    what |= {"HAS_REF": asked.ref is not None, "num_warps": cut.warps}
    results = (uniforms.contiguous(), token, served, found)
    kernels.weigh[(count * cut.tiles,)](*given, parts, count, vocab, GROUP=cut.group, **what)
    kernels.land[(count,)](
        *given, parts, *results, count, vocab, PADDED=power_of_two(cut.tiles), DRAWS=asked.uniforms is not None, **what
    )
    total, power, share = found.unbind(0)
    lift = power * math.log(2)
    if not bare:
        lift, served = lift - asked.tilt(scale.log()), served & well
    drawn = (None, None) if asked.uniforms is None else (token, share)
    return sums._replace(total=total, lift=lift, token=drawn[0], share=drawn[1], served=sums.served & served)
