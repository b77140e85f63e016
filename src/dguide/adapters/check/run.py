"""`check_model`: all questions in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ...denoiser import Condition, Denoiser, batch_of, shown, take, to_device
from ...devices import on_cpu, usable_device
from ...errors import Mistakes, bad, in_tensor, positive
from ...process import Process
from ...samplers.first_call import check_declared, check_parts, modules_in
from . import answer, columns, half, law, mask, null, rows, shift, time
from .probe import Probe
from .record import Line, ModelCheck

__all__ = ["check_model"]

_Question: TypeAlias = Callable[[Probe], Line]
_ROWS, _POSITIONS = 64, 2048
"""Sequences of a call without `count`: so many, or more if they have fewer tokens together."""
_MOST_NUMBERS = 1 << 25
"""Logits of one call without `count`."""
_FEWEST_ROWS = 4
_LEVELS = torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64)
"""Noise levels of the sequences."""


@dataclass(frozen=True)
class _Asked:
    """A question: its name, and whether it means anything once an earlier answer was wrong."""

    name: str
    answer: _Question
    alone: bool = False


_QUESTIONS = (
    _Asked(mask.MASK, mask.mask_token),
    _Asked(mask.PREDICTED, mask.mask_predicted),
    _Asked(shift.SHIFT, shift.shift),
    _Asked(columns.OFFSET, columns.offset),
    _Asked(law.LAW, law.law),
    _Asked(time.DIRECTION, time.direction),
    _Asked(columns.WORDS, columns.words),
    _Asked(columns.FIT, columns.fit),
    _Asked(null.NULL, null.null),
    _Asked(time.READS, time.reads_time, alone=True),
    _Asked(null.SCALE, null.scale, alone=True),
    _Asked(rows.BATCH, rows.batch, alone=True),
    _Asked(rows.PADDING, rows.padding, alone=True),
    _Asked(rows.KEPT, rows.kept, alone=True),
    _Asked(answer.HALF, half.half, alone=True),
)


@on_cpu
def check_model(
    denoiser: Denoiser,
    *,
    process: Process | None = None,
    length: int | None = None,
    data: Tensor | None = None,
    condition: Condition = None,
    count: int | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> ModelCheck:
    """Whether a model fits what dguide takes it for, before anything is sampled.

    Each question is answered by calls of the model. Most compare how well real sequences are predicted in two readings,
    in pairs: a reading is better if it saves more than 0.05 bits a token and more than five standard errors. A question
    that the data or the model leave open is "not decidable".

    Args:
        denoiser: The model, as `dguide.sample` takes it.
        process: Its process. By default the attribute `process` of the denoiser.
        length: Tokens of a sequence, without `data`.
        data: Real sequences [N, L] int64, at best held out. Without them half of the questions stay open.
        condition: Conditions with leading dimension N, those of `data`; or any number of them without data.
        count: Sequences of a call. By default 64, or more of short ones: 2048 tokens. Fewer, but at least 4, if a call
            had more than 2^25 logits.
        seed: Of the noise.
        device: Where to call the model. By default where its weights are.

    Returns:
        `ModelCheck`: its `lines`, `ok`, and a table as its text.

    Raises:
        ValueError: With all that is wrong in the arguments, before the model is called.

    >>> import dguide
    >>> law = torch.tensor([[0.4, 0.1], [0.1, 0.4]])
    >>> oracle = dguide.exact.Problem(dguide.Masked(2), law, torch.full((2, 2), 0.25)).oracle()
    >>> found = dguide.check_model(oracle, length=2, condition=torch.zeros(8, dtype=torch.int64))
    >>> found.ok, found["null differs"].verdict
    (True, 'right')
    """
    process = getattr(denoiser, "process", None) if process is None else process
    check_parts(denoiser, process)
    assert process is not None
    mistakes = Mistakes()
    mistakes.of(lambda: check_declared("denoiser", denoiser, process))
    known = mistakes.of(lambda: _sizes(process, length, data, condition, count))
    place = mistakes.of(lambda: _place(denoiser, device))
    mistakes.settle()
    assert known is not None
    assert place is not None
    probe = _probe(denoiser, process, known, data, condition, seed, place)
    lines, first = answer.answered(probe)
    blamed = "" if first is not None else lines[-1].question
    for asked in _QUESTIONS:
        if first is None or (blamed and not asked.alone):
            if asked.name not in {line.question for line in lines}:
                lines.append(Line(asked.name, "not decidable", f"until {blamed!r} is right"))
            continue
        lines.append(asked.answer(first))
        if lines[-1].verdict == "wrong" and not asked.alone:
            blamed = blamed or asked.name
    return ModelCheck(tuple(lines), probe.counter.calls)


def _sizes(
    process: Process, length: int | None, data: Tensor | None, condition: Condition, count: int | None
) -> tuple[int, int, int]:
    """Tokens of a sequence, sequences that there are, and sequences of a call."""
    given = batch_of(condition)
    if data is not None:
        _check_data(process, data)
        if length is not None and length != data.shape[1]:
            raise bad("length", length, f"none beside data, or {data.shape[1]}")
        if given not in (None, len(data)):
            raise bad("condition", f"{given} rows", f"one for each of the {len(data)} sequences of data")
        tokens, there = data.shape[1], len(data)
    elif length is None:
        raise bad("data", "neither data nor length", "one of them")
    else:
        tokens = positive("length", length)
        there = _ROWS if given is None else given
    if there < 1:
        raise bad("data or condition", "none in it", "at least one sequence")
    usual = min(max(_ROWS, _POSITIONS // tokens), _MOST_NUMBERS // (tokens * process.vocab_size))
    return tokens, there, min(there, max(_FEWEST_ROWS, usual) if count is None else positive("count", count))


def _check_data(process: Process, data: Tensor) -> None:
    if not isinstance(data, Tensor) or data.dtype != torch.int64 or data.ndim != 2:
        got = shown(data)
        raise bad("data", got, "an int64 tensor [N, L]", in_tensor(data))
    if data.numel() and not 0 <= int(data.min()) <= int(data.max()) < process.vocab_size:
        span = f"tokens from {int(data.min())} to {int(data.max())}"
        raise bad("data", span, f"0 to vocab_size - 1 = {process.vocab_size - 1}")


def _place(denoiser: Denoiser, device: torch.device | str | None) -> torch.device:
    """The device that was asked for, or that of the first weights."""
    if device is not None:
        return usable_device(device)
    weights = (weight.device for network in modules_in(denoiser) for weight in network.parameters())
    return usable_device(next(weights, torch.device("cpu")))


def _probe(
    denoiser: Denoiser,
    process: Process,
    sizes: tuple[int, int, int],
    data: Tensor | None,
    condition: Condition,
    seed: int,
    place: torch.device,
) -> Probe:
    """Sequences spread evenly over those that there are, with noise on them."""
    length, there, count = sizes
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.arange(count) * there // count
    if data is None:
        allowed = torch.tensor([y for y in range(process.vocab_size) if y not in process.excluded])
        clean = allowed[torch.randint(len(allowed), (count, length), generator=generator)]
    else:
        clean = data.cpu()[chosen]
    uniforms = torch.rand((count, length, 2), generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    time = process.noise.time(_LEVELS[torch.arange(count) % len(_LEVELS)])
    noisy = process.corrupt(clean, time, uniforms)
    spared = ~process.movable(noisy).any(1)  # by chance: nothing could be asked about them
    uniforms[spared, torch.arange(count)[spared] % length, 0] = 0.0
    noisy = process.corrupt(clean, time, uniforms)
    told = to_device(take(to_device(condition, torch.device("cpu")), chosen), place)
    moved = (each.to(place) for each in (clean, noisy, time, uniforms))
    clean, noisy, time, uniforms = moved
    return Probe(denoiser, process, clean, data is not None, told, noisy, time, uniforms)
