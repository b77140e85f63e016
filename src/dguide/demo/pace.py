"""The masked fraction over time of a small problem: the exact value, and the mean of samples."""

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
        times: Times of the theory, [K].
        theory: Expected masked fraction at `times`, [K].
        at: Times of the measurement, [M].
        measured: Mean masked fraction of the samples at `at`, [M].
        error: Standard error of `measured`, [M].
        count: Number of samples.
    """

    times: Tensor
    theory: Tensor
    at: Tensor
    measured: Tensor
    error: Tensor
    count: int


def problem(tokens: int = 4, length: int = 3, contrast: float = 2.0) -> Problem:
    r"""A small problem in which class c prefers token c: $p(x \mid c) \propto \prod_i e^{\kappa\, 1[x_i = c]}$.

    Args:
        tokens: Number of tokens and of classes.
        length: Number of positions.
        contrast: $\kappa$.

    Returns:
        The masked problem with class 0 as the condition and the uniform mixture of all classes as the reference.
    """
    one = torch.full((tokens, tokens), 1.0, dtype=torch.float64)
    one.fill_diagonal_(math.exp(contrast))
    one = one / one.sum(-1, keepdim=True)
    joint = one
    for _ in range(length - 1):
        joint = joint.unsqueeze(-1) * one.view(tokens, *[1] * (joint.ndim - 1), tokens)
    return Problem(Masked(tokens), joint[0], joint.mean(0), f"{tokens} classes, {length} positions")


def pace(guidance: RateGuidance, count: int, seed: int = 0) -> Pace:
    """Solves `problem` under `guidance`, and samples it with `FirstHitting`, which is exact here."""
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
    # Each step decides one position of each sample, which is masked at all times above that of the step.
    shares = (path.times[1:] < at[:, None, None]).double().mean(1)
    return Pace(theory.times, theory.masked_fraction, at, shares.mean(-1), shares.std(-1) / math.sqrt(count), count)
