from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from dguide import random as counters
from dguide.random import Stream, check_seed, philox, uniform

WORD = 0xFFFFFFFF
KNOWN = [
    # counter, key, result: the known-answer vectors published with the generator
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((WORD, WORD, WORD, WORD), (WORD, WORD), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def plain_philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """Philox 4x32-10 on Python integers."""
    (a, b, c, d), (k0, k1) = counter, key
    for _ in range(10):
        left, right = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (right >> 32) ^ b ^ k0, right & WORD, (left >> 32) ^ d ^ k1, left & WORD
        k0, k1 = (k0 + 0x9E3779B9) & WORD, (k1 + 0xBB67AE85) & WORD
    return a, b, c, d


def plain_uniform(seed: int, stream: int, index: int, position: int, draw: int) -> float:
    counter = (stream << 24 | draw, position, index & WORD, index >> 32)
    high, low, _, _ = plain_philox(counter, (seed & WORD, seed >> 32))
    return (2 * (high << 20 | low >> 12) + 1) / 2**53


def some(count: int, stream: Stream = Stream.CLOCK, seed: int = 0, position: int = 0, draw: int = 0) -> Tensor:
    return uniform(seed, stream, torch.arange(count), torch.tensor(position), draw)


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN, ids=["zeros", "ones", "pi"])
def test_published_vectors(counter: tuple[int, ...], key: tuple[int, int], result: tuple[int, ...]) -> None:
    words = philox(tuple(torch.tensor(x) for x in counter), key)
    assert tuple(int(x) for x in words) == result
    assert plain_philox(counter, key) == result


def test_vectors_in_one_tensor() -> None:
    counters = [torch.tensor([case[0][i] for case in KNOWN[:1] * 3 + KNOWN[:1]]) for i in range(4)]
    assert torch.stack(philox(tuple(counters), KNOWN[0][1]), -1).tolist() == [list(KNOWN[0][2])] * 4


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1])
@pytest.mark.parametrize("index", [0, 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**62 + 12345])
def test_bit_for_bit_for_large_seeds_and_indices(seed: int, index: int) -> None:
    for stream in Stream:
        for position, draw in [(0, 0), (4095, 3), (2**31, 2**24 - 1)]:
            value = uniform(seed, stream, torch.tensor(index), torch.tensor(position), draw)
            assert value.dtype == torch.float64
            assert float(value) == plain_uniform(seed, int(stream), index, position, draw)


def test_every_part_of_the_key_and_the_counter_matters() -> None:
    base = {"seed": 5, "stream": 1, "index": 7, "position": 3, "draw": 2}
    changes = [{}, {"seed": 5 + 2**32}, {"seed": 6}, {"stream": 2}, {"index": 7 + 2**32}, {"index": 8}]
    changes += [{"position": 4}, {"draw": 3}, {"index": 3, "position": 7}]
    values = set()
    for change in changes:
        at = base | change
        index, position = torch.tensor(at["index"]), torch.tensor(at["position"])
        values.add(float(uniform(at["seed"], Stream(at["stream"]), index, position, at["draw"])))
    assert len(values) == len(changes)


def test_the_same_in_any_shape() -> None:
    index, position = torch.arange(6), torch.arange(5)
    draws = torch.arange(30).view(6, 5) % 3
    block = uniform(9, Stream.LANDING, index.unsqueeze(-1), position, draws)
    assert block.shape == (6, 5)
    for i in range(6):
        for j in range(5):
            assert block[i, j] == uniform(9, Stream.LANDING, index[i], position[j], int(draws[i, j]))
    part = uniform(9, Stream.LANDING, index[4:].unsqueeze(-1), position[1:3], draws[4:, 1:3])
    assert torch.equal(part, block[4:, 1:3])


@pytest.mark.parametrize(("word", "expected"), [(0, 2.0**-53), (WORD, 1 - 2.0**-53)])
def test_open_interval(monkeypatch: pytest.MonkeyPatch, word: int, expected: float) -> None:
    words = (torch.tensor([word]),) * 4
    monkeypatch.setattr("dguide.random.philox", lambda counter, key: words)
    monkeypatch.setattr(counters, "_library", lambda: None)
    value = float(some(1))
    assert value == expected
    assert 0 < value < 1
    assert np.isfinite(np.log(value))
    assert -np.log(value) > 0  # an Exp(1) clock that is never zero


@pytest.mark.parametrize("stream", list(Stream))
def test_uniform(stream: Stream) -> None:
    values = some(50_000, stream, seed=3).numpy()
    assert stats.kstest(values, "uniform").pvalue > 1e-3
    # The lowest bits, too: what is left after 2^20 equal parts.
    assert stats.kstest(values * 2**20 % 1, "uniform").pvalue > 1e-3


def test_no_value_repeats() -> None:
    index, position = torch.arange(1000).unsqueeze(-1), torch.arange(50)
    blocks = [uniform(0, stream, index, position, draw) for stream in Stream for draw in (0, 1)]
    assert torch.stack(blocks).unique().numel() == 1000 * 50 * 2 * len(Stream)


def test_streams_positions_draws_samples_and_seeds_are_independent() -> None:
    count = 20_000
    first = some(count)
    others = {
        "stream": some(count, Stream.LANDING),
        "position": some(count, position=1),
        "draw": some(count, draw=1),
        "seed": some(count, seed=1),
        "high word of the seed": some(count, seed=2**32),
        "sample": some(count + 1)[1:],
    }
    for name, other in others.items():
        assert abs(float(torch.corrcoef(torch.stack((first, other)))[0, 1])) < 4 / count**0.5, name
        cells = (4 * first).long() * 4 + (4 * other).long()
        assert stats.chisquare(torch.bincount(cells, minlength=16).numpy()).pvalue > 1e-3, name


def test_global_generators_are_neither_read_nor_moved() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    first = some(100)
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    torch.manual_seed(2)
    np.random.seed(2)
    random.seed(2)
    assert torch.equal(some(100), first)


@pytest.mark.parametrize("seed", [0, 7, 2**64 - 1])
def test_seeds(seed: int) -> None:
    assert check_seed(seed) == seed


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "1", None, True])
def test_bad_seeds(seed: object) -> None:
    with pytest.raises(ValueError, match=r"seed: got .*, expected an int from 0 to 2\*\*64 - 1"):
        check_seed(seed)


@pytest.mark.skipif(counters._library() is None, reason="no C compiler that works")
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000])
def test_compiled_uniforms_are_the_same_bit_for_bit(count: int) -> None:
    code, generator = counters._library(), torch.Generator().manual_seed(count)
    words = [torch.randint(0, high, (count,), generator=generator) for high in (2**32, 2**31, 2**62)]
    for seed in (0, 12345, 2**63 + 17):
        assert torch.equal(counters._quickly(code, seed, *words), counters._slowly(seed, *words))


def test_without_a_compiler_uniforms_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    position = torch.arange(3).unsqueeze(-1)
    compiled = uniform(7, Stream.LANDING, torch.arange(5), position, 2)
    monkeypatch.setattr(counters, "_library", lambda: None)
    assert torch.equal(compiled, uniform(7, Stream.LANDING, torch.arange(5), position, 2))
    assert compiled.shape == (3, 5)
