r"""A sampler whose pace and order come from two different mechanisms. It is `dguide.theory.jumps` for any size.

In each step one mechanism gives the number K of positions that leave. The K positions are the winners of an exponential
race at the speeds of another mechanism. Tokens are drawn from the tilted distribution, which is the same for both. The
sampler is exact given predictions frozen within a step. Its samples have the distribution of `Jumps.stepwise`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dguide.errors import bad
from dguide.guidance import Guidance, RateGuidance
from dguide.process import Process
from dguide.random import Stream
from dguide.samplers import Ancestral, Denoiser, Run, Sampler, State
from dguide.samplers.grid.steps import discretize
from studies.common import about

__all__ = ["Decoupled"]


@dataclass(frozen=True)
class Decoupled(Sampler):
    """`pace` decides how many positions leave in a step, and `order` decides which ones.

    Args:
        steps: number of steps, at least 1.
        pace, order: classes of mechanisms that act on rates. The weight is that of the guidance of the samples.

    Raises:
        ValueError: for fewer steps, or if `pace` or `order` is no such class.
    """

    steps: int
    pace: Callable[[Any], RateGuidance]
    order: Callable[[Any], RateGuidance]
    guarantee = "exact given predictions frozen within a step"

    def __post_init__(self) -> None:
        Ancestral(self.steps)  # checks the number of steps
        for what, mechanism in (("pace", self.pace), ("order", self.order)):
            if not (isinstance(mechanism, type) and issubclass(mechanism, RateGuidance)):
                raise bad(f"Decoupled {what}", repr(mechanism), "the class of a mechanism that acts on rates")

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        if not process.prediction_free_rate:
            raise bad("Decoupled with the process", type(process).__name__, "Masked")

    def length(self, run: Run, state: State) -> int:
        return self.steps - state.index

    def finished(self, run: Run, state: State) -> bool:
        return state.index >= self.steps

    def step(self, run: Run, state: State) -> State:
        grid = Ancestral(self.steps)
        path = run.once(discretize, grid)
        high, low = path.levels[state.index : state.index + 2]
        active = run.movable(state.tokens)
        sample, position = where = active.nonzero().unbind(-1)
        tokens, leaves = state.tokens.clone(), torch.zeros_like(active)
        if len(sample):
            weight = run.guidance.weight_over(low, high, run.rows[sample])
            time = torch.full_like(state.time, path.times[state.index])
            predictions = run.predict(state.tokens, time, run.query(where, weight))
            draws = predictions.draw(weight, run.uniforms(Stream.LANDING, 0, where), partition=True)

            def clocks(stream: Stream, mechanism: Callable[[Any], RateGuidance]) -> Tensor:
                """The time at which each masked position leaves at the rate of a mechanism; others never leave."""
                assert draws.log_z is not None
                rate = path.log_intensity[state.index].to(draws.log_z)
                speed = -mechanism(run.guidance.weight).guided_log_stay(rate, draws.log_z, grid.log_stay)
                out = torch.full(active.shape, math.inf, dtype=torch.float64, device=active.device)
                out[where] = -run.uniforms(stream, state.index, where).log() / speed
                return out

            leaves = active  # at the end integrated rates are infinite, and all positions leave
            if low > 0:
                count = (clocks(Stream.CLOCK, self.pace) <= 1).sum(-1, keepdim=True)
                rank = clocks(Stream.ACCEPT, self.order).argsort(-1).argsort(-1)
                leaves = active & (rank < count)
            going = leaves[where]
            to = (sample[going], position[going])
            tokens[to] = draws.token[going]
            if run.observers:
                # Only the step of a jump is known. Its noise level is drawn uniformly from the step.
                level = low + (high - low) * run.uniforms(Stream.CLOCK, self.steps, to)
                run.landed(to, level, draws[going])
        at = torch.full_like(state.time, path.times[state.index + 1])
        return replace(state, tokens=tokens, jumps=state.jumps + leaves, time=at, index=state.index + 1)


if __name__ == "__main__":
    about(__doc__, "studies.order_effects")
