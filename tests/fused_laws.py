"""What every fused draw must do, whoever runs its kernels.

`draw` and `many` are fixtures of the modules that import the tests. `draw` has the arguments of `DrawRequest`, on
tensors of the CPU; `many` is how many draws a chi-square test takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from helpers import chi_square, f64
from torch import Tensor

from dguide.categorical import Decoding, DrawRequest, Draws, LogitRows, vectorised
from dguide.categorical.cuda.tiling import TILE
from dguide.random import Stream, uniform

__all__ = [
    "test_a_row_does_not_depend_on_its_batch",
    "test_a_tail_in_the_tile_of_a_head",
    "test_a_uniform_on_an_edge_belongs_to_the_next_token_that_has_weight",
    "test_draws_and_statistics_follow_the_definition",
    "test_every_token_has_its_share",
    "test_greedy_takes_the_first_of_the_largest",
    "test_large_vocabulary",
    "test_law_by_chi_square",
    "test_no_rows",
    "test_rows_are_read_where_they_are",
    "test_tokens_at_the_edges_of_tiles_have_their_shares",
    "test_which_rows_are_served",
]

Draw = Callable[..., tuple[Draws, Tensor]]

NONE = torch.zeros(0, dtype=torch.int64)
STATISTICS = ["log_prob", "log_z", "log_cond", "log_ref", "log_tilted", "log_max", "entropy", "margin"]
PLAIN = Decoding()


def uniforms(count: int, seed: int = 0) -> Tensor:
    return uniform(seed, Stream.LANDING, torch.arange(count), torch.tensor(0))


def logits(rows: int, vocab: int, seed: int, dtype: torch.dtype = torch.float32, scale: float = 2.0) -> Tensor:
    return (scale * torch.randn(rows, vocab, generator=torch.Generator().manual_seed(seed))).to(dtype)


def all_of(values: Tensor) -> LogitRows:
    return LogitRows(values, torch.arange(len(values)))


def weights(count: int, *values: float) -> Tensor:
    """The values in turn."""
    return f64(*values).repeat(-(-count // len(values)))[:count]


def agree(draws: Draws, truth: Draws, near: Tensor, tolerance: float = 2e-5) -> int:
    """Hold draws to those of float64; returns how many tokens differ, each of which a rounding must have decided.

    Args:
        draws: what is judged.
        truth: by `vectorised.exact`.
        near: [N] bool, where float32 may decide: the uniform lies at the edge of a token's share.
        tolerance: of logarithms and probabilities.
    """
    other = draws.token != truth.token
    assert not bool((other & ~near).any()), f"tokens {draws.token[other]} instead of {truth.token[other]}"
    for name in STATISTICS:
        found, wanted = getattr(draws, name), getattr(truth, name)
        assert (found is None) == (wanted is None), name
        if found is not None:
            assert found.dtype == torch.float64
            torch.testing.assert_close(found[~other], wanted[~other], rtol=tolerance, atol=tolerance, msg=name)
    return int(other.sum())


def edges(z: Tensor, temperature: float, u: Tensor, within: float = 1e-5) -> Tensor:
    """Whether a uniform is so near to the edge between two tokens that roundings of float32 may decide."""
    if temperature == 0:
        return torch.zeros(len(u), dtype=torch.bool)
    law = torch.softmax((z - z.amax(-1, keepdim=True)) / temperature, -1)
    return (law.cumsum(-1) - u.unsqueeze(-1)).abs().amin(-1) < within


CASES = [
    # vocabulary, dtype, temperature, whether there is a reference
    (1, torch.float32, 1.0, True),
    (2, torch.bfloat16, 0.7, False),
    (7, torch.float16, 1.0, True),
    (300, torch.float32, 0.7, True),
    (TILE - 1, torch.bfloat16, 1.0, True),
    (TILE, torch.float32, 0.0, True),
    (TILE + 1, torch.float16, 0.7, True),
    (2 * TILE + 5, torch.bfloat16, 0.0, False),
    (2 * TILE + 5, torch.float32, 1.0, False),
]


@pytest.mark.parametrize(("vocab", "dtype", "temperature", "guided"), CASES)
def test_draws_and_statistics_follow_the_definition(
    draw: Draw, vocab: int, dtype: torch.dtype, temperature: float, guided: bool
) -> None:
    count = 12
    cond, ref = logits(count, vocab, 1, dtype), logits(count, vocab, 2, dtype) if guided else None
    w, u = weights(count, -1.0, 0.0, 3.0, 0.5, -0.7, -0.3), uniforms(count)
    forbidden = torch.arange(1, vocab, 4) if vocab > 2 else NONE
    # Whatever stands in a forbidden column must not matter.
    for column, value in enumerate((math.nan, -math.inf, math.inf)):
        for part in (cond, ref) if guided else (cond,):
            part[:, forbidden[column : column + 1]] = value
    inputs = (all_of(cond), None if ref is None else all_of(ref), w, u)
    decoding = Decoding(temperature=temperature)
    truth = vectorised.exact(DrawRequest(*inputs, decoding, forbidden, True, True))
    draws, served = draw(*inputs, decoding, forbidden, True, True)
    z = cond.double() if ref is None else torch.lerp(ref.double(), cond.double(), 1 + w.unsqueeze(-1))
    near = edges(z.index_fill(-1, forbidden, -math.inf), temperature, u)
    assert bool(served.all())
    flips = agree(draws, truth, near)
    bare, _ = draw(*inputs, decoding, forbidden, False, False)
    assert (bare.log_z, bare.log_max) == (None, None)
    assert torch.equal(bare.token, draws.token)
    assert torch.equal(bare.log_prob, draws.log_prob)
    plain, _ = vectorised.fast(DrawRequest(*inputs, decoding, forbidden, False, False))
    apart = plain.token != draws.token
    assert not bool((apart & ~near).any())
    print(f"flips: {flips} against float64, {int(apart.sum())} against float32, of {count}")


def test_every_token_has_its_share(draw: Draw) -> None:
    vocab = 40
    cond, ref = logits(1, vocab, 3, scale=0.3), logits(1, vocab, 4, scale=0.3)
    law = (3 * cond.double() - 2 * ref.double()).softmax(-1).squeeze(0)
    assert float(law.min()) > 1e-4
    # From one hundredth of its share to one hundredth short of its end.
    u = torch.cat([law.cumsum(0) - law + part * law for part in (0.01, 0.5, 0.99)])
    rows = [LogitRows(part, torch.zeros(len(u), dtype=torch.int64)) for part in (cond, ref)]
    token = draw(*rows, weights(len(u), 2.0), u, PLAIN, NONE, False, False)[0].token
    assert torch.equal(token, torch.arange(vocab).repeat(3))


def test_tokens_at_the_edges_of_tiles_have_their_shares(draw: Draw) -> None:
    vocab = 2 * TILE + 3
    cond = logits(1, vocab, 5, scale=0.5)
    law = cond.double().softmax(-1).squeeze(0)
    wanted = torch.tensor([0, 1, TILE - 1, TILE, TILE + 1, 2 * TILE - 1, 2 * TILE, vocab - 1]).repeat(3)
    part = f64(0.01, 0.5, 0.99).repeat_interleave(len(wanted) // 3)
    u = (law.cumsum(0) - law)[wanted] + part * law[wanted]
    rows = LogitRows(cond, torch.zeros(len(wanted), dtype=torch.int64))
    token = draw(rows, None, weights(len(wanted), 0.0), u, PLAIN, NONE, False, False)[0].token
    assert torch.equal(token, wanted)


@pytest.mark.parametrize(("vocab", "temperature"), [(6, 1.0), (6, 0.7), (TILE + 2, 1.0)])
def test_law_by_chi_square(draw: Draw, many: int, vocab: int, temperature: float) -> None:
    cond, ref = (logits(1, vocab, seed, scale=0.2) for seed in (6, 7))
    if vocab > TILE:  # the four tokens about the edge have a fifth each
        cond[:, TILE - 2 :] += math.log(TILE)
        ref[:, TILE - 2 :] += math.log(TILE)
    cond, ref = cond.bfloat16(), ref.bfloat16()
    law = torch.softmax((2.5 * cond.double() - 1.5 * ref.double()).squeeze(0) / temperature, -1)
    rows = [LogitRows(part, torch.zeros(many, dtype=torch.int64)) for part in (cond, ref)]
    u = uniforms(many, seed=8)
    token = draw(*rows, weights(many, 1.5), u, Decoding(temperature=temperature), NONE, False, False)[0].token
    seen = torch.bincount(token, minlength=vocab)
    if vocab > TILE:
        law, seen = (torch.cat([part[: TILE - 2].sum().view(1), part[TILE - 2 :]]) for part in (law, seen))
    assert chi_square(seen, law) > 1e-3


def test_a_tail_in_the_tile_of_a_head(draw: Draw) -> None:
    """Tokens of probability 1e-9 beside a head of nearly 1: looked at through a uniform that is squeezed into them."""
    vocab, head, small = TILE - 48, 1000, 1e-9
    cond = torch.full((1, vocab), math.log(small))
    cond[0, head] = 0.0
    count = 50
    inside = uniforms(count, seed=9) * head * small
    law = cond.double().softmax(-1).squeeze(0)
    beyond = law[: head + 1].sum() + uniforms(count, seed=10) * (vocab - head - 1) * law[-1]
    rows = LogitRows(cond, torch.zeros(count, dtype=torch.int64))
    for u, first, last in ((inside, 0, head), (beyond, head + 1, vocab)):
        token = draw(rows, None, weights(count, 0.0), u, PLAIN, NONE, False, False)[0].token
        wanted = torch.searchsorted(law.cumsum(0), u, right=True)
        assert int((token - wanted).abs().max()) <= 1
        assert int((token != wanted).sum()) <= 1
        bins = ((token - first) * 8).div(last - first, rounding_mode="floor")
        assert chi_square(torch.bincount(bins, minlength=8), torch.full((8,), 1 / 8)) > 1e-3


def test_large_vocabulary(draw: Draw) -> None:
    vocab, count = 126_464, 2
    cond, ref = logits(count, vocab, 11, torch.bfloat16, 3.0), logits(count, vocab, 12, torch.bfloat16, 3.0)
    cond[:, vocab - 1] = math.nan
    forbidden = torch.tensor([vocab - 1, 5])
    inputs = (all_of(cond), all_of(ref), f64(0.0, 2.5), uniforms(count, seed=13))
    truth = vectorised.exact(DrawRequest(*inputs, PLAIN, forbidden, True, True))
    draws, served = draw(*inputs, PLAIN, forbidden, True, True)
    z = torch.lerp(ref.double(), cond.double(), 1 + inputs[2].unsqueeze(-1)).index_fill(-1, forbidden, -math.inf)
    assert bool(served.all())
    print("flips:", agree(draws, truth, edges(z, 1.0, inputs[3])))


INF, NAN, LEAST = math.inf, math.nan, torch.finfo(torch.float32).min
UNGUIDED = [(-INF, True), (LEAST, True), (1e30, True), (INF, False), (NAN, False)]
GUIDED = [
    # c, u, w of one column among others that are finite, and whether float32 may serve the row
    (0.0, 0.0, 1.0, True),
    (-INF, 0.0, 1.0, True),
    (-INF, 0.0, -0.8, True),
    (-INF, 0.0, 0.0, False),
    (-INF, 0.0, -1.0, False),
    (-INF, 0.0, -0.2, False),
    (-INF, -INF, 1.0, False),
    (-INF, INF, 1.0, False),
    (-INF, NAN, 1.0, False),
    (0.0, -INF, 1.0, False),
    (0.0, -INF, -0.2, False),
    (0.0, -INF, -0.8, False),
    (0.0, INF, 1.0, False),
    (0.0, INF, -1.0, False),
    (0.0, NAN, 0.0, False),
    (NAN, 0.0, 1.0, False),
    (NAN, 0.0, -1.0, False),
    (INF, 0.0, 1.0, False),
    (INF, 0.0, -0.8, False),
    (INF, INF, 1.0, False),
    (LEAST, LEAST, 2.0, True),
    (LEAST, 0.0, 2.0, True),
    (LEAST, 5.0, -1.0, True),
    (3e38, -3e38, -0.4, False),
    (-3e38, 3e38, -0.9, False),
    (1e-3, 2e38, 1e-60, True),
    (-INF, 0.0, 1e-60, False),
]


def test_which_rows_are_served(draw: Draw) -> None:
    for guided, cases in ((False, [(c, 0.0, 0.0, well) for c, well in UNGUIDED]), (True, GUIDED)):
        count = len(cases)
        cond, ref = logits(count, 5, 14), logits(count, 5, 15)
        cond[:, 2], ref[:, 2] = (torch.tensor([case[at] for case in cases]) for at in (0, 1))
        w, u = f64(*(case[2] for case in cases)), f64(0.999).repeat(count)
        wanted = torch.tensor([case[3] for case in cases])
        inputs = (all_of(cond), all_of(ref) if guided else None, w, u)
        draws, served = draw(*inputs, PLAIN, NONE, True, True)
        wrong = [case for case, good in zip(cases, (served == wanted).tolist(), strict=True) if not good]
        assert not wrong
        assert bool(((draws.token >= 0) & (draws.token < 5)).all())
        good = wanted.nonzero().squeeze(-1)
        ref_rows = inputs[1][good] if guided else None
        truth = vectorised.exact(DrawRequest(inputs[0][good], ref_rows, w[good], u[good], PLAIN, NONE, False, False))
        assert torch.equal(draws.token[good], truth.token)
        torch.testing.assert_close(draws.log_prob[good], truth.log_prob, rtol=1e-5, atol=1e-5)
        hidden, again = draw(*inputs, PLAIN, torch.tensor([2]), True, True)  # forbidden, the column does no harm
        assert bool(again.all())
        assert not bool((hidden.token == 2).any())
    _, served = draw(all_of(torch.full((1, 5), -INF)), None, f64(0), f64(0.5), PLAIN, NONE, True, True)
    assert not bool(served.any())
    # The first token is the likeliest, but its c - u overflows.
    far, apart = torch.full((2, 1, 5), -3e38)
    far[0, 0], apart[0, 0] = -1.8e38, 1.8e38
    _, served = draw(all_of(far), all_of(apart), f64(0.01), f64(0.5), PLAIN, NONE, False, False)
    assert not bool(served.any())


def test_a_uniform_on_an_edge_belongs_to_the_next_token_that_has_weight(draw: Draw) -> None:
    vocab = 2 * TILE + 3
    places = [[0, 1], [3, 7], [TILE - 1, TILE], [5, 2 * TILE - 1], [TILE, vocab - 1], [2 * TILE, vocab - 2]]
    cond = torch.full((len(places), vocab), -INF)
    for row, where in enumerate(places):
        cond[row, where] = -3.0
    for u, which in ((0.5, 1), (0.5 - 2.0**-52, 0), (2.0**-53, 0), (1 - 2.0**-53, 1)):
        for values in (cond, cond.bfloat16()):
            same = f64(u).repeat(len(places))
            draws, served = draw(all_of(values), None, weights(len(places), 0.0), same, PLAIN, NONE, False, False)
            assert bool(served.all())
            assert draws.token.tolist() == [where[which] for where in places]


def test_greedy_takes_the_first_of_the_largest(draw: Draw) -> None:
    vocab = 2 * TILE + 3
    cond = logits(4, vocab, 16)
    places = [[TILE - 1, TILE, vocab - 1], [TILE, vocab - 1], [vocab - 1], [0, 1]]
    for row, where in enumerate(places):
        cond[row, where] = 50.0
    greedy = Decoding(temperature=0.0)
    draws, _ = draw(all_of(cond), None, weights(4, 0.0), uniforms(4), greedy, NONE, False, True)
    assert draws.token.tolist() == [where[0] for where in places]
    assert draws.log_prob.tolist() == [0.0] * 4
    shares = f64(*(1 / len(where) for where in places))
    torch.testing.assert_close(draws.log_tilted, shares.log(), rtol=0, atol=1e-6)
    torch.testing.assert_close(draws.margin, f64(0, 0, 1, 0), rtol=0, atol=1e-6)


def test_rows_are_read_where_they_are(draw: Draw) -> None:
    """LogitRows in any order and more than once, apart from each other, of unequal strides and dtypes."""
    vocab, index = 301, torch.tensor([4, 0, 4, 2])
    cond, ref = logits(5, vocab + 3, 17, torch.bfloat16)[:, 1 : vocab + 1], logits(9, vocab, 18)
    there = torch.tensor([8, 1, 3, 3])
    w, u = weights(4, 1.0, 2.0), uniforms(4, seed=19)
    draws, served = draw(LogitRows(cond, index), LogitRows(ref, there), w, u, PLAIN, NONE, True, True)
    truth = vectorised.exact(DrawRequest(LogitRows(cond, index), LogitRows(ref, there), w, u, PLAIN, NONE, True, True))
    assert bool(served.all())
    z = torch.lerp(ref[there].double(), cond[index].double(), 1 + w.unsqueeze(-1))
    assert agree(draws, truth, edges(z, 1.0, u)) == 0


def test_a_row_does_not_depend_on_its_batch(draw: Draw) -> None:
    vocab = TILE + 9
    cond, ref, w, u = logits(3, vocab, 20), logits(3, vocab, 21), weights(3, 0.5, 2.0), uniforms(3, seed=22)
    together, _ = draw(all_of(cond), all_of(ref), w, u, PLAIN, NONE, True, True)
    for row in range(3):
        one = torch.tensor([row])
        alone, _ = draw(LogitRows(cond, one), LogitRows(ref, one), w[one], u[one], PLAIN, NONE, True, True)
        for name in ("token", *STATISTICS):
            assert torch.equal(getattr(alone, name), getattr(together, name)[one]), name


@pytest.mark.parametrize("more", [False, True])
def test_no_rows(draw: Draw, more: bool) -> None:
    empty = LogitRows(torch.zeros(3, 7), NONE)
    draws, served = draw(empty, empty, f64(), f64(), PLAIN, NONE, more, more)
    assert draws.token.shape == served.shape == draws.log_prob.shape == (0,)
    assert (draws.entropy is not None) == (draws.log_ref is not None) == more
