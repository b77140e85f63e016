"""Samplers along a grid of times, with the predictions frozen within a step."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from ..categorical import draw
from ..errors import bad, choose
from ..guidance import Guidance, Step, Transition
from ..process import Jump, Process
from ..random import Stream
from .base import Sampler, State
from .denoiser import Denoiser
from .run import Run

__all__ = ["GridSampler", "RateSampler"]


@dataclass(frozen=True)
class GridSampler(Sampler):
    """Samplers that walk along a grid of times and freeze the predictions within a step.

    A new one says how strongly a token leaves in a step (`intensity`) and with what probability (`leave`).

    Args:
        steps: number of steps T; ignored if `grid` gives the times.
        grid: "uniform" (t_k = 1 - k/T), "cosine" (t_k = cos(pi k / 2T): few tokens a step at first), or the
            decreasing times themselves, from 1 to 0.
    """

    steps: int = 32
    grid: str | Sequence[float] = "uniform"

    def __post_init__(self) -> None:
        if isinstance(self.grid, str):
            choose("grid", self.grid, ("uniform", "cosine"))
            if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
                raise bad(f"{type(self).__name__} steps", repr(self.steps), "an int of at least 1")
            return
        try:
            times = [float(t) for t in self.grid]
        except (TypeError, ValueError):
            times = []
        falling = all(a > b for a, b in pairwise(times))
        if len(times) < 2 or times[0] != 1 or times[-1] != 0 or not falling:
            raise bad(f"{type(self).__name__} grid", repr(self.grid), "strictly decreasing times from 1 to 0")
        object.__setattr__(self, "grid", tuple(times))
        object.__setattr__(self, "steps", len(times) - 1)

    def times(self, process: Process) -> Tensor:
        """The grid, decreasing float64 times [T + 1], from where the sampler's rates are finite down to 0."""
        if isinstance(self.grid, str):
            k = torch.arange(self.steps + 1, dtype=torch.float64) / self.steps
            times = 1 - k if self.grid == "uniform" else torch.cos(math.pi / 2 * k)
            times[-1] = 0.0
        else:
            times = torch.tensor(self.grid, dtype=torch.float64)
        start = torch.tensor(self.start(process), dtype=torch.float64)
        times = times.clamp_max(float(process.noise.time(start)))
        return torch.cat((times[:-1][times.diff() < 0], times[-1:]))

    @abstractmethod
    def start(self, process: Process) -> float:
        """The noise level at which the sampler can begin, 1 wherever that is possible."""

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

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        """Every process and every mechanism has a step."""

    def finished(self, run: Run, state: State) -> bool:
        return state.index >= len(self.times(run.process)) - 1

    def length(self, run: Run, state: State) -> int:
        return len(self.times(run.process)) - 1 - state.index

    def step(self, run: Run, state: State) -> State:
        process, guidance = run.process, run.guidance
        times = self.times(process)
        time, earlier = times[state.index], times[state.index + 1]
        high, low = float(process.noise.level(time)), float(process.noise.level(earlier))
        tokens, clocks = state.tokens, state.clocks
        active = run.movable(tokens)
        must = process.unfinished(tokens) & active if low == 0 else torch.zeros_like(active)
        hazard = torch.zeros_like(clocks)
        wanted = active
        if run.paced:
            # The exit rate does not look at the law, so a law of one column stands in for the prediction.
            blank = torch.zeros((*tokens.shape, 1), dtype=torch.float64, device=tokens.device)
            hazard = -self.leave(self.intensity(process, tokens, time, earlier, blank)).log_stay
            wanted = active & ((clocks <= hazard) | must)
        where = tuple(wanted.nonzero().unbind(-1))
        if run.paced:
            level = high - (high - low) * _fraction(clocks[where], hazard[where])
            weight = guidance.weight_at(level, run.rows[where[0]])
        else:
            weight = guidance.weight_over(low, high, run.rows[where[0]])
        leaves = torch.zeros_like(active)
        new = tokens.clone()
        if len(where[0]):
            cond, ref = run.predict(tokens, time.to(tokens.device).expand(len(tokens)), wanted, weight)
            for rows in run.chunks(len(where[0])):
                at = (where[0][rows], where[1][rows])
                laws = (run.laws(cond, rows), run.laws(ref, rows))
                law = self.transition(process, guidance, tokens[at], time, earlier, *laws, weight[rows])
                hazard[at] = -law.log_stay
                going = (clocks[at] <= hazard[at]) | must[at]
                leaves[at] = going
                to = (at[0][going], at[1][going])
                u = run.uniforms(Stream.LANDING, state.jumps[to], to)
                landing = law.log_landing[going]
                new[to] = draw(landing, u)
                if run.observers:
                    level = high - (high - low) * _fraction(clocks[to], hazard[to])
                    run.landed(to, new[to], level, [x if x is None else x[going] for x in laws], landing)
        forced = (leaves & (clocks > hazard)).sum(-1)
        jumps = state.jumps + leaves
        fresh = -run.uniforms(Stream.CLOCK, jumps).log()
        clocks = torch.where(leaves, fresh, clocks - torch.where(active, hazard, 0.0))
        return State(new, clocks, jumps, state.forced + forced, earlier.expand(len(tokens)), state.index + 1)


def _fraction(clock: Tensor, hazard: Tensor) -> Tensor:
    """How far through the step a clock runs out; a clock that outlives the step is forced, anywhere in it."""
    late = clock > hazard
    inside = torch.expm1(-clock) / torch.expm1(-hazard)
    return torch.where(late, -torch.expm1(hazard - clock), inside)


class RateSampler(GridSampler):
    r"""Grid samplers that take the rates at the start of a step as constant in the noise level m over the step:
    $\Lambda = (m_t - m_s)\, \lambda$."""

    def start(self, process: Process) -> float:
        return process.finite_level

    def intensity(self, process: Process, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        jump = process.rates(tokens, time, log_p)
        return Jump(jump.log_intensity + process.log_width(time, earlier, log_p), jump.log_landing)
