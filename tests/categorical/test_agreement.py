"""One uniform, one token: implementations differ only where a uniform meets an edge to the rounding of float32."""

from __future__ import annotations

import functools

import pytest
import torch
from drawers import COMPILED, EXACT, FAST, Drawer, beyond, full, guided_law, noise, repeated, uniforms
from torch import Tensor

from dguide.categorical import LogitRows

ALLOWED = 3e-4
"""Share of draws that may differ."""

SIZES = {2: 500, 5: 500, 19: 500, 255: 500, 256: 500, 257: 500, 1000: 500, 16_385: 250, 126_464: 100}
"""Draws for each of three laws and two weights, at each size of the vocabulary."""


def flat(vocab: int) -> Tensor:
    return noise(2, vocab, seed=1) * 0.1


def usual(vocab: int) -> Tensor:
    return noise(2, vocab, seed=2) * 2


def peaked(vocab: int) -> Tensor:
    return noise(2, vocab, seed=3) * 8


LAWS = [flat, usual, peaked]


@functools.cache
def drawn(drawer: Drawer) -> list[tuple[Tensor, float]]:
    """Tokens, and how far the worst lies outside its share, for every size, law and weight."""
    found = []
    for vocab, count in SIZES.items():
        for number, make in enumerate(LAWS):
            c, u = make(vocab).float()
            for weight in (0.7, 3.0):
                points = uniforms(count, seed=1000 * number + vocab)
                token = drawer(repeated(c, count), repeated(u, count), full(count, weight), points).token
                law = guided_law(c, u, torch.tensor(weight)).exp()
                found.append((token, float(beyond(law, points, token).max())))
    return found


PAIRS = [(FAST, EXACT), (COMPILED, EXACT), (COMPILED, FAST)]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[f"{a.name}-{b.name}" for a, b in PAIRS])
def test_implementations_agree_up_to_rounding(one: Drawer, other: Drawer) -> None:
    if one.missing or other.missing:
        pytest.skip(one.missing or other.missing)
    pairs = list(zip(drawn(one), drawn(other), strict=True))
    draws = sum(len(first) for (first, _), _ in pairs)
    differ = sum(int((first != second).sum()) for (first, _), (second, _) in pairs)
    worst = max(max(far, too) for (_, far), (_, too) in pairs)
    print(f"\n{one.name} and {other.name}: {differ} of {draws} tokens differ; farthest outside its share: {worst:.1e}")
    assert draws > 20_000
    assert worst < 1e-5
    assert differ <= ALLOWED * draws


@pytest.mark.parametrize("drawer", [FAST, COMPILED], ids=lambda drawer: drawer.name)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_raised_before_it_is_tilted(drawer: Drawer, dtype: torch.dtype) -> None:
    if drawer.missing:
        pytest.skip(drawer.missing)
    c, u = (noise(2, 20, 1000, seed=4) * 4).to(dtype)
    rows, points = torch.arange(20).repeat(20), uniforms(400, seed=6)
    half = drawer(LogitRows(c, rows), LogitRows(u, rows), full(400, 2.0), points)
    raised = drawer(LogitRows(c.float(), rows), LogitRows(u.float(), rows), full(400, 2.0), points)
    assert torch.equal(half.token, raised.token)
    assert torch.equal(half.log_prob, raised.log_prob)
    mixed = drawer(LogitRows(c, rows), LogitRows(u.float(), rows), full(400, 2.0), points)
    assert torch.equal(mixed.token, raised.token)
