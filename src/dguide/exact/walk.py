"""From noise to data in steps as long as the tolerance allows, split where the schedule bends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ..guidance import Schedule
from .collocation import Radau, radau
from .graded import Carried, Grades

__all__ = ["Stretch", "inside", "walk"]

_LAST = 1e-9
"""Noise level from which on w is taken as constant, where the coordinate goes on for ever."""
_ORDER = 12


@dataclass(frozen=True, eq=False)
class Stretch:
    """One step along the way.

    Attributes:
        levels: [K + 1], noise levels at its start and at its points.
        width: how long it is in the coordinate of the grades.
        carried: the law after it.
        order: its points.
    """

    levels: Tensor
    width: float
    carried: Carried
    order: Radau

    def fraction(self, share: Tensor) -> Tensor:
        """Expected share of undecided positions at `share` [M] of the way through the step."""
        return self.order.between(self.carried.undecided, share)


def inside(level: Tensor, low: float, high: float) -> Tensor:
    """`level`, a hair away from the ends of a piece, where w may jump."""
    hair = 1e-12 * (high - low)
    return level.clamp(low + hair, high - hair)


def walk(grades: Grades, schedule: Schedule, tolerance: float, order: Radau | None = None) -> Iterator[Stretch]:
    """Carry pure noise down to data, or to where w is as good as constant.

    Args:
        grades: the states.
        schedule: w.
        tolerance: `Carried.tail` that a step may have.
        order: points of a step.
    """
    order = order or radau(_ORDER)
    law, last = grades.start(), 0.0 if grades.paced else _LAST
    edges = [last, *(b for b in schedule.breakpoints if last < b < 1), 1.0]
    width = math.inf if grades.paced else 2 / len(grades.grades)
    for low, high in reversed(list(pairwise(edges))):
        whole = high - low if grades.paced else math.log(high / low)
        done = 0.0
        while done < whole:
            # No sliver is left at the end of a piece.
            width = whole - done if width > 0.9 * (whole - done) else width
            points = done + width * torch.cat((order.points.new_zeros(1), order.points))
            levels = high - points if grades.paced else high * torch.exp(-points)
            carried = grades.carry(law, schedule(inside(levels[1:], low, high)), width, order)
            excess = float(carried.tail) / tolerance
            if excess <= 1:
                yield Stretch(levels, width, carried, order)
                law, done = carried.law, whole if width == whole - done else done + width
            elif width < 1e-9 * whole:
                raise RuntimeError(f"no step is short enough near noise level {float(levels[0])}: raise the tolerance")
            width *= min(3.0, max(0.2, 0.9 * max(excess, 1e-30) ** (-1 / len(order.points))))
