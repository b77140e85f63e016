r"""Triton kernels of jumps on a floor: what a row says of who leaves, then, where it is asked for, the landing.

Only `floored_fused` imports this module. `floor` has the symbols, and says why all of this is stable.

`survey` runs one program a row and tile and reads both predictions once: of each it leaves the largest logit of the
tile but that of the present token, and the sum of $e$ relative to it. `gather` makes S, $\log e_x$ and the largest
logit of a row of them. `weigh` reads the rows again and leaves of $T = A\, 2^p$, with $p = w \log_2 (A / B)$, the
largest p of each tile and the sum of T relative to it. `land` sums them over a row; it picks a tile by its sum and a
token in the tile as `kernels.choose` does.

Elements are float32, sums of tiles and all that is made of them float64. A largest value of +inf tells of what is not
served.
"""

# mypy: ignore-errors
from __future__ import annotations

import triton
import triton.language as tl

from ..floor import LOWEST_TOTAL
from .kernel_parts import INF, exp, finite, first_above, largest, load_pair, pull_of, sum_of, tilt

__all__ = ["SLOTS", "gather", "land", "survey", "weigh"]

# What `parts` holds of a tile, and of each prediction in it.
TOP = tl.constexpr(0)
MASS = tl.constexpr(1)
SLOTS = 2

# What `known` holds of each prediction of a row, and what `found` holds of the row.
REST = tl.constexpr(0)
HERE = tl.constexpr(1)
HIGHEST = tl.constexpr(2)
TOTAL = tl.constexpr(0)
POWER = tl.constexpr(1)
SHARE = tl.constexpr(2)

LOG2E = tl.constexpr(1.4426950408889634)
LEAST_TOTAL = tl.constexpr(LOWEST_TOTAL)


@triton.jit
def _others(cond, ref, present, keep, whole, tile, TILE: tl.constexpr, HAS_REF: tl.constexpr):
    """Columns of a tile, which of them are allowed and not of the present token, and c and u, -inf in all others."""
    columns = tile * TILE + tl.arange(0, TILE)
    whole = tl.load(whole + tile) != 0
    c, u = load_pair(cond, ref, keep, whole, columns, HAS_REF)
    others = columns != present.to(tl.int32)
    if not whole:
        others = others & (tl.load(keep + columns) != 0)
    return columns, others, tl.where(others, c, -INF), tl.where(others, u, -INF)


@triton.jit
def _leave(parts, values, TILES: tl.constexpr, GROUP: tl.constexpr):
    """Write the largest of the values, +inf if one is NaN or +inf, and the sum of their exponentials."""
    top = largest(tl.where(values < INF, values, INF), GROUP)
    tl.store(parts + TOP * TILES, top.to(tl.float64))
    tl.store(parts + MASS * TILES, sum_of(exp(values - finite(top), 1.0), GROUP))


@triton.jit
def survey(
    cond,
    cond_index,
    cond_stride,
    ref,
    ref_index,
    ref_stride,
    present,
    keep,
    whole,
    parts,
    SLOTS: tl.constexpr,
    TILE: tl.constexpr,
    TILES: tl.constexpr,
    GROUP: tl.constexpr,
    HAS_REF: tl.constexpr,
):
    """The entries of `parts`, [N, P, SLOTS, TILES], of one tile of one row."""
    program = tl.program_id(0)
    row = (program // TILES).to(tl.int64)
    tile = program % TILES
    cond += tl.load(cond_index + row) * cond_stride
    if HAS_REF:
        ref += tl.load(ref_index + row) * ref_stride
    _, _, c, u = _others(cond, ref, tl.load(present + row), keep, whole, tile, TILE, HAS_REF)
    parts += row * (2 if HAS_REF else 1) * SLOTS * TILES + tile
    _leave(parts, c, TILES, GROUP)
    if HAS_REF:
        _leave(parts + SLOTS * TILES, u, TILES, GROUP)


@triton.jit
def _of_a_row(parts, logits, present, allowed, at, here, TILES: tl.constexpr):
    """S, log e_x and the largest logit of the others of one prediction."""
    top = tl.load(parts + TOP * TILES + at, mask=here, other=-INF)
    mass = tl.load(parts + MASS * TILES + at, mask=here, other=0.0)
    best = tl.max(top, 0)
    own = tl.load(logits + present).to(tl.float32).to(tl.float64)
    return tl.sum(mass * tl.exp(top - finite(best)), 0), tl.where(allowed, own - best, -INF), best


@triton.jit
def gather(
    cond,
    cond_index,
    cond_stride,
    ref,
    ref_index,
    ref_stride,
    present,
    keep,
    parts,
    known,
    rows,
    SLOTS: tl.constexpr,
    TILES: tl.constexpr,
    PADDED: tl.constexpr,
    HAS_REF: tl.constexpr,
):
    """The entries of `known`, [3, P, N], of one row."""
    row = tl.program_id(0).to(tl.int64)
    count = 2 if HAS_REF else 1
    x = tl.load(present + row)
    allowed = tl.load(keep + x) != 0
    parts += row * count * SLOTS * TILES
    at = tl.arange(0, PADDED)
    here = at < TILES
    cond += tl.load(cond_index + row) * cond_stride
    rest, log_here, best = _of_a_row(parts, cond, x, allowed, at, here, TILES)
    known += row
    tl.store(known + REST * count * rows, rest)
    tl.store(known + HERE * count * rows, log_here)
    tl.store(known + HIGHEST * count * rows, best)
    if HAS_REF:
        ref += tl.load(ref_index + row) * ref_stride
        rest, log_here, best = _of_a_row(parts + SLOTS * TILES, ref, x, allowed, at, here, TILES)
        tl.store(known + (REST * count + 1) * rows, rest)
        tl.store(known + (HERE * count + 1) * rows, log_here)
        tl.store(known + (HIGHEST * count + 1) * rows, best)


@triton.jit
def _on_the_floor(e, scales, grounds):
    """A from e."""
    return exp(e, 1.0) * tl.load(scales).to(tl.float32) + tl.load(grounds).to(tl.float32)


@triton.jit
def _weights(
    cond,
    ref,
    weight,
    present,
    keep,
    whole,
    top,
    scales,
    grounds,
    rows,
    vocab,
    tile,
    TILE: tl.constexpr,
    HAS_REF: tl.constexpr,
    BARE: tl.constexpr,
):
    """Columns of a tile, and A and p of each: p is -inf where nothing lands, and +inf where float32 would get it wrong.

    Without a floor (`BARE`) A is 1, and p is taken from the logits themselves, as masks do.
    """
    columns, others, c, u = _others(cond, ref, present, keep, whole, tile, TILE, HAS_REF)
    c = c - tl.load(top).to(tl.float32)
    if HAS_REF:
        u = u - tl.load(top + rows).to(tl.float32)
    if BARE:
        a = tl.full(c.shape, 1.0, tl.float32)
        p = c
        if HAS_REF:
            from_ref, pull, nothing = pull_of(weight)
            z = tilt(c, u, from_ref, pull)
            right = (tl.abs(u) < INF) & ((tl.abs(z) < INF) | (c <= nothing))
            p = tl.where(right, z, INF)
        p = tl.where(others, p * LOG2E, -INF)
    else:
        a = _on_the_floor(c, scales, grounds)
        p = tl.zeros_like(c)
        if HAS_REF:
            b = _on_the_floor(u, scales + rows, grounds + rows)
            p = weight.to(tl.float32) * tl.log2(a / b)
        p = tl.where((columns < vocab) & (columns != present.to(tl.int32)), p, -INF)
    return columns, a, p


@triton.jit
def weigh(
    cond,
    cond_index,
    cond_stride,
    ref,
    ref_index,
    ref_stride,
    weight,
    present,
    keep,
    whole,
    top,
    scales,
    grounds,
    parts,
    rows,
    vocab,
    SLOTS: tl.constexpr,
    TILE: tl.constexpr,
    TILES: tl.constexpr,
    GROUP: tl.constexpr,
    HAS_REF: tl.constexpr,
    BARE: tl.constexpr,
):
    """The entries of `parts`, [N, SLOTS, TILES], of the weights T of one tile of one row."""
    program = tl.program_id(0)
    row = (program // TILES).to(tl.int64)
    tile = program % TILES
    cond += tl.load(cond_index + row) * cond_stride
    w = 0.0
    if HAS_REF:
        ref += tl.load(ref_index + row) * ref_stride
        w = tl.load(weight + row)
    x = tl.load(present + row)
    of = (top + row, scales + row, grounds + row)
    _, a, p = _weights(cond, ref, w, x, keep, whole, of[0], of[1], of[2], rows, vocab, tile, TILE, HAS_REF, BARE)
    high = largest(p, GROUP)
    parts += row * SLOTS * TILES + tile
    tl.store(parts + TOP * TILES, high.to(tl.float64))
    tl.store(parts + MASS * TILES, sum_of(a * tl.exp2(p - finite(high)), GROUP))


@triton.jit
def land(
    cond,
    cond_index,
    cond_stride,
    ref,
    ref_index,
    ref_stride,
    weight,
    present,
    keep,
    whole,
    top,
    scales,
    grounds,
    parts,
    uniforms,
    token,
    served,
    found,
    rows,
    vocab,
    SLOTS: tl.constexpr,
    TILE: tl.constexpr,
    TILES: tl.constexpr,
    PADDED: tl.constexpr,
    HAS_REF: tl.constexpr,
    BARE: tl.constexpr,
    DRAWS: tl.constexpr,
):
    """The entries of `found`, [3, N], of one row, whether it was fit for float32, and if `DRAWS` its token."""
    row = tl.program_id(0).to(tl.int64)
    parts += row * SLOTS * TILES
    at = tl.arange(0, PADDED)
    here = at < TILES
    powers = tl.load(parts + TOP * TILES + at, mask=here, other=-INF)
    mass = tl.load(parts + MASS * TILES + at, mask=here, other=0.0)
    best = tl.max(powers, 0)
    share = mass * tl.exp2(powers - finite(best))
    total = tl.sum(share, 0)
    right = (best < INF) & (total >= LEAST_TOTAL) & (total < INF)
    found += row
    tl.store(found + TOTAL * rows, total)
    tl.store(found + POWER * rows, best)
    tl.store(served + row, right)
    if DRAWS:
        tile, into, _ = first_above(tl.where(right, share, 1.0), tl.load(uniforms + row), at)
        tile = tl.where(right, tile, 0)
        cond += tl.load(cond_index + row) * cond_stride
        w = 0.0
        if HAS_REF:
            ref += tl.load(ref_index + row) * ref_stride
            w = tl.load(weight + row)
        x = tl.load(present + row)
        of = (top + row, scales + row, grounds + row)
        columns, a, p = _weights(
            cond, ref, w, x, keep, whole, of[0], of[1], of[2], rows, vocab, tile, TILE, HAS_REF, BARE
        )
        high = finite(tl.max(p, 0))
        each = (a * tl.exp2(p - high)).to(tl.float64)
        column, _, _ = first_above(each, into, columns)
        own = tl.sum(tl.where(columns == column, each, 0.0), 0)
        tl.store(found + SHARE * rows, own * tl.exp2(high.to(tl.float64) - finite(best)))
        tl.store(token + row, tl.where(right, column, 0).to(tl.int64))
