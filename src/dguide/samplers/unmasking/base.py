"""Samplers of the masked process that fix how many positions are unmasked in a step, and choose which.

There is no clock here: a step takes some of the masked positions, by a rule, and each takes a token from its guided law
$q_w$. So guidance acts on the landing alone. The noise level is the share of masks that are left, of those that there
were in the sample at first, and w is its mean over the levels of the step.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from ...categorical import Draws
from ...denoiser import Denoiser
from ...errors import bad
from ...extension import final, listed
from ...guidance import Guidance
from ...process import Process
from ...random import Stream
from ..grid.base import OnGrid
from ..run import Run
from ..sampler import Sampler
from ..state import State

__all__ = ["Candidates", "Unmasking", "ranked", "top_k"]

_AHEAD = 1 << 14
"""How many uniforms are worked out at once, which stay in the cache: a hundred small operations for few or for many."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """What is known in a step when those who leave are chosen.

    Attributes:
        run: the batch.
        index: steps taken before.
        sample: [N], row of the batch of each position that was looked at; in order.
        position: [N], position in the sample.
        draws: what was drawn for them, with the spread of $q_w$.
        left: [B], masks of each sample.
        total: [B], masks there were at first.
        after: [B], masks after the step, as far as that is fixed beforehand.
    """

    run: Run
    index: int
    sample: Tensor
    position: Tensor
    draws: Draws
    left: Tensor
    total: Tensor
    after: Tensor


class Unmasking(Sampler):
    """Samplers that unmask so many positions a step: a new one says how many (`aim`) and which (`choose`).

    Where it can be said beforehand who may leave (`candidates`), the networks are asked for no others.
    """

    spread: ClassVar[bool] = True
    """Whether the choice needs the maximum, entropy and margin of the laws, or their probability of the token."""

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        name = type(self).__name__
        if not (process.prediction_free_rate and process.absorbing):
            raise bad(
                f"{name} with the process",
                type(process).__name__,
                "Masked, whose tokens are decided once",
                f"Samplers along a grid accept others: {listed(OnGrid)}.",
            )
        if not guidance.keeps_pace:
            raise bad(
                f"{name} with {type(guidance).__name__}",
                "guidance that sets the pace",
                listed(Guidance, keeps_pace=True, tilted_landing=True),
                f"{name} fixes how many tokens a step takes, so that all mechanisms would be Normalized. "
                f"Samplers along a grid tell them apart: {listed(OnGrid)}.",
            )

    @abstractmethod
    def aim(self, left: Tensor, total: Tensor) -> Tensor:
        """How many masks of each sample a step leaves at most, [B]: fewer than `left` where there is one."""

    @abstractmethod
    def candidates(self, active: Tensor, leaving: Tensor) -> Tensor:
        """Which of the masks `active` [B, L] may leave if `leaving` [B] do; only they are looked at."""

    @abstractmethod
    def choose(self, candidates: Candidates) -> Tensor:
        """Which of the positions that were looked at leave, [N] bool: one at least in each sample."""

    def finished(self, run: Run, state: State) -> bool:
        return not bool(run.movable(state.tokens).any())

    @final
    def step(self, run: Run, state: State) -> State:
        self.check_unfinished(run, state)
        active = run.movable(state.tokens)
        left, total = active.sum(-1), initially(run)
        after = self.aim(left, total)
        sample, position = where = self.candidates(active, left - after).nonzero().unbind(-1)
        if not len(sample):
            return replace(state, index=state.index + 1)
        whole = total.clamp_min(1).double()
        high = left / whole
        weight = run.guidance.weight_over(after / whole, high, run.rows)[sample]
        plan, uniforms = _landing(run, state, fresh=not self.predictable)
        predictions = run.predict(state.tokens, run.process.noise.time(high), run.query(where, weight))
        draws = predictions.draw(weight, uniforms[where], partition=bool(run.observers), spread=self.spread)
        leaves = self.choose(Candidates(run, state.index, sample, position, draws, left, total, after))
        to = (sample[leaves], position[leaves])
        landed = torch.bincount(to[0], minlength=len(left))
        if run.observers:
            turn = torch.arange(len(to[0]), device=landed.device) - (landed.cumsum(0) - landed)[to[0]]
            run.landed(to, (left[to[0]] - turn - 0.5) / whole[to[0]], draws[leaves])
        time = run.process.noise.time((left - landed) / whole)
        return State(
            state.tokens.index_put(to, draws.token[leaves]),
            state.clocks,
            state.jumps.index_put(to, torch.ones_like(to[0])),
            state.forced,
            torch.where(left > 0, time, state.time),
            state.index + 1,
            plan,
        )


def initially(run: Run) -> Tensor:
    """How many positions of each sample were to be filled in at first, [B]."""
    if run.initial is not None:
        return run.movable(run.initial).sum(-1)
    if run.fixed is not None:
        return (~run.fixed).sum(-1)
    return torch.full_like(run.index, run.length)


def ranked(candidates: Candidates, score: Tensor) -> tuple[Tensor, Tensor]:
    """The scores [N] of each sample in falling order, [B, L] with -inf after the last, and whose they are, [B, L].

    Of equal scores the one further left comes first.
    """
    lowest = torch.finfo(torch.float64).min
    scores = torch.full(
        (len(candidates.left), candidates.run.length), -torch.inf, dtype=torch.float64, device=score.device
    )
    scores[candidates.sample, candidates.position] = score.double().clamp_min(lowest)
    falling, order = scores.sort(dim=-1, descending=True, stable=True)
    return falling, order


def top_k(candidates: Candidates, order: Tensor, count: Tensor) -> Tensor:
    """Which of the positions that were looked at are among the first `count` [B] of `order` [B, L], [N] bool."""
    first = torch.arange(order.shape[-1], device=order.device) < count.unsqueeze(-1)
    return torch.zeros_like(first).scatter_(-1, order, first)[candidates.sample, candidates.position]


@dataclass(frozen=True, eq=False)
class _Plan:
    """Landing uniforms of the steps from `first` on, [K, B, L]; of one for all steps where they do not change."""

    first: int
    uniforms: Tensor


def _landing(run: Run, state: State, fresh: bool) -> tuple[_Plan, Tensor]:
    """The landing uniforms of the next step, [B, L], and the plan that they are of.

    Where the choice depends on the tokens drawn, those that were not kept are drawn again, and not by the same uniform:
    it is no longer uniform given that its token was not kept. Elsewhere the choice says nothing about the uniform of a
    landing, and every step uses the same one, that of all other samplers.
    """
    plan = state.plan
    if not fresh:
        if not isinstance(plan, _Plan):
            plan = _Plan(state.index, run.uniforms(Stream.LANDING, 0).unsqueeze(0))
        return plan, plan.uniforms[0]
    if not isinstance(plan, _Plan) or state.index >= plan.first + len(plan.uniforms):
        steps = max(1, min(run.length, _AHEAD // (len(run.index) * run.length)))
        draw = torch.arange(state.index, state.index + steps, device=run.index.device)
        plan = _Plan(state.index, run.uniforms(Stream.LANDING, draw.view(-1, 1, 1)))
    return plan, plan.uniforms[state.index - plan.first]
