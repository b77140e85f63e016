r"""Triton kernels of the guided draw: one summary of every tile of a row, then a draw from the summaries and one tile.

Only `fused` imports this module, when it is first asked: it needs Triton, which `import dguide` must not load.

`summarise` runs one program a row and tile and reads both logits once. Of $z = c + w (c - u)$ it leaves the maximum of
the tile and the sum of $\exp(z - \max)$, and with each further statistic its own sum, as float64 in `parts`, of shape
[N, SLOTS, TILES]. `choose` runs one program a row: it picks a tile by these sums, reads that tile again and picks the
token in it by a running sum in float64, so that a token in the tail has its share of a tile beside any head.

A column that float32 would get wrong becomes z = +inf: the maximum, which is needed anyway, then tells of it.
"""

# mypy: ignore-errors
from __future__ import annotations

import triton
import triton.language as tl

from .kernel_parts import FAR, INF, exp, finite, first_above, largest, load_pair, pull_of, sum_of, tilt

__all__ = ["FEW_SLOTS", "SLOTS", "choose", "summarise"]

# What `parts` holds of a tile.
TOP = tl.constexpr(0)  # max z
MASS = tl.constexpr(1)  # sum exp((z - max z) / temperature)
PLAIN = tl.constexpr(2)  # the same at temperature 1, if that is another
LEAN = tl.constexpr(3)  # sum (z - max z) exp(z - max z)
SECOND = tl.constexpr(4)  # the largest z but one
COND_TOP = tl.constexpr(5)
COND_MASS = tl.constexpr(6)
REF_TOP = tl.constexpr(7)
REF_MASS = tl.constexpr(8)
FEW_SLOTS, SLOTS = 2, 9

# What `found` holds of a row, in the order of the attributes of `Draws`.
LOG_PROB = tl.constexpr(0)
LOG_Z = tl.constexpr(1)
LOG_COND = tl.constexpr(2)
LOG_REF = tl.constexpr(3)
LOG_TILTED = tl.constexpr(4)
LOG_MAX = tl.constexpr(5)
ENTROPY = tl.constexpr(6)
MARGIN = tl.constexpr(7)


@triton.jit
def _tile(cond, ref, weight, keep, whole, tile, TILE: tl.constexpr, HAS_REF: tl.constexpr):
    """z, c, u of a tile: -inf in columns that do not count; z = +inf in those that float32 would get wrong."""
    columns = tile * TILE + tl.arange(0, TILE)
    whole = tl.load(whole + tile) != 0
    c, u = load_pair(cond, ref, keep, whole, columns, HAS_REF)
    if HAS_REF:
        from_ref, pull, nothing = pull_of(weight)
        z = tilt(c, u, from_ref, pull)
        right = (tl.abs(u) < INF) & ((tl.abs(z) < INF) | (c <= nothing))
    else:
        z = c
        right = c < INF
    z = tl.where(right, z, INF)
    if not whole:
        counts = tl.load(keep + columns) != 0
        z = tl.where(counts, z, -INF)
        c = tl.where(counts, c, -INF)
        u = tl.where(counts, u, -INF)
    return z, c, u


@triton.jit
def _log_sum(parts, at, here, TILES: tl.constexpr, TOP_SLOT: tl.constexpr, MASS_SLOT: tl.constexpr):
    """Log of the sum of the exponentials over all tiles."""
    top = tl.load(parts + TOP_SLOT * TILES + at, mask=here, other=-INF)
    mass = tl.load(parts + MASS_SLOT * TILES + at, mask=here, other=0.0)
    best = finite(tl.max(top, 0))
    return best + tl.log(tl.sum(mass * tl.exp(top - best), 0))


@triton.jit
def summarise(
    cond,
    cond_index,
    cond_stride,
    ref,
    ref_index,
    ref_stride,
    weight,
    keep,
    whole,
    parts,
    scale,
    SLOTS: tl.constexpr,
    TILE: tl.constexpr,
    TILES: tl.constexpr,
    GROUP: tl.constexpr,
    HAS_REF: tl.constexpr,
    GREEDY: tl.constexpr,
    TEMPERED: tl.constexpr,
    PARTITION: tl.constexpr,
    SPREAD: tl.constexpr,
):
    """The entries of `parts` of one tile of one row."""
    program = tl.program_id(0)
    row = (program // TILES).to(tl.int64)
    tile = program % TILES
    cond += tl.load(cond_index + row) * cond_stride
    w = 0.0
    if HAS_REF:
        ref += tl.load(ref_index + row) * ref_stride
        w = tl.load(weight + row)
    z, c, u = _tile(cond, ref, w, keep, whole, tile, TILE, HAS_REF)
    top = largest(z, GROUP)
    parts += row * SLOTS * TILES + tile
    tl.store(parts + TOP * TILES, top.to(tl.float64))
    below = z - finite(top)
    if TEMPERED:
        tl.store(parts + MASS * TILES, sum_of(exp(below, scale), GROUP))
    if (PARTITION or SPREAD) or not (GREEDY or TEMPERED):
        each = exp(below, 1.0)
        if TEMPERED:
            tl.store(parts + PLAIN * TILES, sum_of(each, GROUP))
        else:
            tl.store(parts + MASS * TILES, sum_of(each, GROUP))
        if SPREAD:
            tl.store(parts + LEAN * TILES, sum_of(tl.where(each > 0, each * below, 0.0), GROUP))
            highest = z == top
            runner = largest(tl.where(highest, -INF, z), GROUP)
            several = tl.sum(highest.to(tl.int32), 0) > 1
            tl.store(parts + SECOND * TILES, tl.where(several, top, runner).to(tl.float64))
    if PARTITION and HAS_REF:
        cond_top = largest(c, GROUP)
        tl.store(parts + COND_TOP * TILES, cond_top.to(tl.float64))
        tl.store(parts + COND_MASS * TILES, sum_of(exp(c - finite(cond_top), 1.0), GROUP))
        ref_top = largest(u, GROUP)
        tl.store(parts + REF_TOP * TILES, ref_top.to(tl.float64))
        tl.store(parts + REF_MASS * TILES, sum_of(exp(u - finite(ref_top), 1.0), GROUP))


@triton.jit
def choose(
    cond,
    cond_index,
    cond_stride,
    ref,
    ref_index,
    ref_stride,
    weight,
    keep,
    whole,
    parts,
    uniforms,
    token,
    served,
    found,
    rows,
    scale,
    SLOTS: tl.constexpr,
    TILE: tl.constexpr,
    TILES: tl.constexpr,
    PADDED: tl.constexpr,
    HAS_REF: tl.constexpr,
    GREEDY: tl.constexpr,
    TEMPERED: tl.constexpr,
    PARTITION: tl.constexpr,
    SPREAD: tl.constexpr,
):
    """Token, whether the row was fit for float32, and the entries of `found`, [8, N], of one row."""
    row = tl.program_id(0).to(tl.int64)
    parts += row * SLOTS * TILES
    at = tl.arange(0, PADDED)
    here = at < TILES
    top = tl.load(parts + TOP * TILES + at, mask=here, other=-INF)
    best = tl.max(top, 0)
    right = (best < INF) & (best > FAR)
    best = tl.where(right, best, 0.0)
    lift = top - best
    first_best = tl.min(tl.where(top == best, at, TILES - 1), 0)
    if GREEDY:
        tile = first_best
        into = 0.0
        total = 1.0
    else:
        mass = tl.load(parts + MASS * TILES + at, mask=here, other=0.0)
        tile, into, total = first_above(mass * tl.exp(lift * scale), tl.load(uniforms + row), at)

    cond += tl.load(cond_index + row) * cond_stride
    w = 0.0
    if HAS_REF:
        ref += tl.load(ref_index + row) * ref_stride
        w = tl.load(weight + row)
    z, _, _ = _tile(cond, ref, w, keep, whole, tile, TILE, HAS_REF)
    columns = tile * TILE + tl.arange(0, TILE)
    peak = tl.max(z, 0)
    if GREEDY:
        column = tl.min(tl.where(z == peak, columns, TILES * TILE), 0)
    else:
        each = exp(z - finite(peak), scale).to(tl.float64)
        column, _, _ = first_above(each, into, columns)
    column = tl.where(right, column, 0)
    tl.store(token + row, column.to(tl.int64))
    tl.store(served + row, right)

    c_at = tl.load(cond + column).to(tl.float32)
    z_at = c_at
    if HAS_REF:
        u_at = tl.load(ref + column).to(tl.float32)
        from_ref, pull, _ = pull_of(w)
        z_at = tilt(c_at, u_at, from_ref, pull)
    below = z_at.to(tl.float64) - best
    found += row
    if GREEDY:
        tl.store(found + LOG_PROB * rows, 0.0)
    else:
        tl.store(found + LOG_PROB * rows, below * scale - tl.log(total))
    if PARTITION or SPREAD:
        if TEMPERED:
            mass = tl.load(parts + PLAIN * TILES + at, mask=here, other=0.0)
        else:
            mass = tl.load(parts + MASS * TILES + at, mask=here, other=0.0)
        share = tl.exp(lift)
        total = tl.sum(mass * share, 0)
        log_total = tl.log(total)
    if PARTITION:
        if HAS_REF:
            log_cond = _log_sum(parts, at, here, TILES, COND_TOP, COND_MASS)
            log_ref = _log_sum(parts, at, here, TILES, REF_TOP, REF_MASS)
            tl.store(found + LOG_Z * rows, best + log_total - (1 + w) * log_cond + w * log_ref)
            tl.store(found + LOG_COND * rows, c_at.to(tl.float64) - log_cond)
            tl.store(found + LOG_REF * rows, u_at.to(tl.float64) - log_ref)
        else:
            tl.store(found + LOG_Z * rows, 0.0)
            tl.store(found + LOG_COND * rows, below - log_total)
    if SPREAD:
        lean = tl.load(parts + LEAN * TILES + at, mask=here, other=0.0)
        moment = tl.sum(tl.where(share > 0, share * (lean + lift * mass), 0.0), 0)
        second = tl.load(parts + SECOND * TILES + first_best)
        runner = tl.maximum(tl.max(tl.where(at == first_best, -INF, top), 0), second)
        tl.store(found + LOG_TILTED * rows, below - log_total)
        tl.store(found + LOG_MAX * rows, -log_total)
        tl.store(found + ENTROPY * rows, log_total - moment / total)
        tl.store(found + MARGIN * rows, (1 - tl.exp(runner - best)) / total)
