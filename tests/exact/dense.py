"""Distributions of guided samples from a dense generator matrix, built state by state: a reference for the solvers.

m is the noise level. For the masked process and constant w, rates per unit of s = -log m are constant, so one matrix
exponential is enough. Otherwise: Gauss collocation with twelve points a step (order 24), all stages in one dense linear
system. The coordinate is s, or the log-odds of m for processes that move at m = 1.
"""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor

from dguide import exact
from dguide.guidance import RateGuidance

REST = 40.0
"""The last s. Log-odds run from -32 to it. So noise levels below 1e-17 and above 1 - 1e-13 are left out."""
TAIL = 6.0
"""Beyond this s or log-odds the generator is almost constant."""
_ROOTS, _WEIGHTS = legendre.leggauss(12)


def generator(problem: exact.Problem, guidance: RateGuidance, level: float, weight: float) -> Tensor:
    """Rates per unit of noise level from each state (rows) to each other (columns), in row-major order of tokens."""
    process, d = problem.process, problem.positions
    tokens = torch.tensor(list(product(range(process.input_size), repeat=d)))
    time = process.noise.time(torch.tensor(level, dtype=torch.float64))
    laws = [problem.oracle().log_probs(tokens, float(time), label) for label in (0, 1)]
    w = torch.full((len(tokens),), weight, dtype=torch.float64)
    matrix = torch.zeros(len(tokens), len(tokens), dtype=torch.float64)
    for i in range(d):
        here = tokens[:, i]
        jump = guidance.combine(*(process.rates(here, time, law[:, i]) for law in laws), w)
        rates = (jump.log_intensity.unsqueeze(-1) + jump.log_landing).exp()
        for y in range(process.vocab_size):
            leave = (process.movable(here) & (here != y)).nonzero().flatten()
            matrix[leave, leave + (y - here[leave]) * process.input_size ** (d - 1 - i)] += rates[leave, y]
    return matrix - torch.diag(matrix.sum(1))


def prior(problem: exact.Problem) -> Tensor:
    """The distribution of pure noise over all states."""
    one = problem.process.kernel(1.0)[0].tolist()
    return torch.tensor([math.prod(p) for p in product(one, repeat=problem.positions)], dtype=torch.float64)


def data(problem: exact.Problem, law: Tensor) -> Tensor:
    """A distribution over all states as a joint table of data."""
    d, v = problem.positions, problem.process.vocab_size
    return law.view([problem.process.input_size] * d)[(slice(0, v),) * d]


def at_levels(problem: exact.Problem, guidance: RateGuidance, levels: list[float]) -> Tensor:
    """Distributions over all states [K, S] at noise `levels`, masked process, constant w. Level 0 is s = 400."""
    matrix = generator(problem, guidance, 0.5, guidance.weight.mean()) * 0.5
    elapsed = torch.tensor([-math.log(m) if m else 400.0 for m in levels], dtype=torch.float64)
    return prior(problem) @ torch.matrix_exp(elapsed.view(-1, 1, 1) * matrix)


def stepped(problem: exact.Problem, guidance: RateGuidance, width: float = 1.0) -> Tensor:
    """The final distribution over all states, any process and schedule. Steps have `width`; in the tails 4 `width`."""
    schedule, odds = guidance.weight, problem.process.finite_level < 1
    start, stop = (-32.0, REST) if odds else (0.0, REST)
    inner = [math.log((1 - b) / b) if odds else -math.log(b) for b in schedule.breakpoints]
    law = prior(problem)

    def rates(x: float) -> Tensor:
        m = 1 / (1 + math.exp(x)) if odds else math.exp(-x)
        speed = m / (1 + math.exp(-x)) if odds else m
        weight = float(schedule(torch.tensor(m, dtype=torch.float64)))
        return generator(problem, guidance, m, weight).mT * speed

    primitives = np.stack([legendre.legval(_ROOTS, legendre.legint(e, lbnd=-1)) for e in np.eye(12)], 1)
    integral = torch.from_numpy(primitives @ np.linalg.inv(legendre.legvander(_ROOTS, 11)) / 2)
    for low, high in pairwise(sorted({start, stop, *inner, max(start, -TAIL), TAIL})):
        tail = not -TAIL <= low < TAIL
        count = math.ceil((high - low) / (4 * width if tail else width)) + 3
        h = (high - low) / count
        for k in range(count):
            stages = torch.stack([rates(low + (k + (1 + c) / 2) * h) for c in _ROOTS.tolist()])
            size = len(law)
            system = torch.eye(12 * size) - h * torch.einsum("iab,ij->iajb", stages, integral).reshape(12 * size, -1)
            slopes = torch.linalg.solve(system, (stages @ law).flatten()).view(12, size)
            law = law + h / 2 * torch.from_numpy(_WEIGHTS) @ slopes
    return law
