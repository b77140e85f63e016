"""What the Triton kernels of both guided draws are made of: loads, the tilt, sums of a tile, and a choice by sums.

Sums of a tile are float32 over the few neighbours that one load brings to a thread, float64 beyond. The terms are
positive: that is exact to the few roundings of float32 that each term has anyway, at one conversion and one addition in
float64 for 8 columns (4 in single precision), which even cards with hardly any float64 units have time for.
"""

# mypy: ignore-errors
from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["FAR", "INF", "exp", "finite", "first_above", "largest", "load_pair", "pull_of", "sum_of", "tilt"]

INF = tl.constexpr(float("inf"))
FAR = tl.constexpr(-1e37)  # rows that lie below it altogether are not for float32
LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def load_pair(cond, ref, keep, whole, columns, HAS_REF: tl.constexpr):
    """c and u of the columns of a tile in float32, 0 in those that do not count; u is c where there is no reference."""
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
    return c.to(tl.float32), u.to(tl.float32)


@triton.jit
def pull_of(weight):
    """How z is built from c, u and w: from u for w < -1/2, from c otherwise; so w = -1 is u and w = 0 is c exactly.

    And up to which c, if to any, it is right that z = -inf: what is forbidden has weight zero where c counts, and for
    w > 0 so has a c that is finite only by name, whose z overflows.
    """
    from_ref = weight < -0.5
    pull = tl.where(from_ref, 1 + weight, weight).to(tl.float32)
    nothing = tl.where(from_ref, -INF, 10 * FAR)
    return from_ref, pull, tl.where(pull > 1e-30, nothing, float("nan")).to(tl.float32)


@triton.jit
def tilt(c, u, from_ref, pull):
    """c + w (c - u)."""
    apart = c - u
    return tl.fma(apart, tl.zeros_like(apart) + pull, tl.where(from_ref, u, c))


@triton.jit
def finite(top):
    """A maximum that can be subtracted."""
    return tl.where(top == -INF, 0.0, top)


@triton.jit
def sum_of(terms, GROUP: tl.constexpr):
    """The sum of a tile, float64."""
    few = tl.sum(tl.reshape(terms, (terms.shape[0] // GROUP, GROUP)), 1)
    return tl.sum(few.to(tl.float64), 0)


@triton.jit
def largest(values, GROUP: tl.constexpr):
    """The largest of a tile."""
    return tl.max(tl.max(tl.reshape(values, (values.shape[0] // GROUP, GROUP)), 1), 0)


@triton.jit
def exp(x, scale):
    """exp(scale x) of what is not positive, its smallest values flushed to zero: one instruction on the way."""
    return tl.exp2(x * (scale * LOG2E))


@triton.jit
def first_above(weights, share, positions):
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
