"""Sums and draws of jumps on a floor on the CPU in C, by `floored_sums.c` and what is compiled with it."""

from __future__ import annotations

import ctypes
import functools
import logging
import struct
from pathlib import Path

import torch
from torch import Tensor

from .. import compiler
from . import compiled, floored_vectorised
from .floor import Exits, Floor, FlooredRequest, FlooredSums, Sums
from .rows import LogitRows

__all__ = ["ROW", "fast", "library", "serves", "told"]

_TASK = struct.Struct("=5q5q6qd5qqq3dq4d")
"""`struct floored_task` of the source: all of its members have 8 bytes."""
_SOURCES = ("compiled", "floored", "floored_few", "floored_sums", "floored_step")
"""They are compiled in one piece."""

ROW = 400
"""What a row costs besides its columns, in entries."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled source, or None where it cannot be had, is not wanted, or does not do what it should."""
    first, *others = (Path(__file__).with_name(f"{name}.c") for name in _SOURCES[::-1])
    code = compiler.compiled(first, others[::-1])
    if code is None:
        return None
    for work in (code.dguide_floored, code.dguide_floored_step):
        work.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64]
    return code if _agrees(code) else None


def serves(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether there is a library for logits of this kind."""
    return device.type == "cpu" and dtype in compiled.KINDS and library() is not None


def fast(asked: FlooredRequest) -> Sums:
    """Sums of rows, and draws; what this cannot read at all is left to `floored_vectorised`."""
    code = library()
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
    task, used = told(asked, token, served, found)
    passes = (asked.known is None) + (token is not None or asked.partition)
    if compiled.run(code.dguide_floored, task, count, passes * (ROW + vocab), used):
        return None
    total, lift = (found[6], found[7]) if token is not None or asked.partition else (None, None)
    log_intensity = None if asked.exits is None else found[9 : 9 + many]
    tilted = None if asked.exits is None else found[11 if many == 2 else 9]
    share = None if token is None else found[8]
    log_z = found[12] if asked.partition else None
    return Sums(rest, here_, top, total, lift, token, share, served, log_intensity, tilted, log_z)


def told(
    asked: FlooredRequest, token: Tensor | None, served: Tensor, found: Tensor | None
) -> tuple[bytes, list[Tensor]]:
    """`struct floored_task` of the source, and all that it is given addresses of."""
    count, vocab = len(asked.cond), asked.cond.values.shape[-1]
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
        0 if found is None else found.data_ptr(),
        present.data_ptr(),
        asked.known is not None,
        *asked.floor,
        *_exits(asked.exits),
    )
    used = [asked.cond.values, index, ref_index, weight, present, forbidden, served]
    others = (uniforms, token, found, None if asked.ref is None else asked.ref.values)
    return task, used + [x for x in others if x is not None]


def _exits(exits: Exits | None) -> tuple[int, float, float, float, float]:
    if exits is None:
        return 0, 0.0, 0.0, 0.0, 0.0
    return (1, *exits[:2], 0.0, 0.0) if exits.stay is None else (2, *exits[:2], *exits.stay)


def _agrees(code: ctypes.CDLL) -> bool:
    """Whether it finds what `floored_vectorised` does. No compiler is trusted with arithmetic that it may reorder."""
    cpu = torch.device("cpu")  # the default device and dtype are the user's
    share, present = torch.arange(1, 5, dtype=torch.float64, device=cpu), torch.tensor([0, 5, 270, 299], device=cpu)
    for vocab in (300, 40):  # many columns, and few
        logits = torch.sin(torch.arange(8 * vocab, dtype=torch.float32, device=cpu)).view(8, vocab) * 5
        cond, ref = (LogitRows(logits, torch.arange(start, start + 4, device=cpu)) for start in (0, 4))
        forbidden = torch.tensor([7, vocab - 10], device=cpu)
        for floor in (Floor(1.0, 1e-3, 0.1), Floor(3.0, 1e3, 0.5), Floor(1.0, 0.0, 0.1)):
            asked = FlooredRequest(cond, ref, share - 1.5, present % vocab, floor, forbidden, True, share / 5)
            own, wanted = _sums(code, asked), FlooredSums(asked, floored_vectorised.fast(asked))
            if own is None or not bool(own.served.all()) or not _same(FlooredSums(asked, own), wanted):
                logging.getLogger(__name__).debug("%s.c is not used: it finds something else", _SOURCES[-2])
                return False
    return True


def _same(own: FlooredSums, wanted: FlooredSums) -> bool:
    pairs = ((getattr(own, name), getattr(wanted, name)) for name in ("here", "rest", "log_z", "token", "log_prob"))
    return all(torch.allclose(one.double(), other.double(), atol=1e-4) for one, other in pairs)
