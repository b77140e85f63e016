"""One block of positions after the other, from left to right."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...denoiser import Denoiser
from ...errors import bad, positive
from ...extension import listed
from ...guidance import Guidance
from ...process import Process
from ..run import Run
from ..sampler import Sampler
from ..state import State
from .base import Unmasking
from .confidence import LowConfidence

__all__ = ["Blocks"]


@dataclass(frozen=True)
class Blocks(Sampler):
    """Unmask a block of positions with another sampler, then the next block.

    Blocks are counted from the first mask of each sample, so a prompt in `initial` is followed by whole blocks; blocks
    without a mask are passed over. Steps, numbers, noise levels and the schedule of w are those of a block: with
    `LowConfidence(steps=16)` inside every block takes 16 steps, in which the noise level falls from 1 to 0. Only the
    masks of the present block are looked at; the network reads those of later blocks as masks. Source: the
    semi-autoregressive sampling of LLaDA (Nie et al., arXiv 2502.09992, where `steps` are those of all blocks
    together), and block diffusion (Arriola et al., arXiv 2503.09573).

    Args:
        sampler: what unmasks a block.
        size: positions of a block.

    Raises:
        ValueError: for another sampler than those, or a size below 1.

    >>> import dguide
    >>> dguide.Blocks(dguide.TopMargin(steps=4), size=8).size
    8
    """

    sampler: Unmasking = LowConfidence()
    size: int = 32

    guarantee = "that of the sampler inside, block by block; exact with blocks of one position, given the prediction"

    def __post_init__(self) -> None:
        if not isinstance(self.sampler, Unmasking):
            raise bad("Blocks sampler", repr(self.sampler), f"an instance of {listed(Unmasking)}")
        positive("Blocks size", self.size)

    @property
    def predictable(self) -> bool:  # type: ignore[override]
        return self.sampler.predictable

    @property
    def revisits(self) -> bool:  # type: ignore[override]
        return self.sampler.revisits

    @property
    def extra_weights(self) -> tuple[float, ...]:
        return self.sampler.extra_weights

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        self.sampler.check(process, guidance, denoiser)

    def begin(self, run: Run) -> State:
        return self.sampler.begin(run)

    def finished(self, run: Run, state: State) -> bool:
        return self.sampler.finished(run, state)

    def step(self, run: Run, state: State) -> State:
        self.check_unfinished(run, state)
        block = self._blocks(run)
        active = run.movable(state.tokens)
        present = block.gather(-1, active.long().argmax(-1, keepdim=True))
        return self.sampler.step(_within(run, block == present), state)

    def length(self, run: Run, state: State) -> int:
        block = self._blocks(run)
        numbers = range(int(block.min()), int(block.max()) + 1)
        return sum(self.sampler.length(_within(run, block == number), state) for number in numbers)

    def _blocks(self, run: Run) -> Tensor:
        """In which block each position is, [B, L]; negative before the first mask."""
        position = torch.arange(run.length, device=run.index.device)
        if run.initial is None:
            return (position // self.size).expand(len(run.index), -1)
        start = run.movable(run.initial).long().argmax(-1, keepdim=True)
        return (position - start).div(self.size, rounding_mode="floor")


def _within(run: Run, inside: Tensor) -> Run:
    """The same run, in which only the positions `inside` [B, L] can change."""
    return run.altered(fixed=~inside if run.fixed is None else run.fixed | ~inside)
