"""Whether the parts of a schedule, or of a mechanism, fit each other, which samplers rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ..errors import bad
from ..extension import once_by_value
from .schedule import Schedule

__all__ = ["once_by_fields", "verify_agreement", "verify_schedule"]


@once_by_value
def verify_schedule(schedule: Schedule) -> None:
    """Raise `ValueError` if `__call__`, `average` and `breakpoints` do not fit each other, at 513 noise levels."""
    name = type(schedule).__name__
    if not is_dataclass(schedule):
        raise bad(name, "a class that is no dataclass", "a frozen dataclass whose first field scales the weight")
    edges = torch.tensor((0.0, *schedule.breakpoints, 1.0), dtype=torch.float64)
    share = (torch.arange(512, dtype=torch.float64) + 0.5) / 512
    for low, high in pairwise(edges.tolist()):
        w = schedule(low + (high - low) * share)
        scale = 1e-9 * (1 + float(w.abs().max()))
        if not bool(torch.isfinite(w).all()) or float(w.min()) < -1 - scale:
            raise bad(f"weights of {name}", [float(w.min()), float(w.max())], "finite numbers of at least -1")
        if bool((w.diff() > scale).any()) and bool((w.diff() < -scale).any()):
            expected = "a monotone weight between two of them"
            raise bad(f"{name}.breakpoints", f"a weight that turns from m = {low:g} to {high:g}", expected)
        for a, b in ((low, high), (low, (low + high) / 2)):
            inside = a + (b - a) * share
            mean = float(schedule(inside).mean())
            told = float(schedule.average(*torch.tensor((a, b), dtype=torch.float64)))
            if not abs(told - mean) <= 0.01 * float(w.max() - w.min()) + scale:
                raise bad(
                    f"{name}.average from m = {a:g} to {b:g}", f"{told:.6g}", f"{mean:.6g}, the mean of its weights"
                )


def verify_agreement(name: str, told: Tensor, other: str, wanted: Tensor) -> None:
    """Raise `ValueError` unless what `name` says is what `other` returns."""
    if not torch.allclose(told, wanted):
        raise bad(name, told.tolist(), f"what {other} returns, {wanted.tolist()}", "Make the two agree.")


def once_by_fields(mechanism: Any, work: Callable[[], None]) -> None:
    """Do `work`, unless it was done for a mechanism of this class with these fields, whose weight is no tensor."""
    _worked(_Fields(mechanism, work))


class _Fields:
    """The fields of a mechanism, and what is done once for them."""

    def __init__(self, mechanism: Any, work: Callable[[], None]) -> None:
        self.work, self.constant = work, isinstance(mechanism.weight, Schedule)
        self.values = (type(mechanism), *vars(mechanism).values())

    def __hash__(self) -> int:
        if not self.constant:
            raise TypeError("the numbers of a tensor may change")
        return hash(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fields) and self.values == other.values


@once_by_value
def _worked(fields: _Fields) -> None:
    fields.work()
