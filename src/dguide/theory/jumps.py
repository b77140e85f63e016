r"""Exact distributions of the masked process in which order and pace come from two different mechanisms.

With a constant weight w every mechanism draws the token of a position that leaves its mask from $q_w$. Mechanisms
differ in the speed $v_i(x)$ at which masked position i leaves: 1 for `Normalized`, $Z_i$ for `Unlocking`. The speed
sets the *order*, because position i is next with probability

$$P(i \mid x) = v_i(x) \,/\, \textstyle\sum_j v_j(x).$$

It also sets the *pace*, the number of positions that leave in a step from noise level $m_t$ to $m_s$: position i leaves
with probability $1 - (m_s / m_t)^{v_i}$. In continuous time the pace has no effect on the final distribution. With the
state $x^{-i}$, which is x with position i masked, it is the recursion

$$p(x) = \sum_i p(x^{-i})\, P(i \mid x^{-i})\, q_w(x_i \mid x^{-i}).$$

In a step of finite length K positions leave together. Each token is drawn as if the others were still masked. Here one
mechanism decides the number K (a sum of independent indicators), and another decides which K positions leave (an
exponential race). If both are `Normalized`, the result is exactly that of `Ancestral`. If both are `Unlocking`, it is
not exact: in `Ancestral` K and the race are one event, here they are independent (total variation up to 0.05 in the
tests).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..errors import bad
from ..exact import Problem, Space
from ..exact.predictions import Predictions
from ..guidance import RateGuidance
from ..process import Jump
from ..samplers import Ancestral, Denoiser

__all__ = ["Jumps"]

Mechanism = Callable[[float], RateGuidance]


@dataclass(frozen=True, eq=False)
class Jumps:
    """The jumps from all states of a masked problem under guidance of constant weight.

    Attributes:
        space: the states, and the N pairs (rows) of a state and a masked position.
        weight: w.
        cond, ref: [N, V], conditional and reference log-probabilities.
    """

    space: Space
    weight: float
    cond: Tensor
    ref: Tensor

    @classmethod
    def of(cls, problem: Problem, weight: float, denoiser: Denoiser | None = None) -> Jumps:
        """The jumps of a problem at weight w; the predictions are exact unless `denoiser` makes them.

        Raises `ValueError` unless the process is masked.
        """
        if not problem.process.absorbing:
            raise bad("Jumps of the process", type(problem.process).__name__, "Masked")
        space = Space.of(problem.process, problem.positions)
        return cls(space, weight, *Predictions(space, denoiser or problem.oracle())(0.5))

    def jump(self, mechanism: Mechanism) -> Jump:
        """Log speed [N] relative to the unguided pace, and log-probabilities of the landing [N, V]."""
        still = torch.zeros(len(self.cond), dtype=torch.float64)
        w = torch.full_like(still, self.weight)
        return mechanism(self.weight).combine(Jump(still, self.cond), Jump(still, self.ref), w)

    def sequential(self, order: Mechanism) -> Tensor:
        """The distribution [V] * d if positions leave one at a time: the limit of many steps, at any pace."""

        def one(rows: Tensor) -> Tensor:
            return torch.tensor([[0.0, 1.0]], dtype=torch.float64).expand(len(rows), 2)

        law, race = self.space.prior(), _Race(self, order)
        for _ in range(self.space.tokens.shape[1]):
            law = race.step(law, one)
        return self.space.data_law(law)

    def stepwise(self, pace: Mechanism, order: Mechanism, steps: int) -> Tensor:
        """The distribution [V] * d after `steps` ancestral steps with the pace and the order of two mechanisms."""
        law, race = self.space.prior(), _Race(self, order)
        speed = self.jump(pace).log_intensity.exp()
        process = self.space.process
        for high, low in pairwise(process.noise.level(Ancestral(steps).times(process))):
            stay = (low / high) ** speed

            def count(rows: Tensor, stay: Tensor = stay) -> Tensor:
                return _number_of_events(1 - stay[rows])

            law = race.step(law, count)
        return self.space.data_law(law)


class _Race:
    """For each set of positions that may leave together: the next states, and the probability to win the race."""

    def __init__(self, jumps: Jumps, order: Mechanism) -> None:
        space, jump = jumps.space, jumps.jump(order)
        landing = jump.log_landing.exp()
        shift = space.destinations() - space.state.unsqueeze(-1)
        masked = torch.bincount(space.state, minlength=len(space.tokens))
        first = masked.cumsum(0) - masked
        self.done = (masked == 0).nonzero().squeeze(-1)
        self.grades: list[tuple[Tensor, Tensor, list[tuple[int, Tensor, Tensor]]]] = []
        for k in range(1, space.tokens.shape[1] + 1):
            states = (masked == k).nonzero().squeeze(-1)
            rows = first[states].unsqueeze(-1) + torch.arange(k)
            log_speed = jump.log_intensity[rows]
            speed = torch.exp(log_speed - log_speed.amax(-1, keepdim=True))
            sets = []
            wins = [torch.ones(len(states), dtype=torch.float64)]
            for chosen in range(1 << k):
                members = [i for i in range(k) if chosen >> i & 1]
                if members:
                    # Member i wins last, against all positions that have not left before.
                    wins.append(torch.zeros_like(wins[0]))
                    for i in members:
                        before = chosen ^ 1 << i
                        left = sum(speed[:, j] for j in range(k) if not before >> j & 1)
                        wins[chosen] = wins[chosen] + wins[before] * speed[:, i] / left
                to, mass = states.unsqueeze(-1), wins[chosen].unsqueeze(-1)
                for i in members:
                    to = (to.unsqueeze(-1) + shift[rows[:, i]].unsqueeze(1)).flatten(1)
                    mass = (mass.unsqueeze(-1) * landing[rows[:, i]].unsqueeze(1)).flatten(1)
                sets.append((len(members), to, mass))
            self.grades.append((states, rows, sets))

    def step(self, law: Tensor, count: Callable[[Tensor], Tensor]) -> Tensor:
        """The distribution [S] after a step. `count` maps rows [S', k] to P(K = j), [S', at most k + 1]."""
        new = torch.zeros_like(law)
        new[self.done] = law[self.done]
        for states, rows, sets in self.grades:
            if not bool(law[states].any()):
                continue
            chance = count(rows) * law[states].unsqueeze(-1)
            for size, to, mass in sets:
                if size < chance.shape[1]:
                    new.index_add_(0, to.flatten(), (mass * chance[:, size, None]).flatten())
        return new


def _number_of_events(chance: Tensor) -> Tensor:
    """P(K = j) of the number K of events, [S, k + 1], for k independent events with probabilities [S, k]."""
    law = torch.ones_like(chance[:, :1])
    none = torch.zeros_like(law)
    for i in range(chance.shape[1]):
        p = chance[:, i : i + 1]
        law = torch.cat((law * (1 - p), none), -1) + torch.cat((none, law * p), -1)
    return law
