"""From noise to data in steps as long as the tolerance allows, split where the schedule bends."""

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
    """A law after one step.

    Attributes:
        law: at the end of the step.
        tail: L1 norm of the two highest Legendre coefficients of the law along the step, the larger one: what the
            polynomials could not follow. The end of the step is far more exact than that.
        undecided: [K + 1], expected share of positions that may not stay as they are, at the start and at the points.
    """

    law: list[Tensor]
    tail: Tensor
    undecided: Tensor


class Carrier(Protocol):
    """What carries a law from noise to data, in a coordinate of its own that increases on the way.

    Attributes:
        first: noise level where it starts.
        last: noise level where it ends.
        stride: a step to try first.
    """

    first: float
    last: float
    stride: float

    def start(self) -> list[Tensor]:
        """Pure noise."""

    def coordinate(self, level: Tensor) -> Tensor:
        """The coordinate at a noise level."""

    def level(self, coordinate: Tensor) -> Tensor:
        """The noise level at a coordinate."""

    def carry(self, law: list[Tensor], levels: Tensor, weights: Tensor, width: float, order: Radau) -> Carried:
        """Take one step.

        Args:
            law: at the start of the step.
            levels: [K], noise levels at the points of the step.
            weights: [K], w there.
            width: of the step, in the coordinate.
            order: the points.
        """


@dataclass(frozen=True, eq=False)
class Stretch:
    """One step along the way.

    Attributes:
        start: its coordinate.
        width: how long it is.
        order: its points.
        carried: the law after it.
    """

    start: float
    width: float
    order: Radau
    carried: Carried

    def undecided(self, coordinate: Tensor) -> Tensor:
        """Expected share of undecided positions at `coordinate` [M] inside the step."""
        return self.order.between(self.carried.undecided, ((coordinate - self.start) / self.width).clamp(0, 1))


def at_once(log_speed: Tensor, dim: int) -> Tensor:
    """Exit rates of the positions of a state (along `dim`), in logs, scaled down together where they leave all numbers.

    What leaves at such a rate leaves at once; which position does is what their ratios say.
    """
    return log_speed - (log_speed.detach().amax(dim, keepdim=True) - _AT_ONCE).clamp_min(0)


def inside(level: Tensor, low: float, high: float) -> Tensor:
    """`level`, a hair away from the ends of a piece, where w may jump."""
    hair = 1e-12 * (high - low)
    return level.clamp(low + hair, high - hair)


def walk(carrier: Carrier, schedule: Schedule, tolerance: float, points: int = 12) -> Iterator[Stretch]:
    """Carry pure noise to data in steps.

    Args:
        carrier: the states.
        schedule: w.
        tolerance: `Carried.tail` that a step may have.
        points: in a step.
    """
    order = radau(points)
    law, width = carrier.start(), carrier.stride
    edges = [carrier.last, *(b for b in schedule.breakpoints if carrier.last < b < carrier.first), carrier.first]
    for low, high in reversed(list(pairwise(edges))):
        at, stop = (float(carrier.coordinate(torch.tensor(m, dtype=torch.float64))) for m in (high, low))
        shortest = 1e-13 * (stop - at)
        while at < stop:
            # No sliver is left at the end of a piece.
            width = stop - at if width > 0.9 * (stop - at) else max(width, shortest)
            levels = carrier.level(at + width * order.points)
            carried = carrier.carry(law, levels, schedule(inside(levels, low, high)), width, order)
            excess = float(carried.tail) / tolerance
            if math.isfinite(excess) and (excess <= 1 or width <= shortest):
                # What cannot be followed in the shortest step leaves at once; the method damps it, and keeps its mass.
                yield Stretch(at, width, order, carried)
                law, at = carried.law, stop if width == stop - at else at + width
            elif width <= shortest:
                raise RuntimeError(f"the equations have no solution in float64 near noise level {float(levels[0])}")
            width *= min(2.0, max(0.2, 0.9 * max(excess, 1e-30) ** (-1 / points)))
