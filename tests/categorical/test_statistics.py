"""What `Draws` says about each draw, against its definition in float64; temperature and truncation."""

from __future__ import annotations

import math

import pytest
import torch
from drawers import (
    DRAWERS,
    NOTHING,
    Drawer,
    every_drawer,
    every_kind,
    full,
    guided_law,
    noise,
    removed,
    tilted,
    uniforms,
)
from torch import Tensor

from dguide.categorical import Decoding, Draws, LogitRows

ROWS, COUNT = 7, 90
SIZES = [1, 2, 19, 255, 256, 257, 1000, 16_385]


def logits(vocab: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return tuple((noise(2, ROWS, vocab, seed=vocab) * 2.5).to(dtype))  # type: ignore[return-value]


def at(values: Tensor, token: Tensor) -> Tensor:
    return values.gather(-1, token.unsqueeze(-1)).squeeze(-1)


def close(found: Tensor | None, expected: Tensor, tolerance: float) -> None:
    assert found is not None
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def check(draws: Draws, c: Tensor, u: Tensor | None, weight: Tensor, forbidden: Tensor, tolerance: float) -> None:
    """Everything but `log_prob`; c and u are the rows asked for."""
    log_q, token = guided_law(c, u, weight, forbidden), draws.token
    close(draws.log_cond, at(removed(c, forbidden), token), tolerance)
    if u is None:
        assert draws.log_ref is None
        close(draws.log_z, torch.zeros(len(c), dtype=torch.float64), tolerance)
    else:
        close(draws.log_ref, at(removed(u, forbidden), token), tolerance)
        close(draws.log_z, tilted(c, u, weight, forbidden).logsumexp(-1), tolerance * 4)
    close(draws.log_tilted, at(log_q, token), tolerance)
    close(draws.log_max, log_q.amax(-1), tolerance)
    close(draws.entropy, torch.special.entr(log_q.exp()).sum(-1), tolerance)
    ordered = torch.cat((log_q.exp(), torch.zeros(len(c), 1)), -1).sort(-1, descending=True).values
    close(draws.margin, ordered[:, 0] - ordered[:, 1], tolerance)


@pytest.mark.parametrize("guided", [True, False], ids=["guided", "alone"])
@pytest.mark.parametrize("vocab", SIZES)
@every_kind
def test_statistics(drawer: Drawer, dtype: torch.dtype, vocab: int, guided: bool) -> None:
    c, u = logits(vocab, dtype)
    forbidden = torch.tensor([3, vocab - 1, 17, 3]) if vocab > 100 else NOTHING
    which, other = torch.arange(COUNT) % ROWS, torch.arange(COUNT) // ROWS % ROWS
    weight = torch.tensor([-1, -0.7, -0.5, -0.2, 0, 1, 3], dtype=torch.float64).repeat(COUNT)[:COUNT]
    ref = LogitRows(u, other) if guided else None
    draws = drawer(LogitRows(c, which), ref, weight, uniforms(COUNT), None, forbidden, partition=True, spread=True)
    tolerance = 1e-10 if drawer.name == "exact" else 6e-6
    check(draws, c[which], u[other] if guided else None, weight, forbidden, tolerance)
    close(draws.log_prob, draws.log_tilted, tolerance)
    assert not torch.isin(draws.token, forbidden).any()


@every_drawer
def test_only_what_is_asked_for(drawer: Drawer) -> None:
    c, u = logits(19, torch.float32)
    rows = LogitRows(c, torch.arange(ROWS)), LogitRows(u, torch.arange(ROWS)), full(ROWS, 1.0), uniforms(ROWS)
    of_law = {"log_z", "log_cond", "log_ref"}
    of_shape = {"log_tilted", "log_max", "entropy", "margin"}
    for partition in (False, True):
        for spread in (False, True):
            draws = drawer(*rows, partition=partition, spread=spread)
            there = {name for name in Draws.__dataclass_fields__ if getattr(draws, name) is not None}
            assert there == {"token", "log_prob"} | (of_law if partition else set()) | (of_shape if spread else set())


@every_drawer
def test_margin_of_ties_is_zero(drawer: Drawer) -> None:
    for vocab, first, second in ((5, 0, 4), (600, 3, 4), (600, 3, 599), (600, 300, 2)):
        c = torch.full((1, vocab), -5.0)
        c[0, [first, second]] = 2.0
        draws = drawer(LogitRows(c, torch.zeros(1, dtype=torch.int64)), None, full(1, 0), full(1, 0.5), spread=True)
        assert abs(float(draws.margin)) < 1e-12  # type: ignore[arg-type]


def by_definition(log_q: Tensor, decoding: Decoding) -> Tensor:
    """The law that is drawn from, one row [V]: temperature, then top-k, then top-p."""
    p = (log_q / decoding.temperature).softmax(-1).tolist()
    order = sorted(range(len(p)), key=lambda token: -p[token])
    if decoding.top_k is not None:
        order = [t for t in order if p[t] >= p[order[min(decoding.top_k, len(p)) - 1]]]
    if decoding.top_p is not None:
        total, before, kept = sum(p[t] for t in order), 0.0, []
        for t in order:
            if before < decoding.top_p * total or p[t] == p[kept[-1]]:
                kept.append(t)
            before += p[t]
        order = kept
    law = torch.zeros(len(p), dtype=torch.float64)
    law[order] = torch.tensor([p[t] for t in order], dtype=torch.float64)
    return law / law.sum()


DECODINGS = [
    Decoding(temperature=0.3),
    Decoding(temperature=2.5),
    Decoding(top_k=1),
    Decoding(top_k=5),
    Decoding(top_p=0.6),
    Decoding(top_k=1000),
    Decoding(temperature=1.7, top_k=9, top_p=0.8),
]


@pytest.mark.parametrize("vocab", [19, 300])
@pytest.mark.parametrize("decoding", DECODINGS, ids=str)
@every_drawer
def test_decoding(drawer: Drawer, decoding: Decoding, vocab: int) -> None:
    if decoding.truncates and not drawer.truncates:
        pytest.skip(f"{drawer.name} leaves truncation to the others")
    c, u = logits(vocab, torch.float32)
    which, weight, points = torch.arange(COUNT) % ROWS, full(COUNT, 1.5), uniforms(COUNT, seed=3)
    draws = drawer(LogitRows(c, which), LogitRows(u, which), weight, points, decoding, partition=True, spread=True)
    tolerance = 1e-10 if drawer.name == "exact" else 6e-6
    check(draws, c[which], u[which], weight, NOTHING, tolerance)
    log_q = guided_law(c, u, full(ROWS, 1.5))
    laws = torch.stack([by_definition(row, decoding) for row in log_q])[which]
    close(draws.log_prob, at(laws, draws.token).log(), 3 * tolerance)
    upper = at(laws.cumsum(-1), draws.token)
    assert bool((points < upper + 1e-5).all())
    assert bool((points > upper - at(laws, draws.token) - 1e-5).all())


@pytest.mark.parametrize("guided", [True, False], ids=["guided", "alone"])
@every_kind
def test_temperature_zero_takes_the_first_of_the_most_probable(
    drawer: Drawer, dtype: torch.dtype, guided: bool
) -> None:
    c = torch.full((3, 700), -2.0, dtype=dtype)
    for row, tokens in enumerate(([699], [5, 6], [300, 600])):
        c[row, tokens] = 1.5
    index, cold = torch.arange(3), Decoding(temperature=0)
    ref = LogitRows(torch.zeros(3, 700, dtype=dtype), index) if guided else None
    draws = drawer(LogitRows(c, index), ref, full(3, 2.0), uniforms(3), cold, spread=True)
    assert draws.token.tolist() == [699, 5, 300]
    assert draws.log_prob.tolist() == [0, 0, 0]
    close(draws.log_tilted, draws.log_max, 1e-12)


@every_drawer
def test_logits_of_any_size(drawer: Drawer) -> None:
    """Only differences count, from 1e30 down to the last bit."""
    c, points = noise(4, 300, seed=9).float(), uniforms(50)
    rows = torch.arange(50) % 4
    huge = drawer(
        LogitRows(c * 1e30, rows), LogitRows(-c * 1e30, rows), full(50, 3.0), points, partition=True, spread=True
    )
    assert torch.equal(huge.token, c.argmax(-1)[rows])
    close(huge.log_prob, torch.zeros(50, dtype=torch.float64), 1e-12)
    close(huge.margin, torch.ones(50, dtype=torch.float64), 1e-12)
    close(huge.entropy, torch.zeros(50, dtype=torch.float64), 1e-12)
    close(huge.log_cond, torch.zeros(50, dtype=torch.float64), 1e-12)
    level = drawer(LogitRows(torch.full((1, 300), -1e4), rows * 0), None, full(50, 0), points, spread=True)
    close(level.log_prob, full(50, -math.log(300)), 1e-6)


@pytest.mark.parametrize("drawer", DRAWERS, ids=lambda drawer: drawer.name)
def test_no_rows(drawer: Drawer) -> None:
    none = torch.zeros(0, dtype=torch.int64)
    for vocab in (5, 300):
        c = torch.zeros(3, vocab)
        for decoding in (None, Decoding(temperature=0), Decoding(top_k=2)):
            draws = drawer(
                LogitRows(c, none), LogitRows(c, none), full(0, 1), full(0, 1), decoding, partition=True, spread=True
            )
            for name in Draws.__dataclass_fields__:
                assert getattr(draws, name).shape == (0,)
            assert draws.token.dtype == torch.int64
