"""The exact distribution after the finite steps of a sampler, computed without drawing samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import bad
from ..extension import listed
from ..guidance import Guidance, Schedule
from ..samplers import Denoiser, OnGrid, Stage, StageInput
from .check import check_denoiser, check_guidance
from .predictions import Predictions
from .problem import Problem, check_problem
from .space import Space
from .stages import advanced, factors

__all__ = ["chain"]

_CHUNK = 1 << 23
_MOVES = 1 << 34


def chain(problem: Problem, guidance: Guidance, sampler: OnGrid, denoiser: Denoiser | None = None) -> Tensor:
    r"""The distribution of the samples of a sampler along a time grid, such as `Ancestral` or `Trapezoidal`.

    A step from time t to s multiplies the distribution by the matrix $\prod_i T_i(x_s^i \mid x_t)$, with the transition
    probability $T_i$ of position i. Predictions are made at the start of the step. A second stage starts at a state
    $x^*$, and the matrix is $\sum_{x^*} \prod_i T_i(x^{*i} \mid x_t) \prod_i T'_i(x_s^i \mid x_t, x^*)$. This is a sum
    over pairs of states, for small problems only.

    Args:
        problem: the process and the joint distributions.
        guidance: any mechanism, with a number or a schedule as weight.
        sampler: any sampler along a time grid.
        denoiser: makes the predictions, with conditions as in `Problem.oracle`; by default this oracle.

    Returns:
        [V] * d float64, the distribution of the final tokens.

    Raises:
        ValueError: for a weight per sample, a sampler without a grid, or a step with too many transitions.
    """
    check_problem("exact.chain", problem)
    check_guidance("exact.chain", guidance)
    check_denoiser("exact.chain", denoiser, problem.process)
    if not isinstance(sampler, OnGrid):
        raise bad(
            "exact.chain sampler",
            type(sampler).__name__,
            f"one along a grid: {listed(OnGrid)}",
            "exact.solve has no steps.",
        )
    if not isinstance(guidance.weight, Schedule):
        raise bad("exact.chain weight", "a tensor", "a number or a schedule")
    process = problem.process
    space = Space.of(process, problem.positions)
    _check_work(space)
    laws = Predictions(space, denoiser or problem.oracle())
    law = space.prior()
    for time, earlier in pairwise(sampler.times(process)):
        stages = sampler.stages(process, guidance, time, earlier)
        if len(stages) == 1 and not stages[0].again:
            law = law @ _Step(space, laws, guidance, stages[0])
        else:
            law = advanced(law, space, laws, guidance, stages)
    return space.data_law(law)


def _check_work(space: Space) -> None:
    """Raises `ValueError` for too many transitions in a step: with frozen predictions a state may go to any other."""
    movable = torch.bincount(space.process.movable(space.tokens).sum(-1)).tolist()
    moves = sum(count * space.process.input_size**k for k, count in enumerate(movable))
    if moves > _MOVES:
        raise bad("exact.chain", f"{moves:.1e} transitions in a step", f"at most {_MOVES:.1e}", "Take fewer states.")


class _Step:
    """The matrix of a step with one stage. It acts on a distribution, `law @ step`, and is never stored."""

    def __init__(self, space: Space, predictions: Predictions, guidance: Guidance, stage: Stage) -> None:
        self.space = space
        laws = predictions(float(stage.time))
        self.matrix = factors(space.process, guidance, stage, [StageInput(space.here, *laws)])

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
        base: [S], the number of each state, without the share of its movable positions.
        offset: [M], the share of the movable positions, for each of their M joint outcomes.
        rows: for each movable position [S], rows of `Space.state`.
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
    groups = []
    for k, pattern in enumerate(patterns):
        states = (which == k).nonzero().squeeze(-1)
        base = (space.tokens[states] * space.strides * ~pattern).sum(-1)
        offset = torch.zeros(1, dtype=torch.int64)
        for stride in space.strides[pattern]:
            offset = (offset.unsqueeze(-1) + torch.arange(space.process.input_size) * stride).flatten()
        groups.append(_Moves(states, base, offset, list(row[states][:, pattern].unbind(-1))))
    return groups
