"""How fast masks disappear: the exact law of a small problem, and samples that should follow it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..exact import Problem, solve
from ..guidance import RateGuidance
from ..process import Masked
from ..samplers import FirstHitting, sample

__all__ = ["Pace", "pace", "problem"]


@dataclass(frozen=True, eq=False)
class Pace:
    """Masked fraction over time under one guidance.

    Args:
        times: Where the theory is given, [K].
        theory: The expected share of masked positions there, [K].
        at: Where it was measured, [M].
        measured: The mean share of masked positions of the samples there, [M].
        error: The standard error of `measured`, [M].
        count: Number of samples.
    """

    times: Tensor
    theory: Tensor
    at: Tensor
    measured: Tensor
    error: Tensor
    count: int


def problem(tokens: int = 4, length: int = 3, contrast: float = 2.0) -> Problem:
    r"""A small problem with labels: class c prefers token c, $p(x \mid c) \propto \prod_i e^{\kappa\, 1[x_i = c]}$.

    Args:
        tokens: Number of tokens and of classes.
        length: Number of positions.
        contrast: $\kappa$.

    Returns:
        Class 0 against the even mixture of all classes, under the masked process.
    """
    one = torch.full((tokens, tokens), 1.0, dtype=torch.float64)
    one.fill_diagonal_(math.exp(contrast))
    one = one / one.sum(-1, keepdim=True)
    joint = one
    for _ in range(length - 1):
        joint = joint.unsqueeze(-1) * one.view(tokens, *[1] * (joint.ndim - 1), tokens)
    return Problem(Masked(tokens), joint[0], joint.mean(0), f"{tokens} classes, {length} positions")


def pace(guidance: RateGuidance, count: int, seed: int = 0) -> Pace:
    """Solves and samples `problem` under `guidance`; the samples are those of `FirstHitting`, which is exact for it."""
    small = problem()
    theory = solve(small, guidance)
    drawn = sample(
        small.oracle(),
        process=small.process,
        length=small.positions,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=guidance,
        sampler=FirstHitting(),
        seed=seed,
        trajectory=True,
    )
    path = drawn.trajectory
    assert path is not None
    at = torch.linspace(0.95, 0.05, 10, dtype=torch.float64)
    # Every step hits one position of each sample; it is masked at all times above that of its hit.
    shares = (path.times[1:] < at[:, None, None]).double().mean(1)
    return Pace(theory.times, theory.masked_fraction, at, shares.mean(-1), shares.std(-1) / math.sqrt(count), count)
