r"""The effects of order, pace and errors of the predictions on the samples of `Normalized` and `Unlocking`.

With a constant weight both mechanisms draw tokens from the same tilted distributions. They differ in the order of
positions, and in the pace (see `jumps`). Order and pace are exchanged separately, with exact predictions and with
predictions that have errors (see `perturbed`). Each distribution is compared with the tilted target of the *exact*
problem.

The order has an effect if two positions do not commute. The distribution of the pair after position i and then j
differs in total variation from that after j and then i. `Unlocking` prefers one of the two orders by
$\tfrac12 \tanh(|\log Z_i - \log Z_j| / 2) = |P(i\ \text{first}) - \tfrac12|$. The `noncommutativity` is the mean over
pairs of the product of these two numbers, in the fully masked state. For two positions it *is* the distance between the
two mechanisms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch

from ..errors import bad
from ..evaluate import Proportion, proportion
from ..exact import Problem, total_variation
from ..exact.random_problems import RANDOM_PROBLEMS
from ..guidance import Normalized, Unlocking
from ..progress import reporter
from .jumps import Jumps
from .perturbed import Perturbed
from .summary import Correlation, Quartiles, quartiles, rank_correlation

__all__ = ["ERRORS", "Case", "OrderEffects", "OrderRow", "compute", "noncommutativity", "problems"]

ERRORS: dict[str, dict[str, float]] = {
    "none": {},
    "shared": {"scale": 0.5, "shared": 1.0},
    "independent, small": {"scale": 0.2},
    "independent": {"scale": 0.5},
    "independent, rare contexts": {"scale": 1.0, "examples": 100.0, "smoothing": 0.3},
}
"""Kinds of errors of the predictions: arguments of `Perturbed`. No arguments mean exact predictions."""
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "dirichlet": ("dirichlet", {"concentration": 0.5}),
    "mixture": ("mixture", {"overlap": 0.1, "classes": 10}),
    "mixture, sure and open positions": ("mixture", {"overlap": 0.1, "classes": 10, "spread": 1.0}),
    "markov": ("markov", {"concentration": 0.3, "classes": 10}),
    "ising": ("ising", {"field": 2.0, "classes": 10}),
}
_MECHANISMS = {"normalized": Normalized, "unlocking": Unlocking}


@dataclass(frozen=True)
class Case:
    """One problem with one kind of error.

    Attributes:
        family: kind of random problem.
        errors: name in `ERRORS`.
        distance: total variation to the exact tilted target by (pace, order, steps). If positions leave one at a time,
            steps is None, and pace is "any", because it has no effect.
        apart: total variation between `Normalized` and `Unlocking` if positions leave one at a time.
        noncommutativity: the value of `noncommutativity`.
    """

    family: str
    errors: str
    distance: dict[tuple[str, str, int | None], float]
    apart: float
    noncommutativity: float


@dataclass(frozen=True)
class OrderRow:
    """Quartiles over the problems with one kind of error.

    Attributes:
        errors: name in `ERRORS`.
        pace, order: the mechanisms that give them.
        steps: number of steps, or None if positions leave one at a time.
        distance: total variation to the exact tilted target.
        worse: share of problems in which the distance is larger than with pace and order of `Normalized`, with its
            interval.
    """

    errors: str
    pace: str
    order: str
    steps: int | None
    distance: Quartiles
    worse: Proportion


@dataclass(frozen=True)
class OrderEffects:
    """All cases at one weight, their table, and the correlations of the noncommutativity."""

    weight: float
    steps: int
    cases: tuple[Case, ...]

    def rows(self) -> list[OrderRow]:
        """One row for each kind of error, pace, order and number of steps."""
        rows = []
        for errors in ERRORS:
            cases = [case for case in self.cases if case.errors == errors]
            for key in cases[0].distance if cases else ():
                pace, order, steps = key
                base = ("any" if steps is None else "normalized", "normalized", steps)
                worse = proportion(sum(case.distance[key] > case.distance[base] for case in cases), len(cases))
                spread = quartiles([case.distance[key] for case in cases])
                rows.append(OrderRow(errors, pace, order, steps, spread, worse))
        return rows

    def apart(self) -> dict[str, Quartiles]:
        """Quartiles of `Case.apart`, by kind of error."""
        return {e: quartiles([c.apart for c in self.cases if c.errors == e]) for e in ERRORS}

    def prediction(self) -> dict[str, Correlation]:
        """Rank correlation over problems of `Case.noncommutativity` with `Case.apart`, by kind of error."""
        groups = {errors: [case for case in self.cases if case.errors == errors] for errors in ERRORS}
        return {
            e: rank_correlation([c.noncommutativity for c in cases], [c.apart for c in cases])
            for e, cases in groups.items()
        }


def noncommutativity(jumps: Jumps) -> float:
    r"""The noncommutativity of the positions in the fully masked state, a predictor of the effect of the order:

    $$\frac{2}{d (d - 1)} \sum_{i < j} \tfrac12 \tanh \frac{|\log Z_i - \log Z_j|}{2} \; \mathrm{TV}\big(
    q_i(a)\, q_j(b \mid a),\; q_j(b)\, q_i(a \mid b)\big).$$

    $q_i$ is the tilted distribution of position i, TV the total variation, and d the number of positions.

    Raises `ValueError` for a single position, which has no order.
    """
    if jumps.space.tokens.shape[1] < 2:
        raise bad("positions", 1, "at least 2, for there to be an order")
    space, jump = jumps.space, jumps.jump(Unlocking)
    vocab = space.process.vocab_size
    rows = torch.full(space.tokens.shape, -1)
    rows[space.state, space.position] = torch.arange(len(space.state))
    law = jump.log_landing.exp()
    empty = int(space.prior().argmax())
    after = empty + (torch.arange(vocab) - space.tokens[empty, 0]).unsqueeze(-1) * space.strides
    total, pairs = 0.0, list(combinations(range(space.tokens.shape[1]), 2))
    for i, j in pairs:
        forth = law[rows[empty, i]].unsqueeze(-1) * law[rows[after[:, i], j]]
        back = law[rows[empty, j]].unsqueeze(-1) * law[rows[after[:, j], i]]
        lead = (jump.log_intensity[rows[empty, i]] - jump.log_intensity[rows[empty, j]]).abs() / 2
        total += 0.5 * float(torch.tanh(lead)) * float(total_variation(forth, back.T))
    return total / len(pairs)


def problems(seed: int, shape: tuple[int, int] = (3, 4)) -> dict[str, Problem]:
    """One problem of each kind, by name. At weight 3 guidance is strong in all of them."""
    return {name: RANDOM_PROBLEMS[family](*shape, seed, **kw) for name, (family, kw) in _KINDS.items()}


def compute(
    weight: float = 3.0,
    steps: int = 16,
    seeds: range = range(100, 108),
    progress: Callable[[int, int], None] | None = None,
) -> OrderEffects:
    """Solves all kinds of problems with all kinds of errors, for every combination of pace and order.

    Args:
        weight: w, constant.
        steps: number of steps with which pace and order are exchanged.
        seeds: seeds of the problems and of the errors.
        progress: called with (done, all) after each case.
    """
    report = reporter(progress)
    work = [(n, p, e, s) for s in seeds for n, p in problems(s).items() for e in ERRORS]
    cases = []
    for done, (family, problem, errors, seed) in enumerate(work, 1):
        denoiser = Perturbed(problem, seed=seed, **ERRORS[errors]) if ERRORS[errors] else None
        cases.append(_case(family, errors, problem.target(weight), Jumps.of(problem, weight, denoiser), steps))
        report(done, len(work))
    return OrderEffects(weight, steps, tuple(cases))


def _case(family: str, errors: str, target: torch.Tensor, jumps: Jumps, steps: int) -> Case:
    single = {name: jumps.sequential(order) for name, order in _MECHANISMS.items()}
    laws: dict[tuple[str, str, int | None], torch.Tensor] = {("any", name, None): law for name, law in single.items()}
    for pace, paced in _MECHANISMS.items():
        for order, ordered in _MECHANISMS.items():
            laws[pace, order, steps] = jumps.stepwise(paced, ordered, steps)
    distance = {key: float(total_variation(law, target)) for key, law in laws.items()}
    return Case(family, errors, distance, float(total_variation(*single.values())), noncommutativity(jumps))
