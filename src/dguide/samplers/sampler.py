"""What a sampler is: one public step. The loop stands here, once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..denoiser import Denoiser
from ..guidance import Guidance
from ..process import Process
from ..random import Stream
from .run import Run

__all__ = ["Sampler", "State"]


@dataclass(frozen=True, eq=False)
class State:
    """Where a batch stands.

    Attributes:
        tokens: [B, L] int64.
        clocks: [B, L] float64, what each position's Exp(1) clock has left; it jumps when its exit rate used it up.
        jumps: [B, L] int64, how often the clock of each position was replaced; one that leaves for good needs no other.
        forced: [B] int64, positions that had to leave at the end although their clock had not run out.
        time: [B] float64, 1 at noise, 0 at data.
        index: steps taken.
        plan: what the sampler worked out ahead; None to work it out again.
        origin: [B], which row of the state before each row comes from; None if each comes from its own.
        log_normalizer: [samples], log of the estimated normalising constant, from the sampler that makes one (`SMC`).
    """

    tokens: Tensor
    clocks: Tensor
    jumps: Tensor
    forced: Tensor
    time: Tensor
    index: int = 0
    plan: Any = None
    origin: Tensor | None = None
    log_normalizer: Tensor | None = None


class Sampler(ABC):
    """A way to draw samples: what one step does. The loop is here.

    To step by hand: ``state = sampler.begin(run)``, then ``state = sampler.step(run, state)`` until
    ``sampler.finished(run, state)``.
    """

    guarantee: ClassVar[str]
    """What the samples are exact for."""
    revisits: ClassVar[bool] = False
    """Whether a position may land more than once, or not on every token its guided law allows: then what it lands on
    cannot be weighed."""

    @abstractmethod
    def step(self, run: Run, state: State) -> State:
        """Take one step."""

    @abstractmethod
    def finished(self, run: Run, state: State) -> bool:
        """Whether no step is left."""

    @abstractmethod
    def length(self, run: Run, state: State) -> int:
        """How many steps are left at most, for the progress bar."""

    @abstractmethod
    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        """Raise `ValueError` for a combination that has no meaning, naming those that have."""

    @property
    def stakes(self) -> tuple[float, ...]:
        """Weights besides those of the guidance whose laws it needs: they too decide which networks are called."""
        return ()

    @property
    def predictable(self) -> bool:
        """Whether who lands in a step depends on what is decided before it only, and not on the tokens that land."""
        return True

    def begin(self, run: Run) -> State:
        """The state at t = 1."""
        clocks = -run.uniforms(Stream.CLOCK, 0).log()
        tokens = run.process.prior(clocks if run.process.point_mass else run.uniforms(Stream.PRIOR, 0))
        if run.initial is not None:
            tokens = torch.where(run.movable(run.initial), tokens, run.initial)
        zeros = torch.zeros_like(tokens)
        return State(tokens, clocks, zeros, zeros[:, 0], torch.ones_like(clocks[:, 0]))

    def states(self, run: Run) -> Iterator[State]:
        """Every state from noise to data, the first included."""
        state = self.begin(run)
        yield state
        while not self.finished(run, state):
            state = self.step(run, state)
            yield state
