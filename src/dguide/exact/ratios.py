r"""The distribution of guided samples for processes in which every noisy state has a positive probability.

Reverse rates are ratios of marginals. Let $\rho(x)$ be the distribution of noisy states at noise level m, and $\pi$ the
distribution of a noise token. Position i of x moves to y at the rate
$(\pi(x_i) / \alpha)\, \rho(x^{i \leftarrow y}) / \rho(x)$ per unit of m. With guidance, the landing distribution is
proportional to $G = \rho_c^{1+w} \rho_u^{-w}$ on the line of states through x along axis i, without x. So only sums
along axes are needed, of tensors of the size of the distribution. The generator matrix is never built.

The coordinate is $\ell = -\log(m / (1 - m))$. A step is implicit collocation. The part that stays in a state is solved
exactly; the part that comes from other states is solved by SciPy's GMRES around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import require
from ..guidance import RateGuidance
from ..guidance.base import tilt
from .collocation import Radau
from .problem import Problem
from .space import check_states
from .walk import Carried, at_once

__all__ = ["Ratios"]

_RESIDUAL = 1e-13


@dataclass(frozen=True, eq=False)
class _Flow:
    """Flows along one axis at K points. The flow from x to y on the same line is `leave(x)` p(x) `weight(y)`.

    Attributes:
        axis: axis of the tensors [K, V, ..., V].
        weight: G, scaled along each line.
        leave: exit rate, divided by the sum of `weight` over the rest of the line.
    """

    axis: int
    weight: Tensor
    leave: Tensor


class Ratios:
    """All states of a small problem under one guidance. A distribution is a list of one [V] * d table."""

    first = 1 - 1e-12
    stride = 1.0

    def __init__(self, problem: Problem, guidance: RateGuidance) -> None:
        check_states(problem.process, problem.positions)
        self.problem, self.guidance = problem, guidance
        # At this noise level the rarest state (all positions noise) still has a positive probability in float64.
        self.last = max(1e-16, 10 ** (-280 / problem.positions))
        self.linalg = require("scipy.sparse.linalg", "exact")

    def start(self) -> list[Tensor]:
        """The distribution of pure noise."""
        return [_noised(self.problem.cond, self.problem.process.kernel(1.0))]

    def coordinate(self, level: Tensor) -> Tensor:
        """The coordinate at a noise level. It increases from noise to data."""
        return -torch.logit(level)

    def level(self, coordinate: Tensor) -> Tensor:
        """Inverse of `coordinate`."""
        return torch.sigmoid(-coordinate)

    def carry(self, law: list[Tensor], levels: Tensor, weights: Tensor, width: float, order: Radau) -> Carried:
        """Take one step, as `Grades.carry` does."""
        start, points = law[0], len(levels)
        flows, exits = self._flows(levels, weights)
        integral = width * order.integral
        staying = torch.eye(points, dtype=torch.float64) + integral * exits.flatten(1).T.unsqueeze(1)
        factors = torch.linalg.lu_factor(staying)

        def settle(change: Tensor) -> Tensor:
            """Probability of each state at the points, from the inflow `change` [K, S] up to them, less the exits."""
            settled: Tensor = torch.linalg.lu_solve(*factors, change.T.unsqueeze(-1))
            return settled.squeeze(-1).T

        def entering(values: Tensor) -> Tensor:
            """Flow into each state at the points."""
            into = torch.zeros_like(values)
            for flow in flows:
                into += flow.weight * _others(values * flow.leave, flow.axis)
            return into

        still = start.flatten().expand(points, -1)

        # The unknown is the inflow, not the probability, which is small where rates are large.
        def apply(vector: NDArray[np.float64]) -> NDArray[np.float64]:
            flow = torch.from_numpy(vector).view(points, -1)
            back = entering(settle(integral @ flow).view(points, *start.shape)).flatten(1)
            return (flow - back).flatten().numpy()

        first = entering(settle(still).view(points, *start.shape)).flatten().numpy()
        size = still.numel()
        system = self.linalg.LinearOperator((size, size), apply, dtype=np.float64)
        solution, failed = self.linalg.gmres(
            system, first, x0=first, rtol=0.0, atol=_RESIDUAL / max(width, 1), restart=20, maxiter=6
        )
        solution = settle(still + integral @ torch.from_numpy(solution).view(points, -1))
        nodes = torch.cat((still[:1], solution))
        tail = (order.coefficients[-2:] @ nodes).abs().sum(-1).max()
        if failed:
            tail = torch.full_like(tail, torch.inf)
        return Carried([nodes[-1].view_as(start)], tail, torch.zeros(points + 1, dtype=torch.float64))

    def _flows(self, levels: Tensor, weights: Tensor) -> tuple[list[_Flow], Tensor]:
        """The flows along each axis, and the exit rate of each state, per unit of the coordinate."""
        process, shape = self.problem.process, [-1] + [1] * self.problem.positions
        kernels = [process.kernel(float(t)) for t in process.noise.time(levels)]
        noise = process.kernel(1.0)[0]
        log_c, log_u = (
            torch.stack([_noised(table, kernel) for kernel in kernels]).log()
            for table in (self.problem.cond, self.problem.uncond)
        )
        weight, slope = weights.view(shape), levels.log().view(shape)
        log_g = tilt(log_c, log_u, weight)
        lines, log_exits = [], []
        for axis in range(1, log_c.ndim):
            here = noise.log().view([-1] + [1] * (log_c.ndim - 1 - axis)) + slope
            rest_c, rest_u = (_line(x, axis)[1] for x in (log_c, log_u))
            scaled, rest_g = _line(log_g, axis)
            tilted = tilt(here + rest_c - log_c, here + rest_u - log_u, weight)
            log_exits.append(self.guidance.log_intensity(tilted, rest_g - tilt(rest_c, rest_u, weight)))
            lines.append((axis, scaled))
        flows, exits = [], torch.zeros_like(log_g)
        for exit_rate, (axis, scaled) in zip(at_once(torch.stack(log_exits), 0).exp(), lines, strict=True):
            # If the rest of the line has no weight in float64, the state keeps its probability.
            others = _others(scaled, axis)
            leave = torch.where(others > 1e-290, exit_rate / others, 0.0)
            flows.append(_Flow(axis, scaled, leave))
            exits += leave * others
        return flows, exits


def _noised(table: Tensor, kernel: Tensor) -> Tensor:
    """The distribution of noisy states, from the distribution of data."""
    for axis in range(table.ndim):
        table = torch.tensordot(table, kernel, dims=([axis], [0])).movedim(-1, axis)
    return table.contiguous()


def _others(x: Tensor, axis: int) -> Tensor:
    """Sum along `axis` without the entry itself, computed without subtraction, so nothing cancels."""
    parts = x.unbind(axis)
    below, above = [torch.zeros_like(parts[0])], [torch.zeros_like(parts[0])]
    for part, mirror in zip(parts[:-1], parts[:0:-1], strict=True):
        below.append(below[-1] + part)
        above.append(above[-1] + mirror)
    return torch.stack([b + a for b, a in zip(below, reversed(above), strict=True)], axis)


def _line(log_x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """x divided by its maximum along `axis`, and for each entry the log of the sum of the other entries."""
    top = log_x.amax(axis, keepdim=True)
    scaled = torch.exp(log_x - top)
    return scaled, top + _others(scaled, axis).log()
