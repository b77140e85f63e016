"""Checks of the arguments of `dguide.exact`, made before any computation."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import bad, in_tensor, with_data
from ..guidance import Guidance
from ..process import Process
from ..samplers.first_call import check_declared
from .space import check_table

__all__ = ["check_denoiser", "check_guidance", "check_law", "check_times"]


def check_law(process: Process, table: Tensor, what: str) -> Tensor:
    """A joint table as a float64 distribution [V] * d of data. Raises `ValueError` if the process cannot have it."""
    if not isinstance(process, Process):
        raise bad("process", repr(process), "a process such as dguide.Masked(vocab_size=3)")
    if isinstance(table, Tensor) and table.is_complex():
        raise bad(what, table.dtype, "real probabilities")
    law = check_table(process, table, what)
    never = process.data_logits(torch.zeros(process.vocab_size)).isneginf()
    for axis in range(law.ndim):
        if bool(never.any()) and float(law.movedim(axis, -1)[..., never].max()) > 0:
            column = int(never.nonzero()[0])
            raise bad(what, f"mass on token {column}, the mask, at position {axis}", "none: it is no data")
    return law


def check_guidance(what: str, guidance: Guidance) -> None:
    """Raises `ValueError` unless `guidance` is a mechanism with its weight, and its declarations are true."""
    if not isinstance(guidance, Guidance):
        raise bad(f"{what} guidance", repr(guidance), "a mechanism with its weight, such as dguide.Normalized(2.0)")
    guidance.verify()


def check_denoiser(what: str, denoiser: object, process: Process) -> None:
    """Raises `ValueError` unless `denoiser` is None, or one for the process, with and without the condition."""
    if denoiser is not None and not (callable(denoiser) and callable(getattr(denoiser, "null", None))):
        raise bad(
            f"{what} denoiser",
            type(denoiser).__name__,
            "a callable (tokens, time, labels) -> logits with a method null(labels)",
            "Leave it out for the exact one.",
        )
    check_declared("denoiser", denoiser, process)


def check_times(what: str, times: Tensor, dims: int | None = None) -> Tensor:
    """`times` as float64. Raises `ValueError` unless it is a tensor of times from 0 to 1 with `dims` dimensions."""
    if not isinstance(times, Tensor) or times.is_complex():
        raise bad(f"{what} times", repr(times), "a tensor of times from 0 to 1", in_tensor(times))
    with_data(f"{what} times", times)
    if dims is not None and times.ndim != dims:
        raise bad(f"{what} times", f"shape {tuple(times.shape)}", f"{dims} dimension")
    if not bool(((times >= 0) & (times <= 1)).all()):
        raise bad(f"{what} times", times.tolist(), "times from 0 to 1")
    return times.double()
