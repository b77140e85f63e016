"""A grid of guidance settings with one sampler: mechanisms, schedules and mean weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..checkpoint import Checkpoint
from ..guidance import MECHANISMS, Constant, Guidance, Normalized, RampUp, Schedule, parse_guidance
from ..samplers import Calls, Sampler, sample
from .judge import Judge, Quality

__all__ = ["MECHANISMS", "SCHEDULES", "Cell", "Outcome", "cells", "run_cell"]

SCHEDULES: dict[str, Schedule] = {"constant": Constant(1.0), "ramp-up": RampUp(1.0)}
"""Shapes of the guidance schedules. Each cell scales them to its mean weight."""


@dataclass(frozen=True)
class Cell:
    """One setting of guidance.

    Args:
        weight: Mean of w over the noise level.
        mechanism: A name in `MECHANISMS`, with options; None at weight 0, where all mechanisms are the same.
        schedule: A name in `SCHEDULES`; None at weight 0.
    """

    weight: float
    mechanism: str | None = None
    schedule: str | None = None

    @property
    def guidance(self) -> Guidance:
        """The guidance mechanism with its weight."""
        if self.mechanism is None or self.schedule is None:
            return Normalized(self.weight)
        return parse_guidance(self.mechanism, SCHEDULES[self.schedule].scaled_to(self.weight))

    def __str__(self) -> str:
        if self.mechanism is None:
            return "no guidance, w = 0"
        return f"{self.mechanism}, {self.schedule}, w = {self.weight:g}"


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one cell.

    Args:
        cell: The setting.
        tokens: The samples, [N, L] int64.
        quality: The judgement of the samples.
        calls: Conditional and reference network calls per batch.
        forced: Number of forced positions of all samples.
        seconds: Time of sampling.
        times: Times t of the trajectory, [S], from 1 to 0.
        unfinished: Masked fraction at `times`, [S]; zero for processes without masks.
    """

    cell: Cell
    tokens: Tensor
    quality: Quality
    calls: Calls
    forced: int
    seconds: float
    times: Tensor
    unfinished: Tensor


def cells(weights: Sequence[float], mechanisms: Sequence[str] = ()) -> tuple[Cell, ...]:
    """The cells of the grid: one for weight 0, and one for each combination of another weight.

    Args:
        weights: Mean weights.
        mechanisms: Names in `MECHANISMS`; all of them if empty.
    """
    names = mechanisms or tuple(MECHANISMS)
    grid = [Cell(0.0)] if 0 in weights else []
    grid += [Cell(weight, mechanism, each) for weight in weights if weight for mechanism in names for each in SCHEDULES]
    return tuple(grid)


def run_cell(
    checkpoint: Checkpoint, cell: Cell, labels: Tensor, sampler: Sampler, judge: Judge, seed: int = 0
) -> Outcome:
    """Samples one sequence for each of `labels` [N] and judges them.

    Cells with the same seed are coupled: their samples use the same random numbers.
    """
    began = time.perf_counter()
    drawn = sample(
        checkpoint.model,
        process=checkpoint.process,
        length=judge.dataset.length,
        condition=labels,
        guidance=cell.guidance,
        sampler=sampler,
        seed=seed,
        batch_size=256,
        trajectory=True,
    )
    seconds = time.perf_counter() - began
    path = drawn.trajectory
    assert path is not None
    return Outcome(
        cell,
        drawn.tokens,
        judge(drawn.tokens, labels),
        drawn.calls,
        int(drawn.forced.sum()),
        seconds,
        path.times.mean(-1),
        checkpoint.process.unfinished(path.tokens).double().mean((-2, -1)),
    )
