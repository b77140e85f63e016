r"""Random problems: joint distributions with and without a condition, each a function of one seed.

There are four kinds. `dirichlet` has no structure, `mixture` no correlation within a class, `markov` correlation along
a line, and `ising` correlation on a lattice. The condition is one of several classes. "No condition" is a mixture that
contains the condition with share s. So $\log Z_w \le w \log (1/s)$ bounds the strength of guidance.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import bad, number
from ..process import Masked
from .problem import Problem
from .space import check_states

__all__ = ["RANDOM_PROBLEMS", "dirichlet", "ising", "markov", "mixture"]

_ENTRIES = 1 << 25
"""Largest number of entries in the joint tables of all classes together: 256 MiB."""
_ACCURACY = 1e-6


def dirichlet(n: int, d: int, seed: int, concentration: float = 0.5, share: float = 0.2) -> Problem:
    """Two independent tables from a Dirichlet distribution: the condition, and the rest of the reference.

    Args:
        n: number of tokens.
        d: number of positions.
        seed: seed of the problem.
        concentration: parameter of each state. With a small value few states have most of the mass, and the tables
            overlap little.
        share: share of the condition in the reference, in (0, 1].

    Raises:
        ValueError: for sizes or parameters outside their range.
    """
    generator = _begin(n, d, seed, 1)
    concentration = _check("concentration", concentration, lambda x: x > 0, "a finite number above 0")
    share = _check("share", share, lambda x: 0 < x <= 1, "a number above 0, at most 1")
    cond, other = _dirichlet((2, n**d), concentration, generator).view(2, *[n] * d)
    return Problem(Masked(n), cond, share * cond + (1 - share) * other, _name("dirichlet", n, d, seed))


def mixture(n: int, d: int, seed: int, overlap: float = 0.3, classes: int = 5, spread: float = 0.0) -> Problem:
    r"""Classes with independent positions and a given overlap:

    $$p_k(x) = \prod_i \mathrm{softmax}(\beta \sigma_i g_{k,i})_{x_i}.$$

    g is standard normal, and $\sigma_i = e^{s z_i}$ with spread s and z standard normal. $\beta$ is solved such that
    $\sum_x \min(p_0(x), \bar p(x))$ is `overlap`, where $\bar p$ is the even mixture of all classes but the first. A
    spread makes some positions almost certain, and others not.

    Args:
        n: number of tokens, at least 2.
        d: number of positions.
        seed: seed of the problem.
        overlap: overlap of the condition (the first class) with the other classes, in (0, 1), exact within 1e-6.
        classes: number of classes, at least 2; the reference is their even mixture.
        spread: s, 0 to 10.

    Raises:
        ValueError: for sizes or parameters outside their range.
    """
    generator = _begin(n, d, seed, 2)
    overlap = _check("overlap", overlap, lambda x: 0 < x < 1, "a number between 0 and 1")
    spread = _check("spread", spread, lambda x: 0 <= x <= 10, "a number from 0 to 10")
    _check_classes(classes, n, d)
    g = torch.randn(classes, d, n, generator=generator, dtype=torch.float64)
    z = torch.randn(d, generator=generator, dtype=torch.float64)
    # At position 0 no other class prefers the same token as class 0, so a large beta always separates them.
    same = g[:, 0].argmax(-1) == g[0, 0].argmax()
    same[0] = False
    g[same, 0] = g[same, 0].roll(1, -1)
    g = g * torch.exp(spread * z).unsqueeze(-1)

    def tables(beta: float) -> Tensor:
        return torch.stack([_product(law) for law in torch.softmax(beta * g, -1)])

    low, high = 0.0, 1.0
    while _overlap(tables(high)) > overlap:
        high *= 2
    while True:
        beta = (low + high) / 2
        actual = _overlap(laws := tables(beta))
        if abs(actual - overlap) <= _ACCURACY:
            return Problem(Masked(n), laws[0], laws.mean(0), _name("mixture", n, d, seed))
        low, high = (beta, high) if actual > overlap else (low, beta)


def markov(n: int, d: int, seed: int, concentration: float = 0.5, classes: int = 5) -> Problem:
    r"""A Markov chain along the positions for each class k, $p_k(x) = \mu_k(x_1) \prod_i P_k(x_i, x_{i+1})$.

    $\mu_k$ and the rows of $P_k$ are drawn from Dirichlet distributions. The condition is the first class, and the
    reference is the even mixture of all classes.

    Args:
        n: number of tokens.
        d: number of positions.
        seed: seed of the problem.
        concentration: parameter of each token. With a small value a token nearly determines the next one.
        classes: number of classes, at least 2.

    Raises:
        ValueError: for sizes or parameters outside their range.
    """
    generator = _begin(n, d, seed, 3)
    concentration = _check("concentration", concentration, lambda x: x > 0, "a finite number above 0")
    _check_classes(classes, n, d)
    rows = _dirichlet((classes, 1 + n, n), concentration, generator)
    law, step = rows[:, 0], rows[:, 1:]
    for _ in range(d - 1):
        law = law.unsqueeze(-1) * step.view(classes, *[1] * (law.ndim - 2), n, n)
    return Problem(Masked(n), law[0], law.mean(0), _name("markov", n, d, seed))


def ising(n: int, d: int, seed: int, coupling: float = 0.5, field: float = 1.0, classes: int = 5) -> Problem:
    r"""Ising (n = 2) or Potts fields on a lattice, with one pattern $y_k$ for each class k,

    $$p_k(x) \propto \exp\Big(J \sum_{i \sim j} 1[x_i = x_j] + h \sum_i 1[x_i = y_{k,i}]\Big).$$

    $i \sim j$ are neighbours. The lattice is the rectangle of d sites nearest to a square, without periodic boundary.
    The patterns are random and different. The condition is the first class, and the reference is the even mixture of
    all classes.

    Args:
        n: number of tokens.
        d: number of positions.
        seed: seed of the problem.
        coupling: J; a positive value makes neighbours equal.
        field: h, the strength of the pattern.
        classes: number of classes, at least 2, at most n^d.

    Raises:
        ValueError: for sizes or parameters outside their range.
    """
    generator = _begin(n, d, seed, 4)
    coupling = _check("coupling", coupling, lambda x: abs(x) <= 1e6, "a number from -1e6 to 1e6")
    field = _check("field", field, lambda x: abs(x) <= 1e6, "a number from -1e6 to 1e6")
    _check_classes(classes, n, d)
    if classes > n**d:
        raise bad("classes", classes, f"at most the {n**d} patterns there are")
    states = torch.cartesian_prod(*[torch.arange(n)] * d).view(-1, d)
    columns = d // max(k for k in range(1, math.isqrt(d) + 1) if d % k == 0)
    energy = torch.zeros(n**d, dtype=torch.float64)
    for i in range(d):
        for j in (i + 1, i + columns):
            if j < d and (j > i + 1 or j % columns):
                energy += coupling * (states[:, i] == states[:, j])
    patterns = states[torch.randperm(n**d, generator=generator)[:classes]]
    alike = (states == patterns.unsqueeze(1)).sum(-1)
    laws = torch.softmax(energy + field * alike, -1).view(classes, *[n] * d)
    return Problem(Masked(n), laws[0], laws.mean(0), _name("ising", n, d, seed))


RANDOM_PROBLEMS: dict[str, Callable[..., Problem]] = {
    "dirichlet": dirichlet,
    "mixture": mixture,
    "markov": markov,
    "ising": ising,
}
"""The four kinds of random problems by name. Each takes (n, d, seed), and its own parameters by name."""


def _begin(n: int, d: int, seed: int, stream: int) -> torch.Generator:
    if isinstance(n, bool) or not isinstance(n, int) or n < 2:
        raise bad("n", repr(n), "an int of at least 2 tokens")
    if isinstance(d, bool) or not isinstance(d, int) or d < 1:
        raise bad("d", repr(d), "an int of at least 1 position")
    if isinstance(seed, bool) or not isinstance(seed, int) or abs(seed) >= 1 << 43:
        raise bad("seed", repr(seed), "an int of less than 2^43 in size")
    check_states(Masked(n), d)
    return torch.Generator().manual_seed(1_000_003 * seed + stream)


def _check(what: str, got: object, fine: Callable[[float], bool], expected: str) -> float:
    value = number(what, got)
    if not (math.isfinite(value) and fine(value)):
        raise bad(what, got, expected)
    return value


def _check_classes(classes: int, n: int, d: int) -> None:
    if isinstance(classes, bool) or not isinstance(classes, int) or not 2 <= classes <= _ENTRIES // n**d:
        raise bad("classes", repr(classes), f"an int from 2 to {_ENTRIES // n**d}, so that all tables fit into memory")


def _name(family: str, n: int, d: int, seed: int) -> str:
    return f"{family} n={n} d={d} seed={seed}"


def _dirichlet(shape: tuple[int, ...], concentration: float, generator: torch.Generator) -> Tensor:
    """Independent distributions over the last axis, drawn in logarithms, so any small concentration works."""
    alpha = torch.full(shape, concentration + 1, dtype=torch.float64)
    gamma = torch._standard_gamma(alpha, generator)
    # Gamma(a + 1) U^(1/a) is Gamma(a).
    boost = torch.rand(shape, generator=generator, dtype=torch.float64).clamp_min(1e-300).log() / concentration
    return torch.softmax(gamma.log() + boost, -1)


def _product(laws: Tensor) -> Tensor:
    """The joint table of independent positions, from their distributions [d, n]."""
    joint = laws[0]
    for law in laws[1:]:
        joint = joint.unsqueeze(-1) * law
    return joint


def _overlap(laws: Tensor) -> float:
    return float(torch.minimum(laws[0], laws[1:].mean(0)).sum())
