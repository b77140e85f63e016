from __future__ import annotations

import math

import pytest
import torch
from helpers import chi_square, f64
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dguide.categorical import draw
from dguide.random import Stream, uniform

SMALLEST, LARGEST = 2.0**-53, 1 - 2.0**-53
SIZES = [1, 2, 5, 255, 256, 257, 300, 511, 512, 513, 1000]


def uniforms(count: int, seed: int = 0) -> Tensor:
    return uniform(seed, Stream.LANDING, torch.arange(count), torch.tensor(0))


def random_logits(vocab: int, seed: int = 0) -> Tensor:
    return torch.randn(vocab, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_definition(log_weights: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """First token whose cumulative weight exceeds u times the total; and how far u is from changing that."""
    cumulative = log_weights.exp().cumsum(0) / log_weights.exp().sum()
    token = torch.searchsorted(cumulative, u, right=True)
    return token, (cumulative - u.unsqueeze(-1)).abs().amin(-1)


@pytest.mark.parametrize("vocab", SIZES)
def test_inverse_of_the_cumulative_law(vocab: int) -> None:
    logits, u = random_logits(vocab, seed=vocab), uniforms(2000)
    tokens = draw(logits.expand(2000, vocab), u)
    expected, margin = by_definition(logits, u)
    clear = margin > 1e-12
    assert clear.sum() >= 1995
    assert torch.equal(tokens[clear], expected[clear])
    assert tokens.dtype == torch.int64


@pytest.mark.parametrize("vocab", [255, 256, 257, 511, 512, 513, 1024])
def test_every_token_is_reached_in_the_middle_of_its_share(vocab: int) -> None:
    weights = random_logits(vocab, seed=vocab).exp()
    cumulative = weights.cumsum(0) / weights.sum()
    middles = cumulative - weights / weights.sum() / 2
    assert torch.equal(draw(weights.log().expand(vocab, vocab), middles), torch.arange(vocab))


@pytest.mark.parametrize("vocab", [5, 255, 256, 257, 511, 512, 513, 1024])
def test_shares_end_where_they_should_to_twelve_digits(vocab: int) -> None:
    weights = random_logits(vocab, seed=vocab).exp()
    edges = (weights.cumsum(0) / weights.sum())[:-1]
    for side, tokens in ((-1e-12, torch.arange(vocab - 1)), (1e-12, torch.arange(1, vocab))):
        assert torch.equal(draw(weights.log().expand(vocab - 1, vocab), edges + side), tokens)


def test_a_uniform_on_an_edge_belongs_to_the_next_token() -> None:
    zero = -math.inf
    assert draw(f64(0, 0).unsqueeze(0), f64(0.5)).item() == 1
    assert draw(f64(zero, 0, zero, zero, 0).unsqueeze(0), f64(0.5)).item() == 4
    tiles = torch.full((1, 512), zero)
    tiles[0, [255, 511]] = 0.0
    assert draw(tiles, f64(0.5)).item() == 511


@pytest.mark.parametrize("vocab", [2, 7, 256, 257])
def test_law_of_small_vocabularies(vocab: int) -> None:
    logits = random_logits(vocab, seed=1) / 2
    tokens = draw(logits.expand(30_000, vocab), uniforms(30_000, seed=2))
    assert chi_square(torch.bincount(tokens, minlength=vocab), logits.softmax(0)) > 1e-3


def test_law_of_a_large_vocabulary_with_a_head_and_a_long_tail() -> None:
    vocab, head, count = 126_464, 100_003, 1600
    log_weights = torch.zeros(vocab)
    log_weights[head] = math.log(vocab - 1)  # one token has half of the mass, the others share the rest
    u = uniforms(count, seed=4)
    tokens = torch.cat([draw(log_weights.expand(len(part), vocab), part) for part in u.split(32)])
    bins = torch.where(tokens == head, 16, tokens * 16 // vocab)
    law = torch.full((17,), 1 / 32, dtype=torch.float64)
    law[16] = 0.5
    assert chi_square(torch.bincount(bins, minlength=17), law) > 1e-3


def test_tail_of_a_large_vocabulary_token_by_token() -> None:
    vocab, head = 126_464, 100_003
    log_weights = torch.zeros(vocab)
    log_weights[head] = math.log(vocab - 1)
    wanted = torch.tensor([0, 1, 255, 256, 257, 99_999, head, head + 1, vocab - 1])
    # Mass before a token, in units of one token of the tail, plus half its own.
    before = wanted + (wanted > head) * (vocab - 2.0) + torch.where(wanted == head, (vocab - 1) / 2, 0.5)
    assert torch.equal(draw(log_weights.expand(len(wanted), vocab), before.double() / (2 * vocab - 2)), wanted)


@pytest.mark.parametrize("vocab", SIZES)
@pytest.mark.parametrize("u", [SMALLEST, 0.5, LARGEST])
def test_a_single_allowed_token_is_always_drawn(vocab: int, u: float) -> None:
    for token in {0, vocab // 2, vocab - 1}:
        log_weights = torch.full((1, vocab), -math.inf)
        log_weights[0, token] = -3.0
        assert draw(log_weights, f64(u)).item() == token


@pytest.mark.parametrize("vocab", SIZES)
def test_ends_of_the_uniforms_give_the_first_and_the_last_allowed_token(vocab: int) -> None:
    log_weights = random_logits(vocab, seed=3)
    log_weights[: vocab // 3] = -math.inf
    log_weights[vocab - vocab // 3 :] = -math.inf
    tokens = draw(log_weights.expand(2, vocab), f64(SMALLEST, LARGEST))
    assert tokens.tolist() == [vocab // 3, vocab - vocab // 3 - 1]


WEIGHTS = st.one_of(st.just(-math.inf), st.floats(-800, 800), st.sampled_from([0.0, 1e30, -1e30]))
UNIFORMS = st.one_of(st.floats(SMALLEST, LARGEST), st.sampled_from([SMALLEST, LARGEST, 0.5]))


@given(vocab=st.sampled_from([2, 3, 256, 257, 513]), values=st.lists(WEIGHTS, min_size=1, max_size=9), u=UNIFORMS)
def test_a_forbidden_token_is_never_drawn(vocab: int, values: list[float], u: float) -> None:
    log_weights = torch.full((vocab,), -math.inf, dtype=torch.float64)
    spread = torch.linspace(0, vocab - 1, len(values)).long()  # at both ends, on and off the edges of tiles
    log_weights[spread] = f64(*values)
    if not torch.isfinite(log_weights).any():
        log_weights[vocab // 2] = 0.0
    token = draw(log_weights.unsqueeze(0), f64(u))
    assert 0 <= token.item() < vocab
    assert log_weights[token].item() > -math.inf


@given(shift=st.floats(-1e6, 1e6), u=UNIFORMS)
def test_weights_need_no_normalisation(shift: float, u: float) -> None:
    logits = torch.arange(300.0, dtype=torch.float64) / 100
    assert draw((logits + shift).unsqueeze(0), f64(u)) - draw(logits.unsqueeze(0), f64(u)) in (-1, 0, 1)


@pytest.mark.parametrize("vocab", [5, 300])
def test_rows_are_independent_of_their_batch(vocab: int) -> None:
    logits = torch.stack([random_logits(vocab, seed) for seed in range(20)])
    u = uniforms(20)
    together = draw(logits, u)
    alone = torch.cat([draw(logits[[i]], u[[i]]) for i in range(20)])
    assert torch.equal(together, alone)


def test_no_rows() -> None:
    assert draw(torch.zeros(0, 5), f64()).tolist() == []
    assert draw(torch.zeros(0, 500), f64()).tolist() == []


def test_single_precision_weights_are_summed_in_double() -> None:
    # Behind a head of 2^24, float32 sums would lose every one of these tokens.
    vocab = 1000
    log_weights = torch.zeros(vocab, dtype=torch.float32)
    log_weights[0] = 24 * math.log(2)
    weights = torch.ones(vocab, dtype=torch.float64)
    weights[0] = log_weights[0].double().exp()
    middles = (weights.cumsum(0) - 0.5) / weights.sum()
    tokens = draw(log_weights.expand(vocab - 1, vocab), middles[1:])
    assert (tokens - torch.arange(1, vocab)).abs().max() <= 1
