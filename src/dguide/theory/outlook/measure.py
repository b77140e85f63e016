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
from .noising import Noising, noising_of
from .pair import Pair
from .signals import Pairs, Singles
from .table import Outlook, Signals

__all__ = ["outlook"]


@on_cpu
@torch.no_grad()
def outlook(
    denoiser: Denoiser,
    process: Process,
    tokens: Tensor,
    condition: Condition,
    *,
    weight: float,
    levels: Sequence[float] | None = None,
    sequences: int = 64,
    positions: int = 4,
    seed: int = 0,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
) -> Outlook:
    r"""Strength of guidance, clash of orders, pace, and errors of the two predictions, before anything is sampled.

    At each noise level the tokens of held-out sequences are noised as the process does: a share of them is masked, or
    each is replaced at random. The network is asked for both predictions there, and once more for each of K positions
    that has jumped to a token of the tilted landing. So 2 (1 + K) rows of a call are needed for each sequence and noise
    level. [`Signals`][dguide.theory.outlook.Signals] says what is made of them.

    Args:
        denoiser: Gives logits [B, L, V] from tokens [B, L], time [B] and condition [B]; has `null`.
        process: Its process: one whose noise is a mask token, such as `Masked`, or in which every token can jump, such
            as `Uniform`. Of the latter the predictions at all levels are kept, 16 bytes for each sequence, position,
            token and level, since `Signals.leaving` needs them.
        tokens: Held-out sequences with their true conditions, [N, L] int64.
        condition: Condition of each sequence, leading dimension N.
        weight: w, above 0.
        levels: Noise levels m, above 0 and at most `process.finite_level`: 1 for `Masked`, 0.999 for `Uniform`. By
            default 1, 0.75, 0.5 and 0.25 for masks, at least two of which are there, and 0.875, 0.625, 0.375 and 0.125
            for tokens that are replaced.
        sequences: How many of the N are looked at; they are chosen at random.
        positions: K, positions of each sequence whose pairs are looked at, at least 2: the first to leave.
        seed: Seed of the choice of sequences, positions and tokens.
        batch_size: Rows of one call.
        device: Device of the denoiser.

    Raises:
        ValueError: If an argument is out of range, the process of another kind, or the denoiser has no `null`.

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
    noising = mistakes.of(lambda: _noising(denoiser, process))
    chosen = mistakes.of(lambda: _levels(levels, noising)) or ()
    mistakes.of(lambda: check_seed(seed))
    mistakes.of(lambda: usable_device(device))
    most = noising.process.finite_level if noising else 1.0
    _check_numbers(mistakes, weight, chosen, most, sequences=sequences, positions=positions, batch_size=batch_size)
    if noising and mistakes.none:  # what tokens can be is known of a process only
        mistakes.of(lambda: _check_tokens(process, tokens))
        mistakes.of(lambda: _check_condition(tokens, condition))
    mistakes.settle()
    assert noising is not None
    generator = torch.Generator().manual_seed(seed)
    pair = Pair(denoiser, process, batch_size, torch.device(device))
    rows = torch.randperm(len(tokens), generator=generator)[:sequences]
    clean, told = tokens[rows], take(condition, rows)
    found = tuple(_at_level(noising, pair, clean, told, level, weight, positions, generator) for level in chosen)
    return Outlook(weight, tokens.shape[1], len(rows), found, pair.calls, noising.shown)


def _at_level(
    noising: Noising,
    pair: Pair,
    clean: Tensor,
    condition: Condition,
    level: float,
    weight: float,
    positions: int,
    generator: torch.Generator,
) -> Signals:
    contexts = noising.contexts(clean, level, generator)
    singles = Singles.of(pair, contexts, condition, weight)
    first = noising.first(singles.rates, positions, generator)
    pairs = Pairs.of(pair, contexts.at(first), singles.rates.at(first), condition, weight, generator)
    return Signals.of(level, singles, pairs, noising.leaving(contexts, singles.rates, level, weight))


def _noising(denoiser: Denoiser, process: Process) -> Noising:
    check_parts(denoiser, process)
    noising = noising_of(process)
    if not callable(getattr(denoiser, "null", None)):
        raise bad("denoiser", f"{type(denoiser).__name__} without null", "one with null(condition)")
    return noising


def _levels(levels: object, noising: Noising | None) -> tuple[float, ...]:
    if levels is None:
        return noising.levels if noising else ()
    found = tuple(levels) if isinstance(levels, Iterable) else ()
    if not found:
        raise bad("outlook levels", repr(levels), "some noise levels above 0, or None for those of the process")
    return found


def _check_numbers(mistakes: Mistakes, weight: float, levels: Sequence[float], most: float, **counts: int) -> None:
    words = f"above 0, at most {most:g}"
    for level in levels:
        mistakes.of(lambda level=level: _between("outlook level", level, most, words))  # type: ignore[misc]
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
    if not len(tokens) or tokens.shape[1] < 2 or bool(process.unfinished(tokens).any()):
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
