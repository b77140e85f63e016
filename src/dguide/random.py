r"""Counter-based uniforms: a pure function of (seed, sample index, position, draw).

Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) on the counter
(stream and draw, position, index low, index high) with the seed as key. A sample's randomness therefore does not
depend on the batch, shard, process or device that computes it, nor on any global generator, and two runs with the same
seed and different settings are coupled: the same clocks, the same landing uniforms. On the CPU `random.c` computes the
same whole numbers, where there is a compiler.
"""

from __future__ import annotations

import ctypes
import functools
from enum import IntEnum
from pathlib import Path

import torch
from torch import Tensor

from .compiler import compiled
from .errors import bad

__all__ = ["Stream", "address", "check_seed", "first_word", "philox", "uniform"]

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_WORD = 0xFFFFFFFF


class Stream(IntEnum):
    """What a uniform is used for; streams never share a counter."""

    CLOCK = 0
    LANDING = 1
    PRIOR = 2
    ACCEPT = 3
    RESAMPLE = 4
    REMASK = 5


def check_seed(seed: int) -> int:
    """Return `seed`, or raise `ValueError` unless it is an int in [0, 2^64)."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
        raise bad("seed", repr(seed), "an int from 0 to 2**64 - 1")
    return seed


def philox(counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[int, int]) -> tuple[Tensor, ...]:
    """Philox 4x32-10: four words of 32 bits (in int64 tensors) from four counter words and two key words."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        # int64 products wrap, but their 64 bits are right; the mask undoes the sign of the arithmetic shift.
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            ((right >> 32) & _WORD) ^ b ^ k0,
            right & _WORD,
            ((left >> 32) & _WORD) ^ d ^ k1,
            left & _WORD,
        )
        k0, k1 = (k0 + _WEYL[0]) & _WORD, (k1 + _WEYL[1]) & _WORD
    return a, b, c, d


def uniform(seed: int, stream: Stream, index: Tensor, position: Tensor, draw: Tensor | int = 0) -> Tensor:
    r"""Uniforms $(2j + 1) / 2^{53}$, j of 52 bits, in the open interval (0, 1).

    Args:
        seed: the key, 0 to $2^{64} - 1$.
        stream: what they are for.
        index: global sample index, int64; broadcast with the others.
        position: position in the sequence, int64.
        draw: how many draws of this stream the position has had, below $2^{24}$.
    """
    draws = torch.as_tensor(draw, device=index.device)
    index, position, draws = torch.broadcast_tensors(index, position, draws)
    first = first_word(stream) | draws
    code = _library() if index.is_cpu and position.is_cpu else None
    return _slowly(seed, first, position, index) if code is None else _quickly(code, seed, first, position, index)


def first_word(stream: Stream) -> int:
    """The first word of the counters of a stream, for draw 0."""
    return int(stream) << 24


@functools.cache
def address() -> int | None:
    """Where `dguide_uniforms` of `random.c` is in memory, for other sources in C; None where there is none."""
    code = _library()
    return None if code is None else ctypes.cast(code.dguide_uniforms, ctypes.c_void_p).value


def _slowly(seed: int, first: Tensor, position: Tensor, index: Tensor) -> Tensor:
    counter = (first, position, index & _WORD, (index >> 32) & _WORD)
    high, low, _, _ = philox(counter, (seed & _WORD, seed >> 32))
    bits = (high << 20) | (low >> 12)
    return (2 * bits + 1).double() * 2.0**-53


def _quickly(code: ctypes.CDLL, seed: int, first: Tensor, position: Tensor, index: Tensor) -> Tensor:
    words = [x.to(torch.int64).contiguous() for x in (first, position, index)]
    found = torch.empty(index.shape, dtype=torch.float64, device="cpu")  # whatever the default device is
    code.dguide_uniforms(*(x.data_ptr() for x in words), seed, found.numel(), found.data_ptr())
    return found


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The compiled source, or None where it cannot be had or computes something else."""
    code = compiled(Path(__file__).with_suffix(".c"))
    if code is None:
        return None
    pointer = ctypes.c_void_p
    code.dguide_uniforms.argtypes = [pointer, pointer, pointer, ctypes.c_uint64, ctypes.c_int64, pointer]
    code.dguide_uniforms.restype = None
    some = torch.arange(37, device="cpu")
    words = (some * 0x1234567 % 2**32, some.flip(0), some * 0x123456789ABCDEF % 2**62)
    agrees = all(torch.equal(_quickly(code, seed, *words), _slowly(seed, *words)) for seed in (0, 2**64 - 3))
    return code if agrees else None
