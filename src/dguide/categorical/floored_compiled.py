"""Sums and draws of jumps on a floor on the CPU in C: the second half of `compiled.c`."""

from __future__ import annotations

import ctypes
import functools
import logging
import struct

import torch
from torch import Tensor

from . import compiled, floored_vectorised
from .floor import Floor, FlooredRequest, FlooredSums, Sums
from .rows import LogitRows

__all__ = ["fast", "serves"]

_TASK = struct.Struct("=5q5q6qd5qqq3d")
"""`struct floored_task` of the source: all of its members have 8 bytes."""

_ROW = 400
"""What a row costs besides its columns, in entries."""


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
    found = torch.empty((9, count), dtype=torch.float64, device="cpu")
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
    if token is None and not asked.partition:
        return Sums(rest, here_, top, None, None, None, None, served)
    return Sums(rest, here_, top, found[6], found[7], token, None if token is None else found[8], served)


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
    )
    used = [asked.cond.values, index, ref_index, weight, present, forbidden, served, found]
    return task, used + [x for x in (uniforms, token, None if asked.ref is None else asked.ref.values) if x is not None]


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
        own, wanted = _sums(code, asked), FlooredSums.of(asked, floored_vectorised.fast(asked))
        if own is None or not bool(own.served.all()) or not _same(FlooredSums.of(asked, own), wanted):
            logging.getLogger(__name__).debug("the sums of compiled.c are not used: they are not what they should be")
            return False
    return True


def _same(own: FlooredSums, wanted: FlooredSums) -> bool:
    pairs = ((getattr(own, name), getattr(wanted, name)) for name in ("here", "rest", "log_z", "token", "log_prob"))
    return all(torch.allclose(one.double(), other.double(), atol=1e-4) for one, other in pairs)
