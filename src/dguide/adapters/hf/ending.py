"""Texts that end before their canvas does: the sampler goes on with the others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ...denoiser import Denoiser
from ...guidance import Guidance
from ...process import Process
from ...samplers import Run, Sampler, State

__all__ = ["UntilEnd"]


@dataclass(frozen=True)
class UntilEnd(Sampler):
    """Stops a sample once its text is known: one of the `ends` stands in it, and everything before is decided.

    What was masked behind the end then takes that token too, and the networks are called for the other samples only.
    Tokens before the end are those of the sampler inside. With `SMC`, and where decided tokens may change, nothing
    stops.

    Args:
        sampler: What draws the tokens.
        ends: The tokens that end a text, as samples number them.
    """

    sampler: Sampler
    ends: tuple[int, ...]

    guarantee = "that of the sampler inside, up to the end"

    @property
    def revisits(self) -> bool:  # type: ignore[override]
        return self.sampler.revisits

    @property
    def general_step(self) -> bool:  # type: ignore[override]
        return self.sampler.general_step

    @property
    def predictable(self) -> bool:  # type: ignore[override]
        return self.sampler.predictable

    @property
    def extra_weights(self) -> tuple[float, ...]:
        return self.sampler.extra_weights

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        self.sampler.accept(process, guidance, denoiser)

    def begin(self, run: Run) -> State:
        return self.sampler.begin(run)

    def finished(self, run: Run, state: State) -> bool:
        return self.sampler.finished(run, state)

    def length(self, run: Run, state: State) -> int:
        return self.sampler.length(run, state)

    def step(self, run: Run, state: State) -> State:
        state = self.sampler.step(run, state)
        if self.revisits or type(state) is not State:
            return state
        masked = run.movable(state.tokens)
        end = torch.isin(state.tokens, torch.tensor(self.ends, device=masked.device)) & ~masked
        known = end & (masked.cumsum(1) == 0)
        rest = masked & known.any(1, keepdim=True)
        if not bool(rest.any()):
            return state
        first = state.tokens.gather(1, known.long().argmax(1, keepdim=True))
        return self.sampler.replanned(replace(state, tokens=torch.where(rest, first, state.tokens)))
