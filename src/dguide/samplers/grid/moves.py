"""Moving many positions at once: clocks that have run out leave, and land."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from ...categorical import Draws, at_token, decoded
from ...guidance import Transition
from ...random import Stream
from ..predictions import Positions
from ..run import Run
from ..state import State
from .base import StageInput
from .jump_times import fraction

__all__ = ["Land", "StepBuffers", "drawn"]

Land: TypeAlias = Callable[[Tensor, Tensor], Draws]
"""What becomes of the positions that leave: which of N they are, [M] in order, and the uniforms that decide it, [M]."""


def drawn(run: Run, log_landing: Tensor, seen: StageInput, uniforms: Tensor) -> Draws:
    """Draw from laws [M, V] written out; what the predictions `seen` say of the tokens only if somebody looks on."""
    draws = decoded(log_landing, uniforms, run.decoding)
    if not run.observers:
        return draws
    cond, ref = (None if x is None else at_token(x, draws.token) for x in (seen.cond, seen.ref))
    return replace(draws, log_cond=cond, log_ref=ref)


@dataclass(frozen=True, eq=False)
class StepBuffers:
    """Tokens and clocks of a batch while a step is under way, changed in place.

    Attributes:
        tokens, clocks, jumps, forced: as in `State`.
    """

    tokens: Tensor
    clocks: Tensor
    jumps: Tensor
    forced: Tensor

    @classmethod
    def of(cls, state: State) -> StepBuffers:
        """A copy of what `state` says."""
        return cls(*(x.clone() for x in (state.tokens, state.clocks, state.jumps, state.forced)))

    def leap(
        self,
        run: Run,
        at: Positions,
        law: Transition,
        seen: StageInput,
        levels: tuple[float, float],
        must: Tensor | None = None,
    ) -> Tensor:
        """Let the positions `at` [N] follow `law`, and say which of them left, [N] bool.

        A position leaves when the integrated exit rate of the law uses up its clock, and then has a new one.

        Args:
            run: the batch.
            at: which positions.
            law: what they do.
            seen: the predictions there, for those who look on.
            levels: noise levels between which it happens, the higher first.
            must: [N], who leaves even if the clock has not run out.
        """

        def land(going: Tensor, uniforms: Tensor) -> Draws:
            return drawn(run, law.log_landing[going], seen[going], uniforms)

        return self.move(run, at, law.log_stay, land, levels, must)

    def move(
        self,
        run: Run,
        at: Positions,
        log_stay: Tensor,
        land: Land,
        levels: tuple[float, float],
        must: Tensor | None = None,
    ) -> Tensor:
        """Let the positions `at` [N] stay with the log-probabilities `log_stay` [N]; the rest is as in `leap`.

        Args:
            run: the batch.
            at: which positions.
            log_stay: how surely they stay.
            land: what those become that do not.
            levels: as in `leap`.
            must: as in `leap`.
        """
        exit_rate, clock = -log_stay, self.clocks[at]
        going = clock <= exit_rate
        if must is not None:
            self.forced.add_(torch.bincount(at[0][must & ~going], minlength=len(self.forced)))
            going = going | must
        rows = going.nonzero().squeeze(-1)
        to = (at[0][rows], at[1][rows])
        draws = land(rows, run.uniforms(Stream.LANDING, self.jumps[to], to))
        self.tokens[to] = draws.token
        self.jumps[to] += 1
        self.clocks[at] = clock - exit_rate
        self.clocks[to] = -run.uniforms(Stream.CLOCK, self.jumps[to], to).log()
        if run.observers:
            high, low = levels
            level = high - (high - low) * fraction(clock[rows], exit_rate[rows])
            run.landed(to, level, draws)
        return going

    def keep(
        self, run: Run, at: Positions, draws: Draws, clock: Tensor, exit_rate: Tensor, levels: tuple[float, float]
    ) -> Positions:
        """Let those of the positions `at` [N] keep what they drew whose clock runs out, and say which they are.

        Args:
            run: the batch.
            at: which positions; none of them may stay as it is at noise level 0.
            draws: what they drew, [N].
            clock: what their clocks have left, [N].
            exit_rate: integrated exit rates of the step, [N].
            levels: noise levels between which it happens, the higher first.
        """
        high, low = levels
        late = (clock > exit_rate) & (low == 0)
        leaves = (clock <= exit_rate) | late
        to = (at[0][leaves], at[1][leaves])
        self.tokens[to] = draws.token[leaves]
        self.forced.add_(torch.bincount(at[0][late], minlength=len(self.forced)))
        if run.observers:
            level = high - (high - low) * fraction(clock[leaves], exit_rate[leaves])
            run.landed(to, level, draws[leaves])
        return to

    def state(self, state: State, time: float) -> State:
        """The state after `state`, at `time`."""
        return State(
            self.tokens, self.clocks, self.jumps, self.forced, torch.full_like(state.time, time), state.index + 1
        )
