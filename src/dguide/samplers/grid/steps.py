"""Samplers along a grid of times, with the predictions frozen within a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from ...categorical import Draws, Leaving, chunks
from ...errors import bad
from ...extension import final, once_by_value, speaks_for
from ...guidance import Guidance, Step, Transition, known_jump_times
from ...process import Floored, Jump, Process
from ...random import Stream
from ..run import Run
from ..state import State
from .base import OnGrid, Stage, StageInput
from .floored import FlooredStep, floors
from .jump_times import JumpTimes, TimeGrid, jump_times
from .moves import StepBuffers

__all__ = ["GridSampler", "RateSampler", "discretize", "plain"]


@dataclass(frozen=True)
class GridSampler(OnGrid):
    r"""Samplers that walk along a grid of times and freeze the predictions within a step.

    A new one says how strongly a token leaves in a step (`intensity`), and with what probability (`log_stay`). A step
    is taken in one of three ways:

    - the jump times are known before the first call (masked process, `Normalized`): positions that leave are drawn;
    - masks leave at a rate that $Z_w$ sets (masked process, `Unlocking` and `Simple`): it is found at every mask, and
      positions that leave are drawn;
    - the general step: for the uniform process, and wherever a mechanism does not land on $q_w$ or a sampler changes
      the landing itself. Where all rates are a prediction on a floor (`floored`), it reads how strongly positions
      leave, and draws for those that do. Elsewhere it writes out the guided law of every position that can move.
    """

    leaving: ClassVar[Leaving | None] = None
    """What `log_stay` is, if it has such a form: then steps of the uniform process are taken in C. It is not looked at
    where a class overrides `log_stay`, and not this."""

    @abstractmethod
    def intensity(self, process: Process, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        r"""Integrated exit rate of a step from `time` to `earlier` and law of the landing, from one prediction."""

    @abstractmethod
    def log_stay(self, log_intensity: Tensor) -> Tensor:
        r"""log-probability that a token of integrated exit rate $\Lambda$ stays, from $\log \Lambda$."""

    def floored(self, process: Process, time: Tensor, earlier: Tensor, like: Tensor) -> Floored | None:
        """`intensity` as `Floored`, in the dtype and on the device of `like`, if the process has such jumps.

        It has to agree with `intensity`, and spares the general step the laws of positions that do not leave. A sampler
        that overrides `intensity`, and not this, takes the general step.
        """
        return None

    @final
    def transition(
        self,
        process: Process,
        guidance: Guidance,
        tokens: Tensor,
        time: Tensor,
        earlier: Tensor,
        cond: Tensor | None,
        ref: Tensor | None,
        weight: Tensor,
    ) -> Transition:
        """The guided law of a step for N positions with `tokens` [N] and predictions `cond`, `ref` [N, V]."""
        step = Step(partial(self.intensity, process, tokens, time, earlier), self.log_stay)
        return guidance.transition(cond, ref, weight, step)

    def stages(self, process: Process, guidance: Guidance, time: Tensor, earlier: Tensor) -> tuple[Stage, ...]:
        def law(inputs: Sequence[StageInput], weight: Tensor) -> Transition:
            (seen,) = inputs
            return self.transition(process, guidance, seen.tokens, time, earlier, seen.cond, seen.ref, weight)

        at_jump = known_jump_times(process, guidance) and plain(self, process)
        return (Stage(time, earlier, law, at_jump=at_jump),)

    def _verify(self) -> None:
        log_intensity = torch.tensor([-6.0, -1.0, 0.0, 1.0, 3.0], dtype=torch.float64)
        told = self.log_stay(log_intensity)
        if not bool((told <= 0).all()):
            got = f"{told.tolist()} for log-intensities {log_intensity.tolist()}"
            raise bad(f"{type(self).__name__}.log_stay", got, "log-probabilities, at most 0")
        form = self.told_leaving
        if form is not None and not torch.allclose(form.log_stay(log_intensity), told):
            raise bad(f"{type(self).__name__}.leaving", form.name, f"what log_stay returns, {told.tolist()}")

    @property
    def told_leaving(self) -> Leaving | None:
        """`leaving`, if it says what `log_stay` returns."""
        return self.leaving if speaks_for(type(self), "leaving", "log_stay") else None

    def length(self, run: Run, state: State) -> int:
        if isinstance(state.plan, JumpTimes):
            return len(state.plan.grid.spent) - state.index
        return super().length(run, state)

    def step(self, run: Run, state: State) -> State:
        self.check_unfinished(run, state)
        grid = run.once(discretize, self)
        if not (grid.plain and run.guidance.tilted_landing):
            return self._step_general(run, state, grid)
        if run.known_jump_times:
            return self._step_known_times(run, state, grid)
        return self._step_masked(run, state, grid)

    def _step_known_times(self, run: Run, state: State, grid: TimeGrid) -> State:
        """One step with known jump times: the positions that leave now are drawn, no other is looked at."""
        plan = state.plan if isinstance(state.plan, JumpTimes) else jump_times(run, state, grid)
        jumps = plan.jumps.get(state.index)
        tokens, forced = state.tokens, state.forced
        if jumps is not None:
            now = grid.times[state.index]
            predictions = run.predict(tokens, grid.now(state), jumps.query, now)
            tokens = tokens.clone(memory_format=torch.contiguous_format)
            if run.observers:
                draws = predictions.draw(jumps.weight, jumps.uniforms, partition=True)
                tokens.view(-1).index_copy_(0, jumps.flat, draws.token)
                run.landed((jumps.query.sample, jumps.query.position), plan.level[jumps.rows], draws)
            else:
                predictions.land(jumps.weight, jumps.uniforms, tokens, jumps.flat)
            if grid.levels[state.index + 1] == 0:
                forced = forced + plan.forced
        return State(
            tokens,
            state.clocks - grid.spent[state.index],
            state.jumps,
            forced,
            torch.full_like(state.time, grid.times[state.index + 1]),
            state.index + 1,
            plan,
        )

    def _step_masked(self, run: Run, state: State, grid: TimeGrid) -> State:
        """One step where $Z_w$ sets the pace: it is found at every mask, and a token is drawn where one leaves."""
        guidance = run.guidance
        high, low = grid.levels[state.index : state.index + 2]
        plan = state.plan if isinstance(state.plan, Tensor) else run.uniforms(Stream.LANDING, 0)
        flat = run.movable(state.tokens).flatten().nonzero().squeeze(-1)
        buffers = StepBuffers.of(state)
        if len(flat):
            sample, _ = where = (flat // run.length, flat % run.length)
            weight = guidance.weight_over(low, high, run.rows[sample])
            predictions = run.predict(state.tokens, grid.now(state), run.query(where, weight))
            log_z = predictions.log_z(weight)
            rate = grid.log_intensity[state.index].to(log_z)
            exit_rate = -guidance.guided_log_stay(rate, log_z, self.log_stay)
            clock = state.clocks.flatten().index_select(0, flat)  # quicker than by two indices
            buffers.clocks[where] = clock - exit_rate

            def land(rows: Tensor) -> Draws:
                uniforms = plan.flatten().index_select(0, flat[rows])
                return predictions[rows].draw(weight[rows], uniforms, partition=bool(run.observers))

            buffers.decide(run, where, land, clock, exit_rate, (high, low))
        return replace(buffers.state(state, grid.times[state.index + 1]), plan=plan)

    def _step_general(self, run: Run, state: State, grid: TimeGrid) -> State:
        """One step in which positions follow their guided laws."""
        buffers = StepBuffers.of(state)
        self._move_generally(run, state, grid, buffers)
        return buffers.state(state, grid.times[state.index + 1])

    def _move_generally(self, run: Run, state: State, grid: TimeGrid, buffers: StepBuffers) -> None:
        """Let every position that can move follow its guided law."""
        process, guidance = run.process, run.guidance
        high, low = grid.levels[state.index : state.index + 2]
        active = None if run.all_movable else run.movable(state.tokens)
        if active is not None and not bool(active.any()):
            return
        asking = run.asking(active, (high, low))
        where, weight = asking.where, asking.weight
        must = process.unfinished(state.tokens)[where] if low == 0 else None
        if must is not None and not bool(must.any()):
            must = None
        predictions = run.predict(state.tokens, grid.now(state), asking.query)

        def written(part: slice | Tensor) -> tuple[StageInput, Transition]:
            now, then = grid.noisy_times[state.index : state.index + 2]
            seen = StageInput(state.tokens[where[0][part], where[1][part]], *predictions.laws(part))
            law = self.transition(process, guidance, seen.tokens, now, then, seen.cond, seen.ref, weight[part])
            return seen, law

        parts: Sequence[slice | Tensor]
        if grid.floored is not None and guidance.combines_rates:
            step = FlooredStep(
                run, asking, predictions, *grid.floored[state.index], self.log_stay, self.told_leaving, written
            )
            left = step.leap(buffers, (high, low), must)
            parts = [left[part] for part in chunks(len(left), process.vocab_size)] if len(left) else ()
        else:
            parts = predictions.parts()
        for part in parts:
            at = (where[0][part], where[1][part])
            seen, law = written(part)
            buffers.leap(run, at, law, seen, (high, low), None if must is None else must[part])


@once_by_value
def plain(sampler: GridSampler, process: Process) -> bool:
    """Whether every step leaves the landing to the prediction, at a rate that does not depend on it.

    Masks do, unless a sampler says otherwise in `intensity`; it is asked about two predictions.
    """
    if not (process.prediction_free_rate and process.point_mass):
        return False
    times = sampler.times(process)
    logits = torch.linspace(0, 3, process.vocab_size, dtype=torch.float64)
    rates = []
    for prediction in (logits, torch.zeros_like(logits)):
        log_p = process.log_probs(prediction).expand(len(times) - 1, -1)
        jump = _noise_jumps(sampler, process, times, log_p)
        if jump.log_landing is not log_p and not torch.equal(jump.log_landing.expand_as(log_p), log_p):
            return False
        rates.append(jump.log_intensity)
    return torch.equal(*rates)


def _noise_jumps(sampler: GridSampler, process: Process, times: Tensor, log_p: Tensor) -> Jump:
    """What noise does in each step between `times`, from one prediction a step."""
    token = torch.full(times[1:].shape, process.noise_token)
    return sampler.intensity(process, token, times[:-1], times[1:], log_p)


def discretize(sampler: GridSampler, process: Process) -> TimeGrid:
    """The grid of a sampler along a process, and what its steps are before any prediction."""
    times = sampler.times(process)
    noise, is_plain = process.noise.level(times), plain(sampler, process)
    log_intensity = exit_rates = torch.zeros(0)
    if is_plain:
        blank = torch.zeros_like(times[1:]).unsqueeze(-1)  # a law of one column, since none matters
        log_intensity = _noise_jumps(sampler, process, times, blank).log_intensity
        exit_rates = -sampler.log_stay(log_intensity)
    told = speaks_for(type(sampler), "floored", "intensity")
    jumps = sampler.floored(process, times[:-1], times[1:], times) if told and not is_plain else None
    floored = None if jumps is None else floors(jumps)
    spent = exit_rates.tolist()
    return TimeGrid(times, noise, is_plain, log_intensity, exit_rates, spent, times.tolist(), noise.tolist(), floored)


class RateSampler(GridSampler):
    r"""Grid samplers that take the rates at the start of a step as constant in the noise level m over the step:
    $\Lambda = (m_t - m_s)\, \lambda$."""

    def start(self, process: Process) -> float:
        return process.finite_level

    @final
    def intensity(self, process: Process, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        jump = process.rates(tokens, time, log_p)
        return Jump(jump.log_intensity + process.log_width(time, earlier, log_p), jump.log_landing)

    def floored(self, process: Process, time: Tensor, earlier: Tensor, like: Tensor) -> Floored | None:
        told = speaks_for(type(process), "floored_rates", "rates", "as_posterior")
        form = process.floored_rates(time, like) if told else None
        return None if form is None else form.lasting(process.log_width(time, earlier, like))
