"""Sums and draws of jumps on a floor on the CPU in C: the second half of `compiled.c`."""

from __future__ import annotations

import ctypes
import functools
import logging
import struct
from typing import NamedTuple

import torch
from torch import Tensor

from . import compiled, floored_vectorised
from .floor import Exits, Floor, FlooredRequest, FlooredSums, Read, Sums
from .rows import LogitRows

__all__ = ["Clocks", "fast", "leap", "serves"]

_TASK = struct.Struct("=5q5q6qd5qqq3dq4d")
"""`struct floored_task` of the source: all of its members have 8 bytes."""
_LEAP = struct.Struct("=4qQ8q")
"""What `struct leap` of the source has after that."""
_LEFT_OUT, _NOT_LANDED = 0, 2
"""What a leap leaves in `served`."""
_NO_MEMORY = -2
_NOTHING = torch.zeros(0, dtype=torch.int64, device="cpu")

_ROW = 400
"""What a row costs besides its columns, in entries."""


class Clocks(NamedTuple):
    """Positions of a batch whose clocks run, and what decides where they land.

    Attributes:
        draw: address of `dguide_uniforms` of random.c.
        seed: the key.
        landing, clock: the first word of the counters of either stream, before the number of the draw is added.
        flat: [N] int64, which entry of the tensors below each position is.
        sample, position: [N] int64, the other words of its counter; the first is the global index of the sample.
        tokens, jumps: int64, as `clocks` of a whole batch, one after the other in memory; they are changed.
        clocks: float64, what is left of each clock.
    """

    draw: int
    seed: int
    landing: int
    clock: int
    flat: Tensor
    sample: Tensor
    position: Tensor
    tokens: Tensor
    jumps: Tensor
    clocks: Tensor

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return self[4:]


def leap(read: Read, log_stay: Tensor, clocks: Clocks) -> tuple[Tensor, Tensor, Tensor] | None:
    """Let the positions of the rows `read` stay with the log-probabilities `log_stay` [N]; who leaves, lands.

    Returns:
        Which rows were not served and are as they were, [M]; which left, and have no token yet, [K], and the uniforms
        that decide it, [K]. None where nothing could be done: for tensors that are laid out otherwise.
    """
    kinds = (*(torch.int64,) * 5, torch.float64)
    code = compiled.library()
    if code is None or any(x.dtype != kind or not (x.is_cpu and x.is_contiguous())
                           for x, kind in zip(clocks.tensors, kinds, strict=True)):  # fmt: skip
        return None
    log_stay = compiled.flat(log_stay, torch.float64)
    uniforms, token = torch.empty_like(log_stay), torch.empty_like(clocks.flat)
    first = (uniforms.data_ptr(), token.data_ptr(), log_stay.data_ptr())
    told = _LEAP.pack(*first, *clocks[:4], *(x.data_ptr() for x in clocks.tensors))
    used = [*read.used, uniforms, token, log_stay, *clocks.tensors]
    result = compiled.run(code.dguide_leap, read.task + told, len(log_stay), _ROW, used)
    if result == _NO_MEMORY:
        raise MemoryError("no memory to draw tokens in")
    if result == 0:
        return _NOTHING, _NOTHING, uniforms[:0]
    state = read.served.view(torch.uint8)
    left, late = ((state == which).nonzero().squeeze(-1) for which in (_LEFT_OUT, _NOT_LANDED))
    return left, late, uniforms[late]


def serves(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether there is a library for logits of this kind."""
    code = compiled.library() if device.type == "cpu" and dtype in compiled.KINDS else None
    return code is not None and _agrees(code)


def fast(asked: FlooredRequest) -> Sums:
    """Sums of rows, and draws; what this cannot read at all is left to `floored_vectorised`."""
    code = compiled.library()
    count, vocab = len(asked.cond), asked.cond.values.shape[-1]
    here = all(values.is_cpu for values in (asked.weight, asked.present, asked.forbidden))
    found = None
    if code is not None and here and all(compiled.readable(rows, count, vocab) for rows in asked.predictions):
        found = _sums(code, asked)
    return floored_vectorised.fast(asked) if found is None else found


def _sums(code: ctypes.CDLL, asked: FlooredRequest) -> Sums | None:
    """What `fast` returns; None for numbers of rows or columns that there are not."""
    count, vocab = len(asked.cond), asked.cond.values.shape[-1]
    # On the CPU whatever the default device is: C is given addresses.
    served = torch.empty(count, dtype=torch.bool, device="cpu")
    found = torch.empty((13, count), dtype=torch.float64, device="cpu")
    many = len(asked.predictions)
    rest, here_, top = (found[start : start + many] for start in (0, 2, 4))
    if asked.known is not None:
        for column, known in zip((rest, here_, top), asked.known, strict=True):
            column.copy_(known)
    token = torch.zeros(count, dtype=torch.int64, device="cpu") if asked.uniforms is not None else None
    task, used = _task(asked, count, vocab, token, served, found)
    passes = (asked.known is None) + (token is not None or asked.partition)
    if compiled.run(code.dguide_floored, task, count, passes * (_ROW + vocab), used):
        return None
    total, lift = (found[6], found[7]) if token is not None or asked.partition else (None, None)
    log_intensity = None if asked.exits is None else found[9 : 9 + many]
    tilted = None if asked.exits is None else found[11 if many == 2 else 9]
    share = None if token is None else found[8]
    log_z = found[12] if asked.partition else None
    read = Read(task, served, used)
    return Sums(rest, here_, top, total, lift, token, share, served, log_intensity, tilted, log_z, read)


def _task(
    asked: FlooredRequest, count: int, vocab: int, token: Tensor | None, served: Tensor, found: Tensor
) -> tuple[bytes, list[Tensor]]:
    """What the source is told, and all that it is given addresses of."""
    index = compiled.flat(asked.cond.index, torch.int64)
    ref_index = index if asked.ref is None else compiled.flat(asked.ref.index, torch.int64)
    weight, present = (
        compiled.flat(asked.weight.expand(count), torch.float64),
        compiled.flat(asked.present, torch.int64),
    )
    uniforms = None if asked.uniforms is None else compiled.flat(asked.uniforms, torch.float64)
    forbidden = compiled.flat(asked.forbidden, torch.int64)
    task = _TASK.pack(
        *compiled.told(asked.cond.values, index),
        *(compiled.NO_ROWS if asked.ref is None else compiled.told(asked.ref.values, ref_index)),
        vocab,
        forbidden.shape[0],
        count,
        weight.data_ptr(),
        0 if uniforms is None else uniforms.data_ptr(),
        forbidden.data_ptr(),
        1.0,
        asked.partition,
        False,
        0 if token is None else token.data_ptr(),
        served.data_ptr(),
        found.data_ptr(),
        present.data_ptr(),
        asked.known is not None,
        *asked.floor,
        *_exits(asked.exits),
    )
    used = [asked.cond.values, index, ref_index, weight, present, forbidden, served, found]
    return task, used + [x for x in (uniforms, token, None if asked.ref is None else asked.ref.values) if x is not None]


def _exits(exits: Exits | None) -> tuple[int, float, float, float, float]:
    if exits is None:
        return 0, 0.0, 0.0, 0.0, 0.0
    return (1, *exits[:2], 0.0, 0.0) if exits.stay is None else (2, *exits[:2], *exits.stay)


@functools.cache
def _agrees(code: ctypes.CDLL) -> bool:
    """Whether it finds what `floored_vectorised` does. No compiler is trusted with arithmetic that it may reorder."""
    cpu = torch.device("cpu")  # the default device and dtype are the user's
    logits = torch.sin(torch.arange(2400, dtype=torch.float32, device=cpu)).view(8, 300) * 5
    cond, ref = (LogitRows(logits, torch.arange(start, start + 4, device=cpu)) for start in (0, 4))
    share, present = torch.arange(1, 5, dtype=torch.float64, device=cpu), torch.tensor([0, 5, 270, 299], device=cpu)
    forbidden = torch.tensor([7, 290], device=cpu)
    for floor in (Floor(1.0, 1e-3, 0.1), Floor(3.0, 1e3, 0.5), Floor(1.0, 0.0, 0.1)):
        asked = FlooredRequest(cond, ref, share - 1.5, present, floor, forbidden, True, share / 5)
        own, wanted = _sums(code, asked), FlooredSums(asked, floored_vectorised.fast(asked))
        if own is None or not bool(own.served.all()) or not _same(FlooredSums(asked, own), wanted):
            logging.getLogger(__name__).debug("the sums of compiled.c are not used: they are not what they should be")
            return False
    return True


def _same(own: FlooredSums, wanted: FlooredSums) -> bool:
    pairs = ((getattr(own, name), getattr(wanted, name)) for name in ("here", "rest", "log_z", "token", "log_prob"))
    return all(torch.allclose(one.double(), other.double(), atol=1e-4) for one, other in pairs)
