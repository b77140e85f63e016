"""Where a batch stands that is drawn block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...random import Stream
from ..run import Run
from ..state import State
from .caching import Caching, cached, leads

__all__ = ["Place"]


@dataclass(frozen=True, eq=False)
class Place:
    """In which block a batch stands, and since which step.

    Attributes:
        number: of the block; -1 before the first one.
        start: index of its first step.
        outer: the run of whole samples.
        run: the same, in which only positions of the block can change.
        block: [B, L], the number of the block of each position.
        changes: how the networks of `run` differ from those of `outer`.
        caching: the networks that keep the blocks before.
        plan: of the sampler inside.
    """

    number: int
    start: int
    outer: Run
    run: Run
    block: Tensor
    changes: dict[str, Any]
    caching: list[Caching]
    plan: Any = None

    @classmethod
    def before_all(cls, run: Run, size: int) -> Place:
        """Before the first block of a run, in blocks of `size` positions."""
        lead = leads(run)
        changes, caching = ({}, []) if lead is None else cached(run, lead, size)
        return cls(-1, 0, run, run, _blocks(run, lead, size), changes, caching)

    def moved(self, run: Run, state: State, number: int) -> Place:
        """In the block of that `number`, which begins with the next step if it is another one."""
        if number == self.number and run is self.outer:
            return self
        outside = self.block != number
        fixed = outside if run.fixed is None else run.fixed | outside
        there = replace(self, outer=run, run=run.altered(fixed=fixed, **self.changes))
        return there if number == self.number else replace(there, number=number, start=state.index, plan=None)

    def free_ahead(self, run: Run, state: State) -> Tensor:
        """The block of each position that can change in later blocks, [N]."""
        return self.block[run.movable(state.tokens) & (self.block > self.number)]

    def catch_up(self, state: State) -> None:
        """Tell the networks that the blocks before are final."""
        for each in self.caching:
            each.advance(state.tokens, self.number)

    def inside(self, state: State) -> State:
        """The state as the sampler inside has it: at the start of a block time, clocks and steps are new."""
        inner = replace(state, index=state.index - self.start, plan=self.plan)
        if inner.index:
            return inner
        return replace(inner, time=torch.ones_like(state.time), clocks=-self.outer.uniforms(Stream.CLOCK, 0).log())


def _blocks(run: Run, lead: Tensor | None, size: int) -> Tensor:
    """In which block each position is, [B, L]; negative before the first mask."""
    position = torch.arange(run.length, device=run.index.device)
    if lead is not None:
        return (position + lead.unsqueeze(1)) // size
    if run.initial is None:
        return (position // size).expand(len(run.index), -1)
    start = run.movable(run.initial).long().argmax(-1, keepdim=True)
    return (position - start).div(size, rounding_mode="floor")
