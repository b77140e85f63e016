r"""Guided draws on the CPU in C, which reads every logit once: for `LogitRows` in float32, bfloat16 and float16.

The source is `compiled.c`, compiled when it is first asked for (see `dguide.compiler`). Where there is no library,
`vectorised` does the same, several times slower.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import logging
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from ..compiler import compiled
from . import vectorised
from .decoding import Decoding
from .rows import DrawRequest, Draws, LogitRows

__all__ = ["KINDS", "NO_ROWS", "fast", "flat", "land", "library", "log_z", "readable", "run", "serves", "told"]

KINDS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}
NO_ROWS = (0, 0, 0, 0, 0)
_TASK = struct.Struct("=5q5q6qd5q")
"""`struct task` of the source: all of its members have 8 bytes."""

_PLACES = struct.Struct("=qq")
"""What `struct landing` has after it."""

_LEFT_OUT = -1
"""What it returns where all rows were drawn but some that it does not serve."""
_NONE = torch.zeros(0, dtype=torch.int64, device="cpu")

_WORTH_THREADS = 1 << 20
"""Entries from which waking other threads costs little beside the work."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled source, or None where it cannot be had, is not wanted, or does not do what it should."""
    code = compiled(Path(__file__).with_suffix(".c"))
    if code is None:
        return None
    code.dguide_draw.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64]
    code.dguide_land.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64]
    code.dguide_log_z.argtypes = [ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64]
    code.dguide_exp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    if _agrees(code):
        return code
    logging.getLogger(__name__).debug("compiled.c is not used: this compiler makes something else of it")
    return None


def serves(device: torch.device, dtype: torch.dtype, decoding: Decoding) -> bool:
    """Whether there is a library for logits of this kind."""
    return device.type == "cpu" and dtype in KINDS and not decoding.truncates and library() is not None


def fast(asked: DrawRequest) -> tuple[Draws, Tensor]:
    """Draws from rows without NaN and +inf; see `guided_draw`. Returns also which rows it could serve, [N] bool.

    A conditional that forbids tokens by -inf is served where w is positive or there is no reference. What this cannot
    read at all is left to `vectorised.fast`, and so is complaining about it.
    """
    code = library()
    here = all(values.is_cpu for values in (asked.weight, asked.uniforms, asked.forbidden))
    if code is not None and here and not asked.decoding.truncates and _fits(asked.cond, asked.ref, asked.uniforms):
        found = _draw(code, asked)
        if found is not None:
            return found
    return vectorised.fast(asked)


def land(asked: DrawRequest, tokens: Tensor, place: Tensor) -> Tensor | None:
    """Draw as `fast` does, and only put the tokens to the entries `place` [N] of `tokens`, which is changed.

    Returns which rows were not served, [M]; None if it can do nothing of this, and all are still to be drawn.
    """
    code = library()
    here = all(x.is_cpu for x in (asked.weight, asked.uniforms, asked.forbidden, tokens, place))
    whole = tokens.is_contiguous() and tokens.dtype == place.dtype == torch.int64
    if code is None or not (here and whole and place.shape == asked.uniforms.shape):
        return None
    if not _fits(asked.cond, asked.ref, asked.uniforms):
        return None
    place = flat(place, torch.int64)
    served = torch.empty(place.shape[0], dtype=torch.bool, device="cpu")
    task, used = _task(asked, tokens, served, None)
    task += _PLACES.pack(place.data_ptr(), tokens.numel())
    result = run(code.dguide_land, task, place.shape[0], asked.cond.values.shape[1], [*used, place])
    if result < _LEFT_OUT:
        return None
    return (~served).nonzero().squeeze(-1) if result else _NONE


def log_z(asked: DrawRequest) -> tuple[Tensor, Tensor] | None:
    r"""$\log Z_w$ of rows that `fast` could serve, and which were served, [N]; None if it can read none of this."""
    code, cond, ref = library(), asked.cond, asked.ref
    here = all(values.is_cpu for values in (asked.weight, asked.forbidden))
    if code is None or ref is None or not here or not _fits(cond, ref, asked.weight):
        return None
    return _summed(code, asked)


def _summed(code: ctypes.CDLL, asked: DrawRequest) -> tuple[Tensor, Tensor] | None:
    """What `log_z` returns; None for numbers of rows or columns that there are not."""
    count, vocab = asked.cond.index.shape[0], asked.cond.values.shape[1]
    found, served = (torch.empty(count, dtype=dtype, device="cpu") for dtype in (torch.float64, torch.bool))
    task, used = _task(asked, None, served, found)
    return None if run(code.dguide_log_z, task, count, vocab, used) else (found, served)


def _draw(code: ctypes.CDLL, asked: DrawRequest) -> tuple[Draws, Tensor] | None:
    """What `fast` returns; None for numbers of rows or columns that there are not."""
    partition, spread = asked.partition, asked.spread
    count, vocab = asked.cond.index.shape[0], asked.cond.values.shape[1]
    # On the CPU whatever the default device is: C is given addresses.
    token = torch.empty(count, dtype=torch.int64, device="cpu")
    served = torch.empty(count, dtype=torch.bool, device="cpu")
    found = torch.empty((8, count) if partition or spread else count, dtype=torch.float64, device="cpu")
    task, used = _task(asked, token, served, found)
    if run(code.dguide_draw, task, count, vocab, used):
        return None
    if not (partition or spread):
        return Draws(token, found), served
    log_prob, log_z, log_cond, log_ref, *shape = found.unbind(0)
    laws = (log_z, log_cond, None if asked.ref is None else log_ref) if partition else (None, None, None)
    return Draws(token, log_prob, *laws, *(shape if spread else ())), served


def _task(asked: DrawRequest, token: Tensor | None, served: Tensor, found: Tensor | None) -> tuple[bytes, list[Tensor]]:
    """What the source is told, and all that it is given addresses of. Without `token` nothing is drawn."""
    cond, ref = asked.cond, asked.ref
    count, vocab = cond.index.shape[0], cond.values.shape[1]
    index = flat(cond.index, torch.int64)
    ref_index = index if ref is None or ref.index is cond.index else flat(ref.index, torch.int64)
    weight, uniforms = flat(asked.weight.expand(count), torch.float64), flat(asked.uniforms, torch.float64)
    forbidden = flat(asked.forbidden, torch.int64)
    task = _TASK.pack(
        *told(cond.values, index),
        *(NO_ROWS if ref is None else told(ref.values, ref_index)),
        vocab,
        forbidden.shape[0],
        count,
        weight.data_ptr(),
        uniforms.data_ptr(),
        forbidden.data_ptr(),
        asked.decoding.temperature,
        asked.partition,
        asked.spread,
        0 if token is None else token.data_ptr(),
        served.data_ptr(),
        0 if found is None else found.data_ptr(),
    )
    used = [cond.values, index, ref_index, weight, uniforms, forbidden, served]
    return task, used + [x for x in (token, found, None if ref is None else ref.values) if x is not None]


def flat(values: Tensor, dtype: torch.dtype) -> Tensor:
    """The values one after the other in memory."""
    if values.dtype == dtype and values.is_contiguous():
        return values
    return values.to(dtype).contiguous()


def _fits(cond: LogitRows, ref: LogitRows | None, uniforms: Tensor) -> bool:
    """Whether the rows are laid out as they should be."""
    count, vocab = uniforms.shape[0], cond.values.shape[-1]
    if not (count and vocab and readable(cond, count, vocab)):
        return False
    return ref is None or readable(ref, count, vocab)


def readable(rows: LogitRows, count: int, vocab: int) -> bool:
    """Whether the source can read these `count` rows of `vocab` columns."""
    values, index = rows.values, rows.index
    return (
        values.is_cpu
        and values.dtype in KINDS
        and values.ndim == 2
        and values.shape[1] == vocab
        and (values.stride(1) == 1 or vocab == 1)
        and index.is_cpu
        and index.dtype == torch.int64
        and index.shape[0] == count
    )


def told(values: Tensor, index: Tensor) -> tuple[int, int, int, int, int]:
    """`struct rows` of the source."""
    return values.data_ptr(), index.data_ptr(), KINDS[values.dtype], values.shape[0], values.stride(0)


def run(work: Callable[[bytes, int, int], int], task: bytes, count: int, columns: int, used: list[Tensor]) -> int:
    """Work on all rows, on as many threads as torch has. Other than 0 says that nothing may be used.

    `columns` is what a row costs, in entries; `used` is what `work` reads and writes.
    """

    def part(start: int, stop: int, _used: list[Tensor] = used) -> int:  # bound: what it reads and writes outlives it
        return int(work(task, start, stop))

    threads = min(torch.get_num_threads(), count) if count * columns > _WORTH_THREADS else 1
    if threads == 1:
        return part(0, count)
    ends = [count * share // threads for share in range(threads + 1)]
    try:
        others = [_pool(threads).submit(part, *ends_of) for ends_of in itertools.pairwise(ends[1:])]
    except RuntimeError:  # there are no threads to be had, or the interpreter is about to end
        return part(0, count)
    own = part(0, ends[1])
    return min(own, *(other.result() for other in others))


def _agrees(code: ctypes.CDLL) -> bool:
    """Whether it draws as `vectorised` does. No compiler is trusted with arithmetic that it may reorder."""
    cpu = torch.device("cpu")  # the default device and dtype are the user's
    logits = torch.sin(torch.arange(2400, dtype=torch.float32, device=cpu)).view(8, 300) * 5
    cond, ref = (LogitRows(logits, torch.arange(start, start + 4, device=cpu)) for start in (0, 4))
    share = torch.arange(1, 5, dtype=torch.float64, device=cpu)
    forbidden = torch.tensor([7, 290], device=cpu)
    for decoding in (Decoding(), Decoding(temperature=0.5)):
        asked = DrawRequest(cond, ref, share, share / 5, decoding, forbidden, True, True)
        own, summed, wanted = _draw(code, asked), _summed(code, asked), vectorised.fast(asked)[0]
        if own is None or summed is None or not bool((own[1] & summed[1]).all()):
            return False
        if wanted.log_z is None or not torch.allclose(summed[0], wanted.log_z, atol=1e-4):
            return False
        for name in Draws.__dataclass_fields__:
            if not torch.allclose(getattr(own[0], name).double(), getattr(wanted, name).double(), atol=1e-4):
                return False
    return True


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="dguide")


if hasattr(os, "register_at_fork"):  # a forked process has none of these threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
