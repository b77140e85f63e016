"""Samplers along a grid of times, with the predictions frozen within a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ...guidance import Guidance, Step, Transition, unlanded
from ...process import Jump, Process
from ...random import Stream
from ..predictions import Query
from ..run import Run
from ..sampler import State
from .base import OnGrid, Stage, View
from .jump_times import Agenda, Walk, agenda
from .moves import Board

__all__ = ["GridSampler", "RateSampler", "walk"]


@dataclass(frozen=True)
class GridSampler(OnGrid):
    """Samplers that walk along a grid of times and freeze the predictions within a step.

    A new one says how strongly a token leaves in a step (`intensity`) and with what probability (`leave`).
    """

    @abstractmethod
    def intensity(self, process: Process, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        r"""Integrated exit rate of a step from `time` to `earlier` and law of the landing, from one prediction."""

    @abstractmethod
    def leave(self, jump: Jump) -> Transition:
        """The law of the step of a jump of given integrated rate."""

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
        step = Step(partial(self.intensity, process, tokens, time, earlier), self.leave)
        return guidance.transition(cond, ref, weight, step)

    def stages(self, process: Process, guidance: Guidance, time: Tensor, earlier: Tensor) -> tuple[Stage, ...]:
        def law(views: Sequence[View], weight: Tensor) -> Transition:
            (view,) = views
            return self.transition(process, guidance, view.tokens, time, earlier, view.cond, view.ref, weight)

        return (Stage(time, earlier, law),)

    def length(self, run: Run, state: State) -> int:
        if isinstance(state.plan, Agenda):
            return len(state.plan.path.spent) - state.index
        return super().length(run, state)

    def step(self, run: Run, state: State) -> State:
        if run.paced:
            return self._appointed(run, state)
        if run.process.content_free:
            return self._awaited(run, state)
        return self._frozen(run, state)

    def _appointed(self, run: Run, state: State) -> State:
        """One step where the pace is known: whoever is due is drawn, the others are not looked at."""
        plan = state.plan
        if not isinstance(plan, Agenda):
            plan = agenda(run, state, run.once(walk, self))
        path = plan.path
        visit = plan.visits.get(state.index)
        tokens, forced = state.tokens, state.forced
        if visit is not None:
            predictions = run.predict(tokens, _now(state, path), visit.query)
            draws = predictions.draw(visit.weight, visit.uniforms, partition=bool(run.observers))
            tokens = tokens.flatten().index_copy(0, visit.flat, draws.token).view_as(tokens)
            if path.levels[state.index + 1] == 0:
                forced = forced + plan.forced
            if run.observers:
                run.landed((visit.query.sample, visit.query.position), plan.level[visit.rows], draws)
        return State(
            tokens,
            state.clocks - path.spent[state.index],
            state.jumps,
            forced,
            torch.full_like(state.time, path.times[state.index + 1]),
            state.index + 1,
            plan,
        )

    def _awaited(self, run: Run, state: State) -> State:
        """One step where $Z_w$ sets the pace: all masks are looked at, and those that leave keep what they drew."""
        path, guidance = run.once(walk, self), run.guidance
        high, low = path.levels[state.index : state.index + 2]
        plan = state.plan if isinstance(state.plan, Tensor) else run.uniforms(Stream.LANDING, 0)
        sample, _ = where = run.movable(state.tokens).nonzero().unbind(-1)
        board = Board.of(state)
        if len(sample):
            weight = guidance.weight_over(low, high, run.rows[sample])
            predictions = run.predict(state.tokens, _now(state, path), Query.of(run, where, weight))
            draws = predictions.draw(weight, plan[where], partition=True)
            assert draws.log_z is not None
            hazard = -guidance.log_stay(path.log_intensity[state.index].to(draws.log_z), draws.log_z, self.leave)
            clock = state.clocks[where]
            board.clocks[where] = clock - hazard
            board.keep(run, where, draws, clock, hazard, (high, low))
        return replace(board.state(state, path.times[state.index + 1]), plan=plan)

    def _frozen(self, run: Run, state: State) -> State:
        """One step of a process in which any position may leave, at a rate that depends on the prediction."""
        process, guidance, path = run.process, run.guidance, run.once(walk, self)
        now, then = path.noisy_times[state.index : state.index + 2]
        high, low = path.levels[state.index : state.index + 2]
        board = Board.of(state)
        active = run.movable(state.tokens)
        must = process.unfinished(state.tokens) & active if low == 0 else torch.zeros_like(active)
        where = active.nonzero().unbind(-1)
        weight = guidance.weight_over(low, high, run.rows[where[0]])
        if len(where[0]):
            predictions = run.predict(state.tokens, _now(state, path), Query.of(run, where, weight))
            for part in predictions.parts():
                at = (where[0][part], where[1][part])
                view = View(state.tokens[at], *predictions.laws(part))
                law = self.transition(process, guidance, view.tokens, now, then, view.cond, view.ref, weight[part])
                board.leap(run, at, law, view, (high, low), must[at])
        return board.state(state, path.times[state.index + 1])


def _now(state: State, path: Walk) -> Tensor:
    """The time of the next step, [B]: that of the state, but for a first step that cannot begin at t = 1."""
    return state.time if state.index else torch.full_like(state.time, path.times[0])


def walk(sampler: GridSampler, process: Process) -> Walk:
    """The grid of a sampler along a process."""
    times = sampler.times(process)
    noise = process.noise.level(times)
    log_intensity = hazards = torch.zeros(0)
    if process.content_free:
        token = process.prior(torch.full_like(times[1:], 0.5))
        blank = torch.zeros_like(times[1:]).unsqueeze(-1)  # a law of one column, as good as any other
        log_intensity = sampler.intensity(process, token, times[:-1], times[1:], blank).log_intensity
        hazards = -sampler.leave(unlanded(log_intensity)).log_stay
    return Walk(times, noise, log_intensity, hazards, hazards.tolist(), times.tolist(), noise.tolist())


class RateSampler(GridSampler):
    r"""Grid samplers that take the rates at the start of a step as constant in the noise level m over the step:
    $\Lambda = (m_t - m_s)\, \lambda$."""

    def start(self, process: Process) -> float:
        return process.finite_level

    def intensity(self, process: Process, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        jump = process.rates(tokens, time, log_p)
        return Jump(jump.log_intensity + process.log_width(time, earlier, log_p), jump.log_landing)
