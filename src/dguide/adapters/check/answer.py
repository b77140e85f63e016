"""Does the model answer at all, with logits, and the same each time? Nothing else can be asked before."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...errors import InputError
from ...samplers.first_call import check_logits, check_repeatable, modules_in
from ..vocabulary import Overflow
from .probe import Probe, apart
from .record import Line

__all__ = ["ANSWER", "HALF", "NORMALISED", "REPEATED", "answered", "dtypes"]

ANSWER, HALF, NORMALISED, REPEATED = "answer", "half precision", "not probabilities", "the same each time"
_ROUNDING = 1e-3
_LOGITS = "numbers, finite or -inf for a token that is impossible, [B, L, V]"


def answered(probe: Probe) -> tuple[list[Line], Probe | None]:
    """The first lines, and the probe with the first answer; None for an answer that nothing can be said about."""
    repeated = Line(REPEATED, "right", "two calls give the same answer", "the same")
    try:
        first = check_repeatable("answer", probe.denoiser, lambda: probe.raw(probe.noisy, probe.time, probe.condition))
    except Overflow as error:
        return [_overflow(str(error))], None
    except InputError as error:
        if "evaluation mode" in str(error) or "answers the same" in str(error):
            return [_unsteady(str(error))], None
        return [Line(ANSWER, "wrong", str(error), _LOGITS)], None
    wrong = _wrong(probe, first)
    if wrong is not None:
        return [wrong], None
    half = first.dtype in (torch.float16, torch.bfloat16)
    lines = [Line(ANSWER, "right", f"{list(first.shape)} of {str(first.dtype).removeprefix('torch.')}", _LOGITS)]
    try:
        check_logits("answer", first[0])
    except InputError:
        seen = "rows are nowhere negative and sum to one"
        remedy = "Convention(output='probabilities'), or return their logarithm."
        return [*lines, Line(NORMALISED, "wrong", seen, "logits, or log-probabilities", remedy)], None
    logits = first.float() if half else first
    lines.append(_normalised(logits))
    again = probe.ask(probe.noisy, probe.time, probe.condition)
    gap = apart(again, logits)
    if gap > _ROUNDING:
        return [*lines, _unsteady(f"two calls differ by up to {gap:.3g}")], None
    return [*lines, repeated], replace(probe, logits=logits, dtype=first.dtype)


def dtypes(denoiser: object) -> set[torch.dtype]:
    """The dtypes of the weights of the networks in a denoiser."""
    found = {weight.dtype for network in modules_in(denoiser) for weight in network.parameters()}
    return {dtype for dtype in found if dtype.is_floating_point}


def _wrong(probe: Probe, first: object) -> Line | None:
    """The line of an answer that is no tensor of logits; None if it is one."""
    shape = [*probe.noisy.shape, probe.process.vocab_size]
    if not isinstance(first, Tensor):
        return Line(ANSWER, "wrong", type(first).__name__, _LOGITS, "return its tensor of logits, such as .logits.")
    if list(first.shape) != shape:
        return _shape(first, shape)
    if not first.dtype.is_floating_point:
        return Line(ANSWER, "wrong", str(first.dtype), _LOGITS, "return logits, not tokens.")
    largest = first.amax(-1)
    if bool(largest.isfinite().all()):
        return None
    seen = "NaN" if bool(largest.isnan().any()) else "inf" if bool(largest.isposinf().any()) else "a row of -inf alone"
    if torch.float16 in {first.dtype, *dtypes(probe.denoiser)}:
        return _overflow(f"{seen} in float16, whose largest number is 65504")
    return Line(ANSWER, "wrong", f"{seen} in {first.dtype}", _LOGITS, "find the layer that it begins in.")


def _shape(first: Tensor, shape: list[int]) -> Line:
    """The line of an answer of another shape."""
    remedy, vocab = "return a row for each token that is read.", shape[-1]
    if list(first.shape[:-1]) == shape[:-1]:
        columns = first.shape[-1]
        remedy = f"vocab_size={columns} with mask_id, if one more column is the mask; else "
        remedy += f"Convention(columns={columns}), which drops columns that stand for nothing."
        if columns < vocab:
            remedy = f"vocab_size={columns} in the process."
    return Line(ANSWER, "wrong", f"shape {list(first.shape)}", f"[B, L, V] = {shape}", remedy)


def _overflow(seen: str) -> Line:
    return Line(HALF, "wrong", seen, "finite logits", "load the model in bfloat16 or float32.")


def _unsteady(seen: str) -> Line:
    return Line(REPEATED, "wrong", seen, "the same answer to the same call", "call .eval() on the network.")


def _normalised(logits: Tensor) -> Line:
    """Whether the answer has been through a log-softmax: either is right."""
    total = logits.logsumexp(-1).abs().max()
    seen = "log-probabilities" if float(total) < 1e-2 else "logits that are not normalised"
    return Line(NORMALISED, "right", seen, "logits or log-probabilities")
