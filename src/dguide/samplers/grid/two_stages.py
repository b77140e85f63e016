"""Steps of two stages, as `Trapezoidal` takes them: who is asked about when, and what is kept between two calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from ..predictions import Positions, Predictions
from ..run import Run
from ..state import State
from .base import Stage, StageInput
from .jump_times import fraction
from .moves import StepBuffers

__all__ = ["Marks", "TwoStages", "WrittenStages"]

S = TypeVar("S", bound="Answer")


class Answer(Protocol):
    """What the networks say of some positions."""

    def __getitem__(self: S, part: Tensor, /) -> S:
        """The same of some of them."""


A = TypeVar("A", bound=Answer)


class Marks(NamedTuple):
    """Where a step begins, where its stages meet, and where it ends.

    Attributes:
        times: three times, [] each.
        levels: their noise levels.
        rates: log of the integrated exit rate of noise in each stage, where no prediction changes it.
    """

    times: tuple[Tensor, ...]
    levels: tuple[float, ...]
    rates: tuple[float, ...]


class TwoStages(ABC, Generic[A]):
    """One step of a batch, with answers of type A.

    Attributes:
        marks: times and noise levels.
        weights: [B, L], w at each position's own jump, where that is known beforehand.
        steady: whether predictions of a state that has not changed have not either.
    """

    def __init__(self, run: Run, state: State, marks: Marks, stages: Callable[[], Sequence[Stage]]) -> None:
        self.run, self.state, self.marks, self._stages = run, state, marks, stages
        self.buffers = StepBuffers.of(state)
        nets = (run.denoiser, run.reference)
        self.steady = run.process.time_agnostic and not any(getattr(net, "time_dependent", False) for net in nets)
        self.weights: Tensor | None = None

    def taken(self) -> State:
        """The state after the step."""
        run, buffers = self.run, self.buffers
        active = run.movable(buffers.tokens)
        first = second = active
        if run.known_jump_times:
            first, second = self._known_times(active)
            if not bool((first | second).any()):
                return buffers.state(self.state, float(self.marks.times[2]))
        asked = first | second
        if self.steady and run.known_jump_times:  # where nothing leaves first, the second call says it all
            asked = asked & first.any(-1, keepdim=True)
        before = asked.nonzero().unbind(-1)
        old = self._looked(0, before, (0, 1))
        left = self._move(0, before, old)
        changed = torch.zeros_like(active[:, 0]).index_fill(0, before[0][left], True)
        if not run.known_jump_times:
            second = run.movable(buffers.tokens)
        row = torch.full_like(buffers.tokens, -1)
        row[before] = torch.arange(len(before[0]), device=row.device)
        holds = (row >= 0) & ~changed.unsqueeze(-1) & self.steady  # what was said of these
        at = (second & holds).nonzero().unbind(-1)
        self._move(1, at, old[row[at]])
        at = (second & ~holds).nonzero().unbind(-1)
        rows = row[at]
        known, unknown = ((rows >= 0) == which for which in (True, False))
        kept = self._kept(old[rows[known]])
        new = self._looked(1, at, (1,))
        self._move(1, (at[0][known], at[1][known]), new[known], kept)
        self._move(1, (at[0][unknown], at[1][unknown]), new[unknown])
        return buffers.state(self.state, float(self.marks.times[2]))

    def _known_times(self, active: Tensor) -> tuple[Tensor, Tensor]:
        """Who leaves in which stage, [B, L] bool each, where that is known beforehand; the others' clocks run on."""
        run, clocks = self.run, self.buffers.clocks
        early, late = (
            torch.full((), rate, dtype=torch.float64, device=clocks.device).exp() for rate in self.marks.rates
        )
        high, middle, low = self.marks.levels
        first = active & (clocks <= early)
        second = active & ~first & ((clocks - early <= late) | (low == 0))
        inside = torch.where(
            first,
            high - (high - middle) * fraction(clocks, early),
            middle - (middle - low) * fraction(clocks - early, late),
        )
        self.weights = run.guidance.weight_at(inside.flatten(), run.rows.repeat_interleave(run.length)).view_as(clocks)
        clocks.sub_(torch.where(active & ~first & ~second, early + late, 0.0))
        if self.steady:  # these are not asked before they leave
            clocks.sub_(torch.where(second & ~first.any(-1, keepdim=True), early, 0.0))
        return first, second

    @cached_property
    def stages(self) -> Sequence[Stage]:
        """Their laws."""
        return self._stages()

    def weight(self, stage: int, at: Positions) -> Tensor:
        """w of the positions `at` in a stage, [N]."""
        if self.weights is not None:
            return self.weights[at]
        high, low = self.levels(stage)
        return self.run.guidance.weight_over(low, high, self.run.rows[at[0]])

    def levels(self, stage: int) -> tuple[float, float]:
        return self.marks.levels[stage], self.marks.levels[stage + 1]

    def _looked(self, stage: int, at: Positions, needed: tuple[int, ...]) -> A:
        """What the networks say of the positions `at` when a stage begins, for use in the stages `needed`."""
        if not len(at[0]):
            return self._answer(at, None)
        run, tokens = self.run, self.buffers.tokens
        weights = torch.cat([self.weight(k, at) for k in needed])
        moment = torch.full_like(self.state.time, float(self.marks.times[stage]))
        return self._answer(at, run.predict(tokens, moment, run.query(at, weights)))

    def _move(self, stage: int, at: Positions, now: A, before: A | None = None) -> Tensor:
        """Let the positions `at` take a stage by what is said `now`, and was `before`; which of them left, [N] bool."""
        if not len(at[0]):
            return torch.zeros(0, dtype=torch.bool, device=at[0].device)
        must = self.run.process.unfinished(self.buffers.tokens[at]) if self.levels(stage)[1] == 0 else None
        return self._moved(stage, at, now, before, must)

    @abstractmethod
    def _answer(self, at: Positions, predictions: Predictions | None) -> A:
        """What the networks say of the positions `at`; None where there are no positions, and nothing was asked."""

    @abstractmethod
    def _kept(self, answer: A) -> A:
        """The same, as it can still be read once the networks have been called again."""

    @abstractmethod
    def _moved(self, stage: int, at: Positions, now: A, before: A | None, must: Tensor | None) -> Tensor:
        """As `_move`, of at least one position; `must` is that of `StepBuffers.move`."""


class WrittenStages(TwoStages[StageInput]):
    """A step by laws that are written out in float64."""

    def _answer(self, at: Positions, predictions: Predictions | None) -> StageInput:
        tokens = self.buffers.tokens[at]
        if predictions is None:
            nothing = torch.zeros(0, self.run.process.vocab_size, dtype=torch.float64, device=tokens.device)
            return StageInput(tokens, nothing, nothing)
        laws = [predictions.laws(part) for part in predictions.parts()]
        cond, ref = (torch.cat([x for x in side if x is not None]) if side[0] is not None else None
                     for side in zip(*laws, strict=True))  # fmt: skip
        return StageInput(tokens, cond, ref)

    def _kept(self, answer: StageInput) -> StageInput:
        return answer

    def _moved(
        self, stage: int, at: Positions, now: StageInput, before: StageInput | None, must: Tensor | None
    ) -> Tensor:
        law = self.stages[stage].law([now] if before is None else [before, now], self.weight(stage, at))
        return self.buffers.leap(self.run, at, law, now, self.levels(stage), must)
