"""Measures the signals of a network at several noise levels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...denoiser import batch_of, shown, take
from ...devices import on_cpu, usable_device
from ...errors import Mistakes, bad, in_tensor, number, positive, with_data
from ...process import Process
from ...random import check_seed
from ...samplers import Condition, Denoiser
from ...samplers.first_call import check_parts
from .contexts import Contexts
from .pair import Pair
from .signals import Pairs, Singles
from .table import Outlook, Signals

__all__ = ["LEVELS", "outlook"]

LEVELS = (1.0, 0.75, 0.5, 0.25)
"""Noise levels of `outlook`, from noise to data."""


@on_cpu
@torch.no_grad()
def outlook(
    denoiser: Denoiser,
    process: Process,
    tokens: Tensor,
    condition: Condition,
    *,
    weight: float,
    levels: Sequence[float] = LEVELS,
    sequences: int = 64,
    positions: int = 4,
    seed: int = 0,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
) -> Outlook:
    r"""Strength of guidance, clash of orders, pace, and errors of the two predictions, before anything is sampled.

    At each noise level a share of the tokens of held-out sequences is masked. The network is asked for both
    predictions there, and once more for each of K masked positions, filled with a token of the tilted prediction. So
    2 (1 + K) rows of a call are needed for each sequence and noise level. [`Signals`][dguide.theory.outlook.Signals]
    says what is made of them.

    Args:
        denoiser: Gives logits [B, L, V] from tokens [B, L], time [B] and condition [B]; has `null`.
        process: Its process, whose noise is a mask token.
        tokens: Held-out sequences with their true conditions, [N, L] int64.
        condition: Condition of each sequence, leading dimension N.
        weight: w, above 0.
        levels: Noise levels m, above 0 and at most 1. At least two positions are masked at each.
        sequences: How many of the N are looked at; they are chosen at random.
        positions: K, masked positions of each sequence whose pairs are looked at, at least 2.
        seed: Seed of the choice of sequences, positions and tokens.
        batch_size: Rows of one call.
        device: Device of the denoiser.

    Raises:
        ValueError: If an argument is out of range, the process has no mask token, or the denoiser no `null`.

    >>> import dguide
    >>> from dguide.exact import Problem
    >>> cond = torch.tensor([[0.4, 0.1], [0.1, 0.4]])
    >>> problem = Problem(dguide.Masked(2), cond, torch.full((2, 2), 0.25))
    >>> held_out, labels = torch.tensor([[0, 0], [1, 1]]), torch.zeros(2, dtype=torch.int64)
    >>> found = outlook(problem.oracle(), problem.process, held_out, labels, weight=1.0, levels=[1.0])
    >>> round(found.levels[0].error_ratio, 6), round(found.levels[0].dependence, 3)
    (0.0, 0.441)
    """
    mistakes = Mistakes()
    levels = mistakes.of(lambda: _levels(levels)) or ()
    mistakes.of(lambda: _check_denoiser(denoiser, process))
    mistakes.of(lambda: check_seed(seed))
    mistakes.of(lambda: usable_device(device))
    _check_numbers(mistakes, weight, levels, sequences=sequences, positions=positions, batch_size=batch_size)
    if mistakes.none:  # what tokens can be is known of a process only
        mistakes.of(lambda: _check_tokens(process, tokens))
        mistakes.of(lambda: _check_condition(tokens, condition))
    mistakes.settle()
    generator = torch.Generator().manual_seed(seed)
    pair = Pair(denoiser, process, batch_size, torch.device(device))
    rows = torch.randperm(len(tokens), generator=generator)[:sequences]
    clean, told, found = tokens[rows], take(condition, rows), []
    for level in levels:
        contexts = Contexts.of(clean, process.noise_token, level, generator)
        chosen = min(positions, contexts.masked.shape[1])
        singles = Singles.of(pair, contexts, level, told, weight, chosen)
        pairs = Pairs.of(pair, contexts, singles, level, told, weight, generator)
        found.append(Signals.of(level, singles, pairs))
    return Outlook(weight, tokens.shape[1], len(rows), tuple(found), pair.calls)


def _check_denoiser(denoiser: Denoiser, process: Process) -> None:
    check_parts(denoiser, process)
    if not (process.point_mass and process.absorbing):
        raise bad("outlook of the process", type(process).__name__, "one whose noise is a mask token, such as Masked")
    if not callable(getattr(denoiser, "null", None)):
        raise bad("denoiser", f"{type(denoiser).__name__} without null", "one with null(condition)")


def _levels(levels: object) -> tuple[float, ...]:
    found = tuple(levels) if isinstance(levels, Iterable) else ()
    if not found:
        raise bad("outlook levels", repr(levels), "some noise levels above 0, at most 1")
    return found


def _check_numbers(mistakes: Mistakes, weight: float, levels: Sequence[float], **counts: int) -> None:
    for level in levels:
        mistakes.of(lambda level=level: _between("outlook level", level, 1.0, "above 0, at most 1"))  # type: ignore[misc]
    mistakes.of(lambda: _between("outlook weight", weight, math.inf, "that is finite and above 0"))
    for name, value in counts.items():
        mistakes.of(lambda name=name, value=value: positive(f"outlook {name}", value))  # type: ignore[misc]
    if counts["positions"] == 1:
        mistakes.add(bad("outlook positions", 1, "at least 2, for there to be a pair"))


def _between(what: str, value: object, most: float, words: str) -> None:
    if not (0 < number(what, value) <= most and math.isfinite(number(what, value))):
        raise bad(what, value, f"a number {words}")


def _check_tokens(process: Process, tokens: Tensor) -> None:
    if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64 or tokens.ndim != 2:
        raise bad("tokens", shown(tokens), "an int64 tensor [N, L]", in_tensor(tokens))
    with_data("tokens", tokens)
    if not len(tokens) or tokens.shape[1] < 2 or bool((tokens == process.noise_token).any()):
        raise bad("tokens", shown(tokens), "held-out sequences of at least two positions, without masks")
    low, high = (int(each) for each in tokens.aminmax())
    if low < 0 or high >= process.vocab_size:
        raise bad("tokens", f"values from {low} to {high}", f"values from 0 to {process.vocab_size - 1}")


def _check_condition(tokens: Tensor, condition: Condition) -> None:
    batch = batch_of(condition)
    if isinstance(tokens, Tensor) and tokens.ndim and batch != len(tokens):
        raise bad(
            "condition", "no tensors" if batch is None else f"{batch} rows", f"{len(tokens)}, one for each sequence"
        )
