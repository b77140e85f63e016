"""Texts that end before their canvas does: the sampler goes on with the others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ...denoiser import Denoiser
from ...errors import Mistakes, bad
from ...extension import listed
from ...guidance import Guidance
from ...process import Process
from ...samplers import Run, Sampler, State
from ...samplers.around import Around

__all__ = ["UntilEnd"]


@dataclass(frozen=True)
class UntilEnd(Around):
    """Stops a sample once its text is known: one of the `ends` stands in it, and everything before is decided.

    What was masked behind the end then takes that token too, and the networks are called for the other samples only.
    Tokens before the end are those of the sampler inside. With `SMC`, and where decided tokens may change, nothing
    stops.

    Args:
        sampler: What draws the tokens: any but another `UntilEnd`. To write in blocks put `Blocks` inside.
        ends: The tokens that end a text, as samples number them.

    Raises:
        ValueError: For another sampler, or what is no token; at the start for a token that the process does not have.
    """

    sampler: Sampler
    ends: tuple[int, ...]

    in_blocks = False
    predictable = False  # what lands behind an end depends on it
    guarantee = "that of the sampler inside, up to the end"

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        if not isinstance(self.sampler, Sampler) or isinstance(self.sampler, UntilEnd):
            mistakes.add(bad("UntilEnd sampler", repr(self.sampler), f"an instance of {listed(Sampler)} but UntilEnd"))
        ends = self.ends
        tokens = isinstance(ends, tuple) and all(type(each) is int and each >= 0 for each in ends)
        if not tokens or not ends:
            mistakes.add(bad("UntilEnd ends", repr(ends), "a tuple of tokens, as in (3,)"))
        mistakes.settle()

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        wrong = [token for token in self.ends if token >= process.vocab_size or token in process.excluded]
        if wrong:
            expected = f"tokens that can be drawn, from 0 to {process.vocab_size - 1}"
            raise bad("UntilEnd ends", ", ".join(map(str, wrong)), expected)
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
