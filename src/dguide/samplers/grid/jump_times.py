r"""Who leaves when, where the pace does not depend on what the networks say: known before the first call.

For the masked process with `Normalized` a position leaves in the step in which its Exp(1) clock runs out, whatever is
predicted. So the order of work, the weight at each position's own jump time and the uniform that decides where it lands
are worked out at once for a whole run; a step is left with a call of the networks and one draw a leaving position.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...categorical import Exits, Floor
from ...random import Stream
from ..predictions import Query
from ..run import Run
from ..state import State

__all__ = ["JumpTimes", "StepJumps", "TimeGrid", "fraction", "jump_times"]


@dataclass(frozen=True, eq=False)
class TimeGrid:
    """A grid and what its steps are before any prediction.

    Attributes:
        noisy_times: [T + 1] float64, on the CPU.
        noise: [T + 1], their noise levels.
        plain: whether noise leaves at a rate that does not depend on the prediction, and lands on the prediction.
        log_intensity: [T], if `plain`, log of the integrated exit rate of a noisy token in each step.
        exit_rates: [T], integrated over each step: -log of the probability that it stays.
        spent: `exit_rates` as numbers.
        times: the times as numbers.
        levels: the levels as numbers.
        floored: the jumps of each step, if their rates are a prediction on a floor.
    """

    noisy_times: Tensor
    noise: Tensor
    plain: bool
    log_intensity: Tensor
    exit_rates: Tensor
    spent: list[float]
    times: list[float]
    levels: list[float]
    floored: list[tuple[Floor, Exits]] | None = None

    def now(self, state: State) -> Tensor:
        """The time of the next step, [B]: that of the state, except for a first step that cannot begin at t = 1."""
        return state.time if state.index else torch.full_like(state.time, self.times[0])


@dataclass(frozen=True, eq=False)
class StepJumps:
    """The positions that leave in one step.

    Attributes:
        query: which they are, N of them.
        flat: [N], the same as indices into tokens [B, L] in row-major order.
        rows: where they are among all that leave in time.
        weight: [N], w there.
        uniforms: [N], which decide where they land.
    """

    query: Query
    flat: Tensor
    rows: slice
    weight: Tensor
    uniforms: Tensor


@dataclass(frozen=True, eq=False)
class JumpTimes:
    """What is to be done along a path.

    Attributes:
        grid: the times of the steps.
        jumps: by number of the step; a step in which no position leaves has none.
        step: number of the step, of all jumps in turn.
        rest: what their clocks have left when it begins, the same way.
        forced: [B] int64, how many of each sample have to leave in the last step although their clock has not run out.
    """

    grid: TimeGrid
    jumps: dict[int, StepJumps]
    step: Tensor
    rest: Tensor
    forced: Tensor

    @cached_property
    def level(self) -> Tensor:
        """Noise levels at which positions leave, of all jumps in turn."""
        return _levels(self.grid, self.step, self.rest)


def fraction(clock: Tensor, exit_rate: Tensor) -> Tensor:
    """How far through the step a clock runs out; a clock that outlives the step is forced, anywhere in it."""
    late = clock > exit_rate
    inside = torch.expm1(-clock) / torch.expm1(-exit_rate)
    return torch.where(late, -torch.expm1(exit_rate - clock), inside)


def _levels(grid: TimeGrid, step: Tensor, rest: Tensor) -> Tensor:
    """Noise levels at which clocks run out that have `rest` [N] left at the beginning of the step of number `step`."""
    noise, exit_rates = grid.noise.to(step.device), grid.exit_rates.to(step.device)
    high, low = (noise.index_select(0, step + later) for later in (0, 1))
    return high - (high - low) * fraction(rest, exit_rates.index_select(0, step))


def jump_times(run: Run, state: State, grid: TimeGrid) -> JumpTimes:
    """Work out who leaves in which of the steps of `grid` that are left; all must have left at its end, at noise 0."""
    active, first = run.movable(state.tokens), state.index
    exit_rates = grid.exit_rates[first:].to(active.device)
    spent, steps = exit_rates.cumsum(0), exit_rates.shape[0]
    flat = active.flatten().nonzero().squeeze(-1)
    clock = state.clocks.flatten().index_select(0, flat)
    step = torch.searchsorted(spent, clock).clamp_max(steps - 1)
    order = torch.argsort(step, stable=True)
    step, flat, clock = (x.index_select(0, order) for x in (step, flat, clock))
    sample, position = flat // run.length, flat % run.length
    rest = clock - torch.cat((spent.new_zeros(1), spent)).index_select(0, step)
    # Where w is the same at all levels they are found only if an observer asks.
    level = rest if run.guidance.level_free else _levels(grid, step + first, rest)
    weight = run.guidance.weight_at(level, run.rows.index_select(0, sample))
    uniforms = run.uniforms(Stream.LANDING, 0, (sample, position))
    # Samples with a position in a step are in its call: number them within each step.
    batch = len(run.index)
    pairs, which = torch.unique_consecutive(step * batch + sample, return_inverse=True)
    alone, turn = pairs % batch, pairs // batch
    calls = torch.bincount(turn, minlength=steps)
    before = calls.cumsum(0) - calls
    row = (which - before.index_select(0, step)) * run.length + position
    cond, ref = run.calls_by_turn(weight, step, steps)
    forced = torch.bincount(sample[rest > exit_rates.index_select(0, step)], minlength=batch)
    sizes, numbers = torch.bincount(step, minlength=steps).tolist(), calls.tolist()
    # The calls for both predictions: the samples of each step, and then the same again.
    place = torch.arange(len(pairs), device=pairs.device) + before.index_select(0, turn)
    places = torch.cat((place, place + calls.index_select(0, turn)))
    sides = torch.empty_like(places).index_copy(0, places, torch.cat((alone, alone + batch)))
    twice = [x.split([2 * n for n in numbers]) for x in (sides % batch, sides)]
    again = row + calls.index_select(0, step) * run.length
    columns = (sample, position, row, again, flat, weight, uniforms)
    parts = zip(alone.split(numbers), *twice, *(column.split(sizes) for column in columns), strict=True)
    jumps, start = {}, 0
    for k, (chosen, both, side, who, where, rows, others, entry, w, u) in enumerate(parts):
        if sizes[k]:
            query = run.query_of((who, where), chosen, rows, cond[k], ref[k], (both, side, others))
            jumps[first + k] = StepJumps(query, entry, slice(start, start + sizes[k]), w, u)
            start += sizes[k]
    return JumpTimes(grid, jumps, step + first, rest, forced)
