r"""Triton kernels of the guided draw: one summary of every tile of a row, then a draw from the summaries and one tile.

Only `fused` imports this module, when it is first asked: it needs Triton, which `import dguide` must not load.

`summarise` runs one program a row and tile and reads both logits once. Of $z = c + w (c - u)$ it leaves the maximum of
the tile and the sum of $\exp(z - \max)$, and with each further statistic its own sum, as float64 in `parts`, of shape
[N, SLOTS, TILES]. `choose` runs one program a row: it picks a tile by these sums, reads that tile again and picks the
token in it by a running sum in float64, so that a token in the tail has its share of a tile beside any head.

Sums of a tile are float32 over the few neighbours that one load brings to a thread, float64 beyond. The terms are
positive: that is exact to the few roundings of float32 that each term has anyway, at one conversion and one addition in
float64 for 8 columns (4 in single precision), which even cards with hardly any float64 units have time for.

A column that float32 would get wrong becomes z = +inf: the maximum, which is needed anyway, then tells of it.
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
FAR = tl.constexpr(-1e37)  # rows that lie below it altogether are not for float32
LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def _pull(weight):
    """How z is built from c, u and w: from u for w < -1/2, from c otherwise; so w = -1 is u and w = 0 is c exactly.

    And up to which c, if to any, it is right that z = -inf: what is forbidden has weight zero where c counts, and for
    w > 0 so has a c that is finite only by name, whose z overflows.
    """
    from_ref = weight < -0.5
    pull = tl.where(from_ref, 1 + weight, weight).to(tl.float32)
    nothing = tl.where(from_ref, -INF, 10 * FAR)
    return from_ref, pull, tl.where(pull > 1e-30, nothing, float("nan")).to(tl.float32)


@triton.jit
def _tilt(c, u, from_ref, pull):
    """c + w (c - u)."""
    apart = c - u
    return tl.fma(apart, tl.zeros_like(apart) + pull, tl.where(from_ref, u, c))


@triton.jit
def _tile(cond, ref, weight, keep, whole, tile, TILE: tl.constexpr, HAS_REF: tl.constexpr):
    """z, c, u of a tile: -inf in columns that do not count; z = +inf in those that float32 would get wrong."""
    columns = tile * TILE + tl.arange(0, TILE)
    whole = tl.load(whole + tile) != 0
    # Hardly any tile needs a mask, which may cost wide loads. All are under way before the first is looked at.
    if whole:
        c = tl.load(cond + columns, eviction_policy="evict_first")
        u = c
        if HAS_REF:
            u = tl.load(ref + columns, eviction_policy="evict_first")
    else:
        counts = tl.load(keep + columns) != 0
        c = tl.load(cond + columns, mask=counts, other=0.0, eviction_policy="evict_first")
        u = c
        if HAS_REF:
            u = tl.load(ref + columns, mask=counts, other=0.0, eviction_policy="evict_first")
    c = c.to(tl.float32)
    if HAS_REF:
        u = u.to(tl.float32)
        from_ref, pull, nothing = _pull(weight)
        z = _tilt(c, u, from_ref, pull)
        right = (tl.abs(u) < INF) & ((tl.abs(z) < INF) | (c <= nothing))
    else:
        u = c
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
def _finite(top):
    """A maximum that can be subtracted."""
    return tl.where(top == -INF, 0.0, top)


@triton.jit
def _sum(terms, GROUP: tl.constexpr):
    few = tl.sum(tl.reshape(terms, (terms.shape[0] // GROUP, GROUP)), 1)
    return tl.sum(few.to(tl.float64), 0)


@triton.jit
def _max(values, GROUP: tl.constexpr):
    return tl.max(tl.max(tl.reshape(values, (values.shape[0] // GROUP, GROUP)), 1), 0)


@triton.jit
def _exp(x, scale):
    """exp(scale x) of what is not positive, its smallest values flushed to zero: one instruction on the way."""
    return tl.exp2(x * (scale * LOG2E))


@triton.jit
def _log_sum(parts, at, here, TILES: tl.constexpr, TOP_SLOT: tl.constexpr, MASS_SLOT: tl.constexpr):
    """Log of the sum of the exponentials over all tiles."""
    top = tl.load(parts + TOP_SLOT * TILES + at, mask=here, other=-INF)
    mass = tl.load(parts + MASS_SLOT * TILES + at, mask=here, other=0.0)
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
    top = _max(z, GROUP)
    parts += row * SLOTS * TILES + tile
    tl.store(parts + TOP * TILES, top.to(tl.float64))
    below = z - _finite(top)
    if TEMPERED:
        tl.store(parts + MASS * TILES, _sum(_exp(below, scale), GROUP))
    if (PARTITION or SPREAD) or not (GREEDY or TEMPERED):
        each = _exp(below, 1.0)
        if TEMPERED:
            tl.store(parts + PLAIN * TILES, _sum(each, GROUP))
        else:
            tl.store(parts + MASS * TILES, _sum(each, GROUP))
        if SPREAD:
            tl.store(parts + LEAN * TILES, _sum(tl.where(each > 0, each * below, 0.0), GROUP))
            highest = z == top
            runner = _max(tl.where(highest, -INF, z), GROUP)
            several = tl.sum(highest.to(tl.int32), 0) > 1
            tl.store(parts + SECOND * TILES, tl.where(several, top, runner).to(tl.float64))
    if PARTITION and HAS_REF:
        cond_top = _max(c, GROUP)
        tl.store(parts + COND_TOP * TILES, cond_top.to(tl.float64))
        tl.store(parts + COND_MASS * TILES, _sum(_exp(c - _finite(cond_top), 1.0), GROUP))
        ref_top = _max(u, GROUP)
        tl.store(parts + REF_TOP * TILES, ref_top.to(tl.float64))
        tl.store(parts + REF_MASS * TILES, _sum(_exp(u - _finite(ref_top), 1.0), GROUP))


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
        tile, into, total = _first_above(mass * tl.exp(lift * scale), tl.load(uniforms + row), at)

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
        each = _exp(z - _finite(peak), scale).to(tl.float64)
        column, _, _ = _first_above(each, into, columns)
    column = tl.where(right, column, 0)
    tl.store(token + row, column.to(tl.int64))
    tl.store(served + row, right)

    c_at = tl.load(cond + column).to(tl.float32)
    z_at = c_at
    if HAS_REF:
        u_at = tl.load(ref + column).to(tl.float32)
        from_ref, pull, _ = _pull(w)
        z_at = _tilt(c_at, u_at, from_ref, pull)
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
