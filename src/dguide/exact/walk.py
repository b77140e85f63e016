"""Integration from noise to data, in steps as long as the tolerance allows that end at breakpoints of the schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor

from ..guidance import Schedule
from .collocation import Radau, radau

__all__ = ["Carried", "Carrier", "Stretch", "at_once", "inside", "walk"]

_AT_ONCE = 70.0


@dataclass(frozen=True, eq=False)
class Carried:
    """A distribution after one step.

    Attributes:
        law: the distribution at the end of the step.
        tail: the larger L1 norm of the two highest Legendre coefficients of the distribution in the step. It estimates
            the error inside the step. The error at the end of the step is much smaller.
        undecided: [K + 1], expected share of undecided positions, at the start and at the points.
    """

    law: list[Tensor]
    tail: Tensor
    undecided: Tensor


class Carrier(Protocol):
    """Carries a distribution from noise to data, in a coordinate that increases on the way.

    Attributes:
        first: noise level at the start.
        last: noise level at the end.
        stride: width of the first step that is tried.
    """

    first: float
    last: float
    stride: float

    def start(self) -> list[Tensor]:
        """The distribution of pure noise."""

    def coordinate(self, level: Tensor) -> Tensor:
        """The coordinate at a noise level."""

    def level(self, coordinate: Tensor) -> Tensor:
        """The noise level at a coordinate."""

    def carry(self, law: list[Tensor], levels: Tensor, weights: Tensor, width: float, order: Radau) -> Carried:
        """Take one step.

        Args:
            law: the distribution at the start of the step.
            levels: [K], noise levels at the points of the step.
            weights: [K], w at the points.
            width: width of the step in the coordinate.
            order: points and matrices of the collocation.
        """


@dataclass(frozen=True, eq=False)
class Stretch:
    """One step of the integration.

    Attributes:
        start: coordinate at its start.
        width: its width in the coordinate.
        order: points and matrices of its collocation.
        carried: the distribution after it.
    """

    start: float
    width: float
    order: Radau
    carried: Carried

    def undecided(self, coordinate: Tensor) -> Tensor:
        """Expected share of undecided positions at the coordinates [M], inside the step."""
        return self.order.between(self.carried.undecided, ((coordinate - self.start) / self.width).clamp(0, 1))


def at_once(log_speed: Tensor, dim: int) -> Tensor:
    """Log exit rates of the positions of a state (along `dim`), scaled down together where they are too large.

    At such rates a position leaves at once. The ratios of the rates, which decide which position leaves, are kept.
    """
    return log_speed - (log_speed.detach().amax(dim, keepdim=True) - _AT_ONCE).clamp_min(0)


def inside(level: Tensor, low: float, high: float) -> Tensor:
    """`level`, moved slightly inside its piece of the schedule: w may jump at the ends of a piece."""
    hair = 1e-12 * (high - low)
    return level.clamp(low + hair, high - hair)


def walk(carrier: Carrier, schedule: Schedule, tolerance: float, points: int = 12) -> Iterator[Stretch]:
    """Carry pure noise to data in steps.

    Args:
        carrier: the states, with their coordinate.
        schedule: w as a function of the noise level.
        tolerance: the largest `Carried.tail` of a step.
        points: number of points in a step.
    """
    order = radau(points)
    law, width = carrier.start(), carrier.stride
    edges = [carrier.last, *(b for b in schedule.breakpoints if carrier.last < b < carrier.first), carrier.first]
    for low, high in reversed(list(pairwise(edges))):
        at, stop = (float(carrier.coordinate(torch.tensor(m, dtype=torch.float64))) for m in (high, low))
        shortest = 1e-13 * (stop - at)
        while at < stop:
            # A step that nearly reaches the end of a piece is extended to the end.
            width = stop - at if width > 0.9 * (stop - at) else max(width, shortest)
            levels = carrier.level(at + width * order.points)
            carried = carrier.carry(law, levels, schedule(inside(levels, low, high)), width, order)
            excess = float(carried.tail) / tolerance
            if math.isfinite(excess) and (excess <= 1 or width <= shortest):
                # Changes faster than the shortest step are damped by the method, which keeps the total probability.
                yield Stretch(at, width, order, carried)
                law, at = carried.law, stop if width == stop - at else at + width
            elif width <= shortest:
                raise RuntimeError(f"the equations have no solution in float64 near noise level {float(levels[0])}")
            width *= min(2.0, max(0.2, 0.9 * max(excess, 1e-30) ** (-1 / points)))
