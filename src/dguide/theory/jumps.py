r"""Exact laws of the masked process in which the order of positions and the pace are two separate choices.

Guidance with a constant weight w draws a token that leaves its mask from $q_w$, whatever the mechanism. Mechanisms
differ in the speed $v_i(x)$ at which masked position i leaves (1 for `Normalized`, $Z_i$ for `Unlocking`), and the
speed does two things. It sets the *order*: which position is next,

$$P(i \mid x) = v_i(x) \,/\, \textstyle\sum_j v_j(x),$$

and the *pace*: how many leave within a step, position i with probability $1 - (m_s / m_t)^{v_i}$. With exact steps of
length zero the pace has no effect (time is not looked at) and the final law is the recursion over grades

$$p(x) = \sum_i p(x^{-i})\, P(i \mid x^{-i})\, q_w(x_i \mid x^{-i}),$$

with $x^{-i}$ the state x with position i masked. In a step of finite length K positions leave together, each token
drawn as if the others were still masked. Here K follows the speeds of one mechanism (a sum of independent indicators)
and which K they are those of another (an exponential race), so that each can be frozen while the other is exchanged.
If both are `Normalized` this is `Ancestral` exactly. If both are `Unlocking` it is so but for the tie between K and the
race: in `Ancestral` they are one event, here two (laws up to 0.05 apart on the problems of the tests).
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
    """What can happen in every state of a masked problem under guidance of constant weight.

    Attributes:
        space: the states; rows below are its pairs of a state and a masked position.
        weight: w.
        cond, ref: [N, V], log-laws of the two predictions.
    """

    space: Space
    weight: float
    cond: Tensor
    ref: Tensor

    @classmethod
    def of(cls, problem: Problem, weight: float, denoiser: Denoiser | None = None) -> Jumps:
        """The jumps of a problem (masked process) at weight w, by default with exact predictions.

        Raises `ValueError` for any other process.
        """
        if not problem.process.absorbing:
            raise bad("Jumps of the process", type(problem.process).__name__, "Masked")
        space = Space.of(problem.process, problem.positions)
        return cls(space, weight, *Predictions(space, denoiser or problem.oracle())(0.5))

    def jump(self, mechanism: Mechanism) -> Jump:
        """Log speed [N], relative to the unguided pace, and log landing [N, V]."""
        still = torch.zeros(len(self.cond), dtype=torch.float64)
        w = torch.full_like(still, self.weight)
        return mechanism(self.weight).combine(Jump(still, self.cond), Jump(still, self.ref), w)

    def sequential(self, order: Mechanism) -> Tensor:
        """The law [V] * d when positions leave one at a time: the limit of many steps at any pace."""

        def one(rows: Tensor) -> Tensor:
            return torch.tensor([[0.0, 1.0]], dtype=torch.float64).expand(len(rows), 2)

        law, race = self.space.prior(), _Race(self, order)
        for _ in range(self.space.tokens.shape[1]):
            law = race.step(law, one)
        return self.space.data_law(law)

    def stepwise(self, pace: Mechanism, order: Mechanism, steps: int) -> Tensor:
        """The law [V] * d of `steps` ancestral steps: how many leave by `pace`, which ones by `order`."""
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
    """Where each set of positions that may leave together leads, and how likely it is to win the race."""

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
                    # The last to leave was the fastest of those that were left without it.
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
        """The law [S] after positions have left; `count` gives P(K = k), [S', up to k + 1], for rows [S', k]."""
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
    """P(K = k) of the number K of independent events, [S, k + 1], from their probabilities [S, k]."""
    law = torch.ones_like(chance[:, :1])
    none = torch.zeros_like(law)
    for i in range(chance.shape[1]):
        p = chance[:, i : i + 1]
        law = torch.cat((law * (1 - p), none), -1) + torch.cat((none, law * p), -1)
    return law
