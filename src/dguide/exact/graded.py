r"""The distribution of guided samples for processes in which a decided token never changes.

The grade of a noisy state is the number k of positions that can still move. Probability flows only from a grade to the
next lower one. So implicit collocation in time becomes one sweep over the grades: the inflow from above is known, and
each state has one scalar linear equation at K points.

The coordinate is $s = -\log m$, in which all rates are bounded. With the exit rate $v_i$ of position i per unit of s,

$$\frac{d}{ds} p(x) = \sum_{i, x'} p(x')\, v_i(x')\, q_w(x_i \mid x') - p(x) \sum_i v_i(x),$$

where x' is x with position i undecided. If the mechanism keeps the pace (`Normalized`), $v_i = 1$. Then write
$p(x) = m^k a(x)$ in grade k. The equation

$$-\frac{d}{dm} a(x) = \sum_{i, x'} a(x')\, q_w(x_i \mid x')$$

has no exit rate and no singularity, and m itself is the coordinate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import bad
from ..guidance import RateGuidance
from ..process import Jump
from .collocation import Radau
from .predictions import Predictions
from .space import Space
from .walk import Carried, at_once

__all__ = ["Grades"]

_CHUNK = 1 << 17
"""Entries of a chunk of landings. A chunk fits into the cache."""


@dataclass(frozen=True, eq=False)
class _Grade:
    """The states in which k positions can still move.

    Attributes:
        states: [S], their numbers.
        rows: [S, k], their rows of predictions.
        sources: [S, d - k], indices of their inflows in the [rows * V] flows of the grade above.
    """

    states: Tensor
    rows: Tensor
    sources: Tensor


class Grades:
    """The graded states of a small problem under one guidance.

    A distribution is a list of tensors [S_k], from grade d (all positions can move) down to grade 0. It holds p(x), or
    a(x) if `keeps_pace`.
    """

    def __init__(self, space: Space, predictions: Predictions, guidance: RateGuidance) -> None:
        if predictions.time_dependent:
            raise bad(
                "exact.solve denoiser",
                "time_dependent = True",
                "one that does not read the time, for an absorbing process",
                "exact.chain takes any.",
            )
        self.space, self.predictions, self.guidance = space, predictions, guidance
        self.keeps_pace = space.process.prediction_free_rate and guidance.keeps_pace
        self.grades = _graded(space)
        self.first, self.last = 1.0, 0.0 if self.keeps_pace else 1e-9
        self.stride = 1.0 if self.keeps_pace else 2 / len(self.grades)

    def coordinate(self, level: Tensor) -> Tensor:
        """The coordinate at a noise level. It increases from noise to data."""
        return -level if self.keeps_pace else -level.log()

    def level(self, coordinate: Tensor) -> Tensor:
        """Inverse of `coordinate`."""
        return -coordinate if self.keeps_pace else torch.exp(-coordinate)

    def start(self) -> list[Tensor]:
        """The distribution of pure noise."""
        prior = self.space.prior()
        return [prior[grade.states] for grade in self.grades]

    def decided(self, law: list[Tensor]) -> Tensor:
        """[S], the part of a distribution that moves no more."""
        whole = torch.zeros(len(self.space.tokens), dtype=torch.float64)
        return whole.index_copy(0, self.grades[-1].states, law[-1])

    def carry(self, law: list[Tensor], levels: Tensor, weights: Tensor, width: float, order: Radau) -> Carried:
        """Take one step, without iteration. Differentiable in the weights."""
        d = len(self.grades) - 1
        integral = width * order.integral
        eye = torch.eye(len(weights), dtype=torch.float64)
        end, flows = [], torch.zeros(0, len(weights), dtype=torch.float64)
        tail, undecided = torch.zeros(2, dtype=torch.float64), torch.zeros(len(weights) + 1, dtype=torch.float64)
        for k, grade, start in zip(range(d, -1, -1), self.grades, law, strict=True):
            values, above, size = [], flows, self.space.process.vocab_size * k
            flows = start.new_zeros(size * len(start), len(weights))
            for part in self._parts(grade, len(weights)):
                first = start[part].unsqueeze(-1)
                at = first + above[grade.sources[part]].sum(1) @ integral.T
                if k > 0:
                    speed, landing = self._rates(grade.rows[part], weights)
                    if not self.keeps_pace:
                        exits = speed.sum(1).unsqueeze(1)
                        at = torch.linalg.solve(eye + integral * exits, at)
                    flow = (at.unsqueeze(1) * speed).unsqueeze(2) * landing
                    flows[part.start * size : part.stop * size] = flow.flatten(0, 2)
                values.append(torch.cat((first, at), 1))
            nodes = torch.cat(values)
            end.append(nodes[:, -1])
            tail = tail + (nodes @ order.coefficients[-2:].T).abs().sum(0).detach()
            undecided = undecided + k / d * nodes.sum(0).detach()
        return Carried(end, tail.max(), undecided)

    def exhaust(self, law: list[Tensor], weight: Tensor) -> list[Tensor]:
        """Decide all positions at constant w. The order of the jumps does not depend on time, so no step is needed."""
        flows = torch.zeros(0, dtype=torch.float64)
        end = []
        for grade, start in zip(self.grades, law, strict=True):
            at = start + flows[grade.sources].sum(1)
            end.append(at)
            if grade.rows.shape[1]:
                leaving = []
                for part in self._parts(grade, 1):
                    speed, landing = self._rates(grade.rows[part], weight.view(1))
                    share = at[part].unsqueeze(1) * (speed / speed.sum(1, keepdim=True)).squeeze(-1)
                    leaving.append((share.unsqueeze(-1) * landing.squeeze(-1)).flatten())
                flows = torch.cat(leaving)
        return [*(torch.zeros_like(x) for x in end[:-1]), end[-1]]

    def _parts(self, grade: _Grade, points: int) -> tuple[slice, ...]:
        size = max(1, _CHUNK // (points * max(points, self.space.process.vocab_size * max(1, grade.rows.shape[1]))))
        count = len(grade.states)
        return tuple(slice(i, min(i + size, count)) for i in range(0, count, size))

    def _rates(self, rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Exit rates per unit of s of `rows` [S, k] at K points, [S, k, K], and landing distributions, [S, k, V, K]."""
        points = len(weights)
        laws = self.predictions(0.5)
        cond, ref = (Jump(x.new_zeros(()), x[rows.flatten()].unsqueeze(-2)) for x in laws)
        jump = self.guidance.combine(cond, ref, weights)
        log_speed = jump.log_intensity.expand(rows.numel(), points).view(*rows.shape, points)
        landing = jump.log_landing.exp().expand(rows.numel(), points, -1)
        return at_once(log_speed, 1).exp(), landing.transpose(-1, -2).reshape(*rows.shape, -1, points)


def _graded(space: Space) -> list[_Grade]:
    movable = space.process.movable(space.tokens).sum(-1)
    first_row = movable.cumsum(0) - movable
    to = space.destinations()
    grades: list[_Grade] = []
    sources = torch.zeros(1, 0, dtype=torch.int64)
    d = space.tokens.shape[1]
    for k in range(d, -1, -1):
        states = (movable == k).nonzero().squeeze(-1)
        rows = first_row[states].unsqueeze(-1) + torch.arange(k)
        grades.append(_Grade(states, rows, sources))
        if k:
            # A state of the next grade has one inflow through each of its d - k + 1 decided positions.
            landing = to[rows].flatten()
            entering = (movable[landing] == k - 1).nonzero().squeeze(-1)
            sources = entering[landing[entering].argsort(stable=True)].view(-1, d - k + 1)
    return grades
