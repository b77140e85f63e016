"""Draws follow their law: G-tests at a large vocabulary, and tails of 1e-9 token by token."""

from __future__ import annotations

import math

import pytest
import torch
from drawers import COMPILED, FAST, Drawer, every_drawer, every_kind, full, guided_law, guided_pair, repeated, uniforms
from judge import g_test
from torch import Tensor

from dguide.categorical import Draws, LogitRows

VOCAB = 126_464


def head_and_tail() -> Tensor:
    """One token has half, the others share the rest."""
    log_q = torch.zeros(VOCAB, dtype=torch.float64)
    log_q[100_003] = math.log(VOCAB - 1)
    return log_q


def power() -> Tensor:
    """Probability falls with the rank to the power 1.1; ranks are scattered over the columns."""
    order = torch.arange(VOCAB) * 48_271 % VOCAB  # 48271 has no factor in common with 126464
    return -1.1 * torch.log(1.0 + order.double())


LAWS = {"head and tail": head_and_tail, "power": power}


def judged(tokens: Tensor, law: Tensor) -> tuple[float, float]:
    """p-values of two G-tests: where tokens are in the vocabulary, and where the rarer ones are in the tiles."""
    cells = max(8, len(tokens) // 25)
    place = ((law.cumsum(0) - law) / law.sum() * cells).long().clamp_max(cells - 1)
    by_place = torch.zeros(cells, dtype=torch.float64).scatter_add(0, place, law)
    rare = law < 1e-3
    residue = torch.where(rare, torch.arange(len(law)) % 32, 32)
    by_residue = torch.zeros(33, dtype=torch.float64).scatter_add(0, residue, law)
    return tuple(g_test(of[tokens].unsqueeze(-1), hoped) for of, hoped in ((place, by_place), (residue, by_residue)))  # type: ignore[return-value]


@pytest.mark.parametrize("name", LAWS)
@every_kind
def test_law_of_a_large_vocabulary(drawer: Drawer, dtype: torch.dtype, name: str) -> None:
    count, weight = drawer.budget, 2.0 if name == "power" else 1.0
    c, u = guided_pair(LAWS[name](), weight, dtype)
    law = guided_law(c, u, torch.tensor(weight)).exp()
    tokens = drawer(repeated(c, count), repeated(u, count), full(count, weight), uniforms(count, seed=5)).token
    place, residue = judged(tokens, law)
    assert place > 1e-3
    assert residue > 1e-3


@pytest.mark.parametrize("mistake", ["weight a tenth too large", "last of 32 columns left out"])
def test_the_judge_sees_a_mistake(mistake: str) -> None:
    drawer, weight = (FAST if COMPILED.missing else COMPILED), 2.0
    c, u = guided_pair(power(), weight, torch.float32)
    law = guided_law(c, u, torch.tensor(weight)).exp()
    count, wrong = drawer.budget, 2.2 if "weight" in mistake else weight
    tokens = drawer(repeated(c, count), repeated(u, count), full(count, wrong), uniforms(count, seed=5)).token
    if "last" in mistake:
        tokens = torch.where(tokens % 32 == 31, tokens - 1, tokens)
    assert min(judged(tokens, law)) < 1e-9


def tail_problem(dtype: torch.dtype, weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """c and u of a law with a head of 1 - 1e-9, and the tokens of its tail: around the head, and far from it."""
    head = 100_003
    near = torch.arange(head - 30, head + 31)
    tail = torch.cat((torch.arange(0, VOCAB, 2503), near[near != head])).unique()
    log_q = torch.full((VOCAB,), -60.0, dtype=torch.float64)
    log_q[tail] = math.log(1e-9 / len(tail))
    log_q[head] = 0.0
    return *guided_pair(log_q, weight, dtype, seed=3), tail


def middles_of_tail(law: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
    """Uniforms that lie at 1/6, 1/2 and 5/6 of the share of each token of the tail, and these tokens."""
    cumulative = law.cumsum(0) / law.sum()
    share = (law / law.sum())[tail].unsqueeze(-1)
    points = cumulative[tail].unsqueeze(-1) - share * torch.tensor([5 / 6, 1 / 2, 1 / 6], dtype=torch.float64)
    return points.flatten(), tail.repeat_interleave(3)


@every_kind
def test_a_tail_of_1e_9_has_its_share_token_by_token(drawer: Drawer, dtype: torch.dtype) -> None:
    c, u, tail = tail_problem(dtype, 1.0)
    law = guided_law(c, u, torch.tensor(1.0)).exp()
    assert 1e-10 < float(law[tail].sum()) < 1e-8
    points, expected = middles_of_tail(law, tail)
    count = len(points)
    draws = drawer(repeated(c, count), repeated(u, count), full(count, 1.0), points)
    assert torch.equal(draws.token, expected)
    torch.testing.assert_close(draws.log_prob, law[expected].log(), atol=3e-5, rtol=0)


def test_a_cumulative_sum_in_single_precision_is_caught() -> None:
    c, u, tail = tail_problem(torch.float32, 1.0)
    points, expected = middles_of_tail(guided_law(c, u, torch.tensor(1.0)).exp(), tail)
    cumulative = torch.softmax(2 * c - u, -1).cumsum(-1)
    naive = torch.searchsorted(cumulative, points.float() * cumulative[-1], right=True)
    behind_the_head = expected > 100_003
    assert int(behind_the_head.sum()) > 100
    assert not bool((naive == expected)[behind_the_head].any())


@every_drawer
def test_every_row_has_its_own_law(drawer: Drawer) -> None:
    """LogitRows, weights and uniforms are not mixed up: each draw lies in the share of its token."""
    generator = torch.Generator().manual_seed(1)
    c, u = torch.randn(2, 30, 300, generator=generator)
    which, other = torch.randint(30, (2, 500), generator=generator)
    weight = torch.rand(500, generator=generator, dtype=torch.float64) * 4 - 1
    points = uniforms(500, seed=8)
    token = drawer(LogitRows(c, which), LogitRows(u, other), weight, points).token
    cumulative = guided_law(c[which], u[other], weight).exp().cumsum(-1)
    upper = cumulative.gather(-1, token.unsqueeze(-1)).squeeze(-1)
    lower = torch.where(token > 0, cumulative.gather(-1, (token - 1).clamp_min(0).unsqueeze(-1)).squeeze(-1), 0.0)
    assert bool((points < upper + 1e-5).all())
    assert bool((points > lower - 1e-5).all())


@pytest.mark.skipif(bool(COMPILED.missing), reason=COMPILED.missing)
def test_threads_change_nothing() -> None:
    c, u = torch.randn(2, 12, VOCAB, generator=torch.Generator().manual_seed(2))
    rows = torch.arange(12).flip(0)
    asked = LogitRows(c, rows), LogitRows(u, rows), full(12, 1.5), uniforms(12)

    def on(threads: int) -> Draws:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return COMPILED(*asked, partition=True, spread=True)
        finally:
            torch.set_num_threads(before)

    alone, together = on(1), on(3)
    for name in Draws.__dataclass_fields__:
        assert torch.equal(getattr(alone, name), getattr(together, name))
