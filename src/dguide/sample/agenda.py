r"""Who leaves when, where the pace does not depend on what the networks say: known before the first call.

For the masked process with `Normalized` a position leaves in the step in which its Exp(1) clock runs out, whatever is
predicted. So the order of work, the weight at each position's own jump time and the uniform that decides where it lands
are worked out at once for a whole run; a step is left with a call of the networks and one draw a leaving position.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..random import Stream
from .predict import Query
from .run import Run

__all__ = ["Agenda", "Visit", "agenda", "fraction"]


@dataclass(frozen=True, eq=False)
class Visit:
    """The positions that leave in one step.

    Attributes:
        query: which they are, N of them.
        flat: [N], the same as indices into tokens [B, L] in row-major order.
        level: [N], noise levels at which they leave.
        weight: [N], w there.
        uniforms: [N], which decide where they land.
        forced: [B] int64, how many of each sample had to leave although their clock had not run out.
    """

    query: Query
    flat: Tensor
    level: Tensor
    weight: Tensor
    uniforms: Tensor
    forced: Tensor | None


@dataclass(frozen=True, eq=False)
class Agenda:
    """Visits by number of the step; a step in which nobody leaves has none."""

    visits: dict[int, Visit]


def fraction(clock: Tensor, hazard: Tensor) -> Tensor:
    """How far through the step a clock runs out; a clock that outlives the step is forced, anywhere in it."""
    late = clock > hazard
    inside = torch.expm1(-clock) / torch.expm1(-hazard)
    return torch.where(late, -torch.expm1(hazard - clock), inside)


def agenda(run: Run, active: Tensor, clocks: Tensor, levels: Tensor, hazards: Tensor, first: int) -> Agenda:
    """Work out who leaves in which of the steps that are left.

    Args:
        run: the batch.
        active: [B, L] bool, who is still to leave.
        clocks: [B, L] float64, what is left of their clocks.
        levels: [T + 1], noise levels of the grid from here on, the last of them 0, where all must have left.
        hazards: [T], integrated exit rates of its steps.
        first: number of the next step.
    """
    sample, position = active.nonzero().unbind(-1)
    clock, steps = clocks[sample, position], len(hazards)
    spent = hazards.cumsum(0)
    step = torch.searchsorted(spent, clock).clamp_max(steps - 1)
    order = torch.argsort(step, stable=True)
    step, sample, position, clock = (x[order] for x in (step, sample, position, clock))
    rest = clock - torch.where(step > 0, spent[step - 1], 0.0)
    level = levels[step] - (levels[step] - levels[step + 1]) * fraction(rest, hazards[step])
    weight = run.guidance.weight_at(level, run.rows[sample])
    uniforms = run.uniforms(Stream.LANDING, 0, (sample, position))
    # Samples with a position in a step are in its call: number them within each step.
    batch = len(run.index)
    pairs, which = torch.unique_consecutive(step * batch + sample, return_inverse=True)
    calls = torch.bincount(pairs // batch, minlength=steps)
    row = (which - (calls.cumsum(0) - calls)[step]) * run.length + position
    asked = [
        (torch.bincount(step[weight != alone], minlength=steps) > 0).tolist()
        if all(w == alone for w in run.stakes)
        else [True] * steps
        for alone in (-1, 0)
    ]
    forced = torch.bincount(sample[rest > hazards[step]], minlength=batch)
    sizes = torch.bincount(step, minlength=steps).tolist()
    columns = (sample, position, row, sample * run.length + position, level, weight, uniforms)
    parts = zip((pairs % batch).split(calls.tolist()), *(column.split(sizes) for column in columns), strict=True)
    visits = {}
    for k, (chosen, who, where, rows, flat, when, w, u) in enumerate(parts):
        if sizes[k]:
            query = Query.made(run, (who, where), chosen, rows, asked[0][k], asked[1][k])
            visits[first + k] = Visit(query, flat, when, w, u, forced if k == steps - 1 else None)
    return Agenda(visits)
