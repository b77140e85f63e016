"""What all samplers along a grid of times share: the grid, and the stages of which a step is made."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...denoiser import Denoiser
from ...guidance import Guidance, Transition
from ...process import Process
from ..grids import checked_grid
from ..run import Run
from ..sampler import Sampler
from ..state import State

__all__ = ["GRIDS", "OnGrid", "Stage", "StageInput", "log_stay", "times_of"]

GRIDS = ("uniform", "cosine", "work")


@dataclass(frozen=True, eq=False)
class StageInput:
    """What a stage sees of N positions.

    Attributes:
        tokens: [N].
        cond: log-probabilities of the conditional there, [N, V]; None where every w is -1.
        ref: the same of the reference; None where every w is 0.
    """

    tokens: Tensor
    cond: Tensor | None
    ref: Tensor | None

    def __getitem__(self, part: slice | Tensor) -> StageInput:
        """The same of some of the positions."""
        cond, ref = (None if x is None else x[part] for x in (self.cond, self.ref))
        return StageInput(self.tokens[part], cond, ref)


@dataclass(frozen=True, eq=False)
class Stage:
    """A part of a step in which positions move independently of each other.

    Attributes:
        time: when it begins, [].
        earlier: when it ends, [].
        law: the law of N movable positions from their inputs and w [N]. The inputs are a `StageInput` of the state at
            the beginning of each stage of the step so far, this one's last.
        again: probability that a position that cannot move any more becomes noise again.
        at_jump: whether w is that at the time of each position's own jump, and not its mean over the stage.
    """

    time: Tensor
    earlier: Tensor
    law: Callable[[Sequence[StageInput], Tensor], Transition]
    again: float = 0.0
    at_jump: bool = False


@dataclass(frozen=True)
class OnGrid(Sampler):
    """Samplers that walk along a grid of times.

    A new one says what a step does twice: `step` takes it, `stages` says what its exact law is made of, for
    `dguide.exact.chain`. The two are overridden together.

    Args:
        steps: number of steps T; ignored if `grid` gives the times.
        grid: "uniform" (t_k = 1 - k/T), "cosine" (t_k = cos(pi k / 2T): few tokens a step at first), "work" (equal
            steps in the noise level, so that the same number of masks is expected to leave in each, whatever the noise
            schedule; with alpha = 1 - t it is "uniform"), or the decreasing times themselves, from 1 to 0.
    """

    general_step = True
    together = (("step", "stages"),)

    steps: int = 32
    grid: str | Sequence[float] = "uniform"

    def __post_init__(self) -> None:
        steps, grid = checked_grid(type(self).__name__, self.steps, self.grid, GRIDS, "times")
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "grid", grid)

    def times(self, process: Process) -> Tensor:
        """The grid, decreasing float64 times [T + 1], from where the sampler's rates are finite down to 0."""
        if isinstance(self.grid, str):
            k = torch.arange(self.steps + 1, dtype=torch.float64) / self.steps
            times = torch.cos(math.pi / 2 * k) if self.grid == "cosine" else 1 - k
            if self.grid == "work":
                times = process.noise.time(times)
            times[0], times[-1] = 1.0, 0.0
        else:
            times = torch.tensor(self.grid, dtype=torch.float64)
        start = torch.tensor(self.start(process), dtype=torch.float64)
        times = times.clamp_max(float(process.noise.time(start)))
        return torch.cat((times[:-1][times.diff() < 0], times[-1:]))

    @abstractmethod
    def start(self, process: Process) -> float:
        """The noise level at which the sampler can begin, 1 wherever that is possible."""

    @abstractmethod
    def stages(self, process: Process, guidance: Guidance, time: Tensor, earlier: Tensor) -> tuple[Stage, ...]:
        """The stages of a step from `time` to `earlier`, both []: what its exact law is made of."""

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        """Every process and every mechanism has a step."""

    def finished(self, run: Run, state: State) -> bool:
        return self.length(run, state) <= 0

    def length(self, run: Run, state: State) -> int:
        return len(run.once(times_of, self)) - 1 - state.index


def times_of(sampler: OnGrid, process: Process) -> Tensor:
    """`OnGrid.times`, as `Run.once` asks for it."""
    return sampler.times(process)


def log_stay(log_intensity: Tensor) -> Tensor:
    r"""log-probability to stay in a step of integrated rate $\Lambda$: $-\Lambda$."""
    return -torch.exp(log_intensity)
