"""What a sampler is: one public step. The loop stands here, once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import torch

from ..denoiser import Denoiser
from ..errors import bad
from ..extension import Extensible, final, listed
from ..guidance import Guidance
from ..process import Process
from ..random import Stream
from .run import Run
from .state import State

__all__ = ["Sampler"]


class Sampler(Extensible, ABC):
    """A way to draw samples: what one step does. The loop is here.

    To step by hand: ``run = dguide.samplers.prepare(...)``, ``state = sampler.begin(run)``, then
    ``state = sampler.step(run, state)`` until ``sampler.finished(run, state)``.

    >>> import dguide
    >>> isinstance(dguide.Ancestral(steps=4), dguide.Sampler)
    True
    """

    guarantee: ClassVar[str]
    """What the samples are exact for."""
    revisits: ClassVar[bool] = False
    """Whether a position may land more than once, or not on every token its guided law allows. `SMC` refuses both."""
    general_step: ClassVar[bool] = False
    """Whether it has a step for a mechanism whose landing is not $q_w$ (`Guidance.tilted_landing`)."""
    in_blocks: ClassVar[bool] = True
    """Whether it can draw some positions of longer samples while the others stay: `Blocks` has such a one inside."""
    predictable: ClassVar[bool] = True
    """Whether the positions that land in a step depend on what was decided before it only, and not on the tokens that
    land."""

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
    def extra_weights(self) -> tuple[float, ...]:
        """Weights besides those of the guidance whose laws it needs; they too decide which networks are called."""
        return ()

    @final
    def accept(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        """Raise `ValueError` unless the three go together: `check`, and what holds for all samplers."""
        process.verify()
        guidance.verify()
        if not hasattr(self, "guarantee"):
            raise bad(
                f"{type(self).__name__}.guarantee", "nothing", "a class attribute: what the samples are exact for"
            )
        self._verify()
        if not (guidance.tilted_landing or self.general_step):
            raise bad(
                f"{type(self).__name__} with {type(guidance).__name__}",
                "a mechanism whose landing is not q_w",
                f"one that lands on q_w, as {listed(Guidance, tilted_landing=True, keeps_pace=True)} does",
                f"Samplers that take the general step accept others: {listed(Sampler, general_step=True)}.",
            )
        self.check(process, guidance, denoiser)

    def _verify(self) -> None:
        """Raise `ValueError` if a method of the class is wrong on a small example."""

    def replanned(self, state: State) -> State:
        """The state after somebody else decided tokens in it: what was worked out ahead is worked out again."""
        return replace(state, plan=None)

    @final
    def check_unfinished(self, run: Run, state: State) -> None:
        """Raise `ValueError` if no step is left: the first thing that `step` does."""
        if self.finished(run, state):
            remedy = "Step until sampler.finished(run, state)."
            raise bad(f"{type(self).__name__}.step", "a finished state", "one with a step left", remedy)

    def begin(self, run: Run) -> State:
        """The state at t = 1."""
        clocks = -run.uniforms(Stream.CLOCK, 0).log()
        tokens = run.process.prior(clocks if run.process.point_mass else run.uniforms(Stream.PRIOR, 0))
        if run.initial is not None:
            tokens = torch.where(run.movable(run.initial), tokens, run.initial)
        zeros = torch.zeros_like(tokens)
        return State(tokens, clocks, zeros, zeros[:, 0], torch.ones_like(clocks[:, 0]))

    @final
    def states(self, run: Run) -> Iterator[State]:
        """Every state from noise to data, the first included."""
        state = self.begin(run)
        yield state
        while not self.finished(run, state):
            state = self.step(run, state)
            yield state
