r"""Triton kernels of the guided draw: one summary of every tile of a row, then a draw from the summaries and one tile.

Only `fused` imports this module, when it is first asked: it needs Triton, which `import dguide` must not load.

`summarise` runs one program a row and tile and reads both logits once. Of $z = c + w (c - u)$ it leaves the maximum of
the tile and the sum of $\exp(z - \max)$, and with each further statistic its own sum, as float64 in `parts`, of shape
[N, SLOTS, tiles]. `choose` runs one program a row: it picks a tile by these sums, reads that tile again and picks the
token in it. Sums are float32 over the few neighbours that one load brings to a thread, float64 beyond: of positive
terms, so that is exact to a few roundings of float32, which every exp(z) has anyway, and costs a conversion and an
addition in float64 for 8 (half precision) or 4 columns only; cards with hardly any float64 units do not feel it either.

What is wrong in an allowed column becomes z = +inf: the maximum, which is needed anyway, then tells of it.
"""

# mypy: ignore-errors
from __future__ import annotations

import triton
import triton.language as tl

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

INF = tl.constexpr(float("inf"))


@triton.jit
def _pull(weight):
    """How z is built from c, u and w: from u for w < -1/2, from c otherwise; so w = -1 is u and w = 0 is c exactly."""
    from_ref = weight < -0.5
    return from_ref, tl.where(from_ref, 1 + weight, weight).to(tl.float32)


@triton.jit
def _tilt(c, u, from_ref, pull):
    """c + w (c - u); +inf where the answer in float32 would be wrong, be it NaN or not.

    c = -inf beside a finite u is right, as weight zero, for w > 0.
    """
    apart = c - u
    z = tl.fma(apart, tl.zeros_like(apart) + pull, tl.where(from_ref, u, c))
    right = (tl.abs(u) < INF) & ((tl.abs(apart) < INF) | (c == -INF)) & (z < INF)
    return tl.where(right, z, INF)


@triton.jit
def _logits(rows, columns, live):
    return tl.load(rows + columns, mask=live, other=0.0, eviction_policy="evict_first").to(tl.float32)


@triton.jit
def _tile(cond, ref, columns, from_ref, pull, banned, banned_tiles, tile, vocab, HAS_REF, HAS_BANNED):
    """z, c, u of a tile, and which of its columns count; z = -inf in all others."""
    keep = columns < vocab
    c = _logits(cond, columns, keep)
    u = c
    if HAS_REF:
        u = _logits(ref, columns, keep)
        z = _tilt(c, u, from_ref, pull)
    else:
        z = tl.where(c < INF, c, INF)
    if HAS_BANNED:
        # Hardly any tile has a forbidden column: the others load nothing here.
        some = tl.load(banned_tiles + tile) != 0
        keep = keep & (tl.load(banned + columns, mask=keep & some, other=0) == 0)
    return tl.where(keep, z, -INF), c, u, keep


@triton.jit
def _finite(top):
    """A maximum that can be subtracted."""
    return tl.where(top == -INF, 0.0, top)


@triton.jit
def _sum(terms, GROUP: tl.constexpr):
    few = tl.sum(tl.reshape(terms, (terms.shape[0] // GROUP, GROUP)), 1)
    return tl.sum(few.to(tl.float64), 0)


@triton.jit
def _log_sum(parts, at, tiles, here, TOP_SLOT, MASS_SLOT):
    """Log of the sum of the exponentials over all tiles."""
    top = tl.load(parts + TOP_SLOT * tiles + at, mask=here, other=-INF)
    mass = tl.load(parts + MASS_SLOT * tiles + at, mask=here, other=0.0)
    best = _finite(tl.max(top, 0))
    return best + tl.log(tl.sum(mass * tl.exp(top - best), 0))


@triton.jit
def _first_above(weights, share, positions):
    """First position whose cumulative weight exceeds the share of the total, how far into it that is, and the total.

    A running sum that is computed in parallel may fall by a rounding: only a positive weight is ever taken, and the
    last of them where rounding leads to the total itself.
    """
    running = tl.cumsum(weights, 0)
    total = tl.max(running, 0)
    target = share * total
    last = tl.max(tl.where(weights > 0, positions, 0), 0)
    first = tl.min(tl.where((weights > 0) & (running > target), positions, last), 0)
    own = tl.sum(tl.where(positions == first, weights, 0.0), 0)
    before = tl.sum(tl.where(positions == first, running, 0.0), 0) - own
    into = (target - before) / tl.where(own > 0, own, 1.0)
    return first, tl.minimum(tl.maximum(into, 0.0), 1.0), total


@triton.jit
def summarise(
    cond,
    cond_index,
    cond_stride,
    ref,
    ref_index,
    ref_stride,
    weight,
    banned,
    banned_tiles,
    parts,
    vocab,
    tiles,
    scale,
    SLOTS: tl.constexpr,
    TILE: tl.constexpr,
    GROUP: tl.constexpr,
    HAS_REF: tl.constexpr,
    HAS_BANNED: tl.constexpr,
    GREEDY: tl.constexpr,
    TEMPERED: tl.constexpr,
    PARTITION: tl.constexpr,
    SPREAD: tl.constexpr,
):
    """The entries of `parts` of one tile of one row."""
    program = tl.program_id(0)
    row = (program // tiles).to(tl.int64)
    tile = program % tiles
    columns = tile * TILE + tl.arange(0, TILE)
    cond += tl.load(cond_index + row) * cond_stride
    if HAS_REF:
        ref += tl.load(ref_index + row) * ref_stride
        from_ref, pull = _pull(tl.load(weight + row))
    else:
        from_ref, pull = False, 0.0
    z, c, u, keep = _tile(
        cond, ref, columns, from_ref, pull, banned, banned_tiles, tile, vocab, HAS_REF, HAS_BANNED
    )
    top = tl.max(z, 0)
    parts += row * SLOTS * tiles + tile
    tl.store(parts + TOP * tiles, top.to(tl.float64))
    below = z - _finite(top)
    if TEMPERED:
        tl.store(parts + MASS * tiles, _sum(tl.exp(below * scale), GROUP))
    if PARTITION or SPREAD or not (GREEDY or TEMPERED):
        each = tl.exp(below)
        if TEMPERED:
            tl.store(parts + PLAIN * tiles, _sum(each, GROUP))
        else:
            tl.store(parts + MASS * tiles, _sum(each, GROUP))
        if SPREAD:
            tl.store(parts + LEAN * tiles, _sum(tl.where(each > 0, each * below, 0.0), GROUP))
            highest = z == top
            runner = tl.max(tl.where(highest, -INF, z), 0)
            several = tl.sum(highest.to(tl.int32), 0) > 1
            tl.store(parts + SECOND * tiles, tl.where(several, top, runner).to(tl.float64))
    if PARTITION and HAS_REF:
        c = tl.where(keep, c, -INF)
        cond_top = tl.max(c, 0)
        tl.store(parts + COND_TOP * tiles, cond_top.to(tl.float64))
        tl.store(parts + COND_MASS * tiles, _sum(tl.exp(c - _finite(cond_top)), GROUP))
        u = tl.where(keep, u, -INF)
        ref_top = tl.max(u, 0)
        tl.store(parts + REF_TOP * tiles, ref_top.to(tl.float64))
        tl.store(parts + REF_MASS * tiles, _sum(tl.exp(u - _finite(ref_top)), GROUP))


@triton.jit
def choose(
    cond,
    cond_index,
    cond_stride,
    ref,
    ref_index,
    ref_stride,
    weight,
    banned,
    banned_tiles,
    parts,
    uniforms,
    token,
    served,
    found,
    rows,
    vocab,
    tiles,
    scale,
    SLOTS: tl.constexpr,
    TILE: tl.constexpr,
    TILES: tl.constexpr,
    HAS_REF: tl.constexpr,
    HAS_BANNED: tl.constexpr,
    GREEDY: tl.constexpr,
    TEMPERED: tl.constexpr,
    PARTITION: tl.constexpr,
    SPREAD: tl.constexpr,
):
    """Token, whether the row was fit for float32, and the entries of `found`, [8, N], of one row."""
    row = tl.program_id(0).to(tl.int64)
    parts += row * SLOTS * tiles
    at = tl.arange(0, TILES)
    here = at < tiles
    top = tl.load(parts + TOP * tiles + at, mask=here, other=-INF)
    best = tl.max(top, 0)
    right = (best < INF) & (best > -INF)
    best = tl.where(right, best, 0.0)
    lift = top - best
    first_best = tl.min(tl.where(top == best, at, tiles - 1), 0)
    if GREEDY:
        tile = first_best
        into = 0.0
        total = 1.0
    else:
        mass = tl.load(parts + MASS * tiles + at, mask=here, other=0.0)
        tile, into, total = _first_above(mass * tl.exp(lift * scale), tl.load(uniforms + row), at)

    cond += tl.load(cond_index + row) * cond_stride
    w = tl.load(weight + row)
    from_ref, pull = _pull(w)
    if HAS_REF:
        ref += tl.load(ref_index + row) * ref_stride
    columns = tile * TILE + tl.arange(0, TILE)
    z, _, _, _ = _tile(cond, ref, columns, from_ref, pull, banned, banned_tiles, tile, vocab, HAS_REF, HAS_BANNED)
    peak = tl.max(z, 0)
    if GREEDY:
        column = tl.min(tl.where(z == peak, columns, vocab - 1), 0)
    else:
        each = tl.exp((z - _finite(peak)) * scale).to(tl.float64)
        column, _, _ = _first_above(each, into, columns)
    column = tl.where(right, column, 0)
    tl.store(token + row, column.to(tl.int64))
    tl.store(served + row, right)

    c_at = tl.load(cond + column).to(tl.float32)
    z_at = c_at
    if HAS_REF:
        u_at = tl.load(ref + column).to(tl.float32)
        z_at = _tilt(c_at, u_at, from_ref, pull)
    below = z_at.to(tl.float64) - best
    found += row
    if GREEDY:
        tl.store(found + LOG_PROB * rows, 0.0)
    else:
        tl.store(found + LOG_PROB * rows, below * scale - tl.log(total))
    if PARTITION or SPREAD:
        if TEMPERED:
            mass = tl.load(parts + PLAIN * tiles + at, mask=here, other=0.0)
        else:
            mass = tl.load(parts + MASS * tiles + at, mask=here, other=0.0)
        share = tl.exp(lift)
        total = tl.sum(mass * share, 0)
        log_total = tl.log(total)
    if PARTITION:
        if HAS_REF:
            log_cond = _log_sum(parts, at, tiles, here, COND_TOP, COND_MASS)
            log_ref = _log_sum(parts, at, tiles, here, REF_TOP, REF_MASS)
            tl.store(found + LOG_Z * rows, best + log_total - (1 + w) * log_cond + w * log_ref)
            tl.store(found + LOG_COND * rows, c_at.to(tl.float64) - log_cond)
            tl.store(found + LOG_REF * rows, u_at.to(tl.float64) - log_ref)
        else:
            tl.store(found + LOG_Z * rows, 0.0)
            tl.store(found + LOG_COND * rows, below - log_total)
    if SPREAD:
        lean = tl.load(parts + LEAN * tiles + at, mask=here, other=0.0)
        moment = tl.sum(tl.where(share > 0, share * (lean + lift * mass), 0.0), 0)
        second = tl.load(parts + SECOND * tiles + first_best)
        runner = tl.maximum(tl.max(tl.where(at == first_best, -INF, top), 0), second)
        tl.store(found + LOG_TILTED * rows, below - log_total)
        tl.store(found + LOG_MAX * rows, -log_total)
        tl.store(found + ENTROPY * rows, log_total - moment / total)
        tl.store(found + MARGIN * rows, (1 - tl.exp(runner - best)) / total)
