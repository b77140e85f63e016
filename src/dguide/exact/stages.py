r"""The transition probabilities of the stages of a step: one matrix for each stage, or for each pair of states.

In a stage, positions move independently given the states that it uses: the state $x_t$ at the start of the step and, in
a second stage, also the state $x^*$ at its own start. The distribution after the step is the sum over both states.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..errors import bad
from ..guidance import Guidance, Schedule
from ..process import Process
from ..samplers import Stage, StageInput
from .predictions import Predictions
from .space import Space

__all__ = ["advanced", "factors"]

_CHUNK = 1 << 21
_MOVES = 1 << 30
_NODES_AT_ONCE = 1 << 18
_NODES, _SHARES = (torch.from_numpy(x) for x in np.polynomial.legendre.leggauss(16))


def factors(process: Process, guidance: Guidance, stage: Stage, views: Sequence[StageInput]) -> Tensor:
    """The distribution of each of N movable positions after a stage, [N, input_size].

    Args:
        process: the process.
        guidance: the mechanism, with a schedule as weight.
        stage: the stage.
        views: tokens and predictions of the states that the stage uses; the state at its own start is the last.
    """
    here = views[-1].tokens
    count, vocab = len(here), process.vocab_size
    low, high = float(process.noise.level(stage.earlier)), float(process.noise.level(stage.time))

    def moves(weights: Tensor) -> tuple[Tensor, Tensor]:
        """Probability to stay [N] and landing distribution [K, N, V], for each of K weights."""
        copies = len(weights)
        seen = [
            StageInput(
                view.tokens.repeat(copies),
                *(None if x is None else x.repeat(copies, 1) for x in (view.cond, view.ref)),
            )
            for view in views
        ]
        law = stage.law(seen, weights.repeat_interleave(count))
        return law.log_stay[:count].exp(), law.log_landing.exp().view(copies, count, vocab)

    schedule = guidance.weight
    assert isinstance(schedule, Schedule)
    if stage.at_jump:
        # w is taken at the time of the jump. This time is uniform in the noise level over the stage.
        levels, shares = _between(schedule, low, high)
        landing = torch.zeros(count, vocab, dtype=torch.float64)
        for part in torch.arange(len(levels)).split(max(1, _NODES_AT_ONCE // max(1, landing.numel()))):
            stay, landings = moves(schedule(levels[part]))
            landing += torch.einsum("k,knv->nv", shares[part], landings)
    else:
        stay, (landing,) = moves(schedule.average(*torch.tensor((low, high), dtype=torch.float64)).view(1))
    if low == 0:
        stay = torch.where(process.unfinished(here), 0.0, stay)
    matrix = torch.zeros(count, process.input_size, dtype=torch.float64)
    matrix[:, :vocab] = torch.where(stay < 1, 1 - stay, 0.0).unsqueeze(-1) * landing
    return matrix.scatter_add_(1, here.unsqueeze(-1), stay.unsqueeze(-1))


def _between(schedule: Schedule, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Noise levels from `low` to `high` and their shares in the mean of a function of w. A flat piece of w has one."""
    levels, shares = [], []
    for a, b in pairwise([low, *(m for m in schedule.breakpoints if low < m < high), high]):
        nodes = (a + b) / 2 + (b - a) / 2 * _NODES
        weights = schedule(nodes)
        flat = bool((weights == weights[0]).all())
        levels.append(nodes[:1] if flat else nodes)
        shares.append((_SHARES.sum().view(1) if flat else _SHARES) / 2 * (b - a) / (high - low))
    return torch.cat(levels), torch.cat(shares)


def advanced(
    law: Tensor, space: Space, predictions: Predictions, guidance: Guidance, stages: Sequence[Stage]
) -> Tensor:
    """The distribution [S] after a step of any stages, from the distribution [S] before it.

    Raises:
        ValueError: for too many transitions in a step.
    """
    # A history is the states of a sample at the start of each stage so far. `mass` is its probability.
    now = law.nonzero().squeeze(-1)
    seen, mass = [now], law[now]
    row = torch.full(space.tokens.shape, -1)
    row[space.state, space.position] = torch.arange(len(space.state))
    predicted: list[tuple[Tensor, Tensor]] = []
    for number, stage in enumerate(stages):
        if len(mass) * len(law) > _MOVES:
            got = f"{len(mass) * len(law):.1e} transitions in a step"
            raise bad("exact.chain", got, f"at most {_MOVES:.1e}", "Take fewer states.")
        predicted.append(predictions(float(stage.time)))
        last = number == len(stages) - 1
        after = torch.zeros_like(law)
        parts: list[tuple[list[Tensor], Tensor]] = []
        for part in torch.arange(len(mass)).split(max(1, _CHUNK // len(law))):
            states = [s[part] for s in seen]
            moved = mass[part].unsqueeze(-1) * _product(space, row, predicted, guidance, stage, states)
            if last:
                after += moved.sum(0)
            else:
                which, to = moved.nonzero().unbind(-1)
                parts.append(([*(s[which] for s in states), to], moved[which, to]))
        if last:
            return after
        seen = [torch.cat(columns) for columns in zip(*(states for states, _ in parts), strict=True)]
        mass = torch.cat([m for _, m in parts])
    return law


def _product(
    space: Space,
    row: Tensor,
    predicted: list[tuple[Tensor, Tensor]],
    guidance: Guidance,
    stage: Stage,
    seen: list[Tensor],
) -> Tensor:
    """The distribution after a stage for each of P histories, [P, S]: the product over the positions."""
    process = space.process
    joint = torch.ones(len(seen[0]), 1, dtype=torch.float64)
    for i in range(space.tokens.shape[1]):
        here = space.tokens[seen[-1], i]
        laws = torch.zeros(len(here), process.input_size, dtype=torch.float64)
        laws.scatter_(1, here.unsqueeze(-1), 1 - stage.again)
        if stage.again:
            laws[:, process.noise_token] += stage.again
        can = (row[seen[-1], i] >= 0).nonzero().squeeze(-1)
        if len(can):
            views = []
            for states, (cond, ref) in zip(seen, predicted, strict=True):
                rows = row[states[can], i]
                views.append(StageInput(space.tokens[states[can], i], cond[rows], ref[rows]))
            laws[can] = factors(process, guidance, stage, views)
        joint = (joint.unsqueeze(-1) * laws.unsqueeze(1)).flatten(1)
    return joint
