"""The exact law after the finite steps of a sampler, without one sample drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..errors import bad
from ..guidance import Guidance, Schedule
from ..sample import Denoiser, GridSampler
from .check import check_denoiser, check_guidance
from .predictions import Predictions
from .problem import Problem, check_problem
from .space import Space

__all__ = ["chain"]

_CHUNK = 1 << 23
_MOVES = 1 << 34
_NODES_AT_ONCE = 1 << 18
_NODES, _SHARES = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(16))


def chain(problem: Problem, guidance: Guidance, sampler: GridSampler, denoiser: Denoiser | None = None) -> Tensor:
    r"""The law of the samples of `Ancestral`, `Euler` or `TauLeaping` with exact predictions.

    Each step multiplies the law by the step matrix $\prod_i T_i(x_s^i \mid x_t)$; the predictions are those of the
    `Oracle` at the start of the step.

    Args:
        problem: the process and the laws.
        guidance: any mechanism with a number or a schedule as weight.
        sampler: any sampler along a grid.
        denoiser: what predicts, with conditions as in `Problem.oracle`; default that oracle.

    Returns:
        [V] * d float64, the law of the final tokens.

    Raises:
        ValueError: for a weight per sample, or a sampler without a grid.
    """
    check_problem("exact.chain", problem)
    check_guidance("exact.chain", guidance)
    check_denoiser("exact.chain", denoiser)
    if not isinstance(sampler, GridSampler):
        raise bad(
            "exact.chain sampler", type(sampler).__name__, "one along a grid", "Use exact.solve for FirstHitting."
        )
    if not isinstance(guidance.weight, Schedule):
        raise bad("exact.chain weight", "a tensor", "a number or a schedule")
    process = problem.process
    space = Space.of(process, problem.positions)
    _check_work(space)
    laws = Predictions(space, denoiser or problem.oracle())
    law = space.prior()
    for time, earlier in pairwise(sampler.times(process)):
        law = law @ _Step(space, laws, guidance, sampler, time, earlier)
    return space.data_law(law)


def _check_work(space: Space) -> None:
    """Raises `ValueError` for a step that would take hours: with predictions frozen, a state may go to any other."""
    movable = torch.bincount(space.process.movable(space.tokens).sum(-1)).tolist()
    moves = sum(count * space.process.input_size**k for k, count in enumerate(movable))
    if moves > _MOVES:
        raise bad("exact.chain", f"{moves:.1e} transitions in a step", f"at most {_MOVES:.1e}", "Take fewer states.")


def _between(schedule: Schedule, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Noise levels between two, and their shares in a mean of a function of w: one for each piece where w is flat."""
    levels, shares = [], []
    for a, b in pairwise([low, *(m for m in schedule.breakpoints if low < m < high), high]):
        nodes = (a + b) / 2 + (b - a) / 2 * _NODES
        weights = schedule(nodes)
        flat = bool((weights == weights[0]).all())
        levels.append(nodes[:1] if flat else nodes)
        shares.append((_SHARES.sum().view(1) if flat else _SHARES) / 2 * (b - a) / (high - low))
    return torch.cat(levels), torch.cat(shares)


class _Step:
    """The matrix of one step, which acts on a law from the right: `law @ step`. It is never stored."""

    def __init__(
        self,
        space: Space,
        predictions: Predictions,
        guidance: Guidance,
        sampler: GridSampler,
        time: Tensor,
        earlier: Tensor,
    ) -> None:
        self.space = space
        process, here = space.process, space.here
        high, low = float(process.noise.level(time)), float(process.noise.level(earlier))
        laws = predictions(float(time))

        def moves(weights: Tensor) -> tuple[Tensor, Tensor]:
            """Probability to stay [N] and law of the landing [K, N, V] under each of K weights."""
            count = len(weights)
            cond, ref = (law.repeat(count, 1) for law in laws)
            w = weights.repeat_interleave(len(here))
            step = sampler.transition(process, guidance, here.repeat(count), time, earlier, cond, ref, w)
            return step.log_stay[: len(here)].exp(), step.log_landing.exp().view(count, *laws[0].shape)

        schedule = guidance.weight
        assert isinstance(schedule, Schedule)
        if process.content_free and guidance.content_free:
            # w is taken at the time of the jump, which is uniform in the noise level over the step.
            levels, shares = _between(schedule, low, high)
            landing = torch.zeros_like(laws[0])
            for part in torch.arange(len(levels)).split(max(1, _NODES_AT_ONCE // landing.numel())):
                stay, found = moves(schedule(levels[part]))
                landing += torch.einsum("k,knv->nv", shares[part], found)
        else:
            stay, (landing,) = moves(schedule.average(*torch.tensor((low, high), dtype=torch.float64)).view(1))
        if low == 0:
            stay = torch.where(process.unfinished(here), 0.0, stay)
        self.matrix = torch.zeros(len(here), process.input_size, dtype=torch.float64)
        self.matrix[:, : process.vocab_size] = torch.where(stay < 1, 1 - stay, 0.0).unsqueeze(-1) * landing
        self.matrix.scatter_add_(1, here.unsqueeze(-1), stay.unsqueeze(-1))

    def __rmatmul__(self, law: Tensor) -> Tensor:
        new = torch.zeros_like(law)
        for moves in _moves(self.space):
            for part in torch.arange(len(moves.base)).split(max(1, _CHUNK // len(moves.offset))):
                mass = law[moves.states[part]].unsqueeze(-1)
                for rows in moves.rows:
                    mass = (mass.unsqueeze(-1) * self.matrix[rows[part]].unsqueeze(1)).flatten(1)
                to = moves.base[part].unsqueeze(-1) + moves.offset
                new.index_add_(0, to.flatten(), mass.flatten())
        return new


@dataclass(frozen=True, eq=False)
class _Moves:
    """The states in which the same positions can move.

    Attributes:
        states: [S], their numbers.
        base: [S], the number of each without its moving positions.
        offset: [M], what every way for those positions to end up adds to it.
        rows: [S] for each of the positions, rows of `Space.state`.
    """

    states: Tensor
    base: Tensor
    offset: Tensor
    rows: list[Tensor]


@lru_cache(maxsize=1)
def _moves(space: Space) -> list[_Moves]:
    moving = torch.zeros(space.tokens.shape, dtype=torch.bool)
    moving[space.state, space.position] = True
    row = (moving.flatten().cumsum(0) - 1).view_as(moving)
    patterns, which = torch.unique(moving, dim=0, return_inverse=True)
    found = []
    for k, pattern in enumerate(patterns):
        states = (which == k).nonzero().squeeze(-1)
        base = (space.tokens[states] * space.strides * ~pattern).sum(-1)
        offset = torch.zeros(1, dtype=torch.int64)
        for stride in space.strides[pattern]:
            offset = (offset.unsqueeze(-1) + torch.arange(space.process.input_size) * stride).flatten()
        found.append(_Moves(states, base, offset, list(row[states][:, pattern].unbind(-1))))
    return found
