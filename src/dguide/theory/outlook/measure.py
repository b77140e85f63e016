"""Measures the signals of a network at several noise levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...denoiser import batch_of, shown, take
from ...devices import on_cpu
from ...errors import bad, in_tensor, number, positive
from ...process import Process
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
    _check(denoiser, process, tokens, condition, weight, levels, sequences, positions, batch_size)
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


def _check(
    denoiser: Denoiser,
    process: Process,
    tokens: Tensor,
    condition: Condition,
    weight: float,
    levels: Sequence[float],
    sequences: int,
    positions: int,
    batch_size: int,
) -> None:
    """Raises `ValueError` for what cannot be looked at."""
    check_parts(denoiser, process)
    if not (process.point_mass and process.absorbing):
        raise bad("outlook of the process", type(process).__name__, "one whose noise is a mask token, such as Masked")
    if not callable(getattr(denoiser, "null", None)):
        raise bad("denoiser", f"{type(denoiser).__name__} without null", "one with null(condition)")
    if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64 or tokens.ndim != 2:
        raise bad("tokens", shown(tokens), "an int64 tensor [N, L]", in_tensor(tokens))
    if not len(tokens) or tokens.shape[1] < 2 or bool((tokens == process.noise_token).any()):
        raise bad("tokens", shown(tokens), "held-out sequences of at least two positions, without masks")
    if batch_of(condition) != len(tokens):
        raise bad("condition", f"{batch_of(condition)} rows", f"{len(tokens)}, one for each sequence")
    if not (math.isfinite(number("outlook weight", weight)) and weight > 0):
        raise bad("outlook weight", weight, "a finite number above 0")
    if not levels or not all(0 < number("outlook level", level) <= 1 for level in levels):
        raise bad("outlook levels", list(levels), "noise levels above 0, at most 1")
    for name, value in (("sequences", sequences), ("positions", positions), ("batch_size", batch_size)):
        positive(f"outlook {name}", value)
    if positions < 2:
        raise bad("outlook positions", positions, "at least 2, for there to be a pair")
