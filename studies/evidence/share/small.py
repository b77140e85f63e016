"""Small random problems: the exact distribution of the samples of each cell, and its distances."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from torch import Tensor

from dguide.exact import Problem, chain, kl_divergence, solve, total_variation
from dguide.samplers import OnGrid
from dguide.theory.limits import limit
from dguide.theory.strength import problems
from studies.evidence.evidence import Scale
from studies.evidence.share.cells import Cell

__all__ = ["measured", "small_problems"]

TOLERANCE = 1e-6


@lru_cache(maxsize=1)
def small_problems() -> tuple[tuple[str, Problem], ...]:
    """Kind and problem: 16 of 16 and 27 states, four kinds at several strengths, as in `dguide.theory.strength`."""
    return tuple(problems()[1])


def measured(scale: Scale, number: int, cells: list[Cell]) -> list[dict[str, Any]]:
    """The cells of one problem, all of the same weight, with their distances to the target and to continuous time.

    Args:
        scale: where finished parts are kept.
        number: of the problem in `small_problems`.
        cells: the cells; `FirstHitting` is continuous time itself.
    """
    kind, problem = small_problems()[number]
    first = cells[0]
    part = {"problem": number, "name": problem.name, "cells": [cell.about() for cell in cells]}
    log_z = problem.log_z(first.mean)
    found = scale.kept(part, lambda: {"cells": [_distances(problem, cell) for cell in cells]})
    shared = {"problem": number, "kind": kind, "log_z": log_z}
    return [cell.about() | shared | far for cell, far in zip(cells, found["cells"], strict=True)]


def _distances(problem: Problem, cell: Cell) -> dict[str, float | None]:
    law, target, continuous = _law(problem, cell), problem.target(cell.mean), _continuous(problem, cell)
    return {
        "target": _short(total_variation(law, target)),
        "kl": _short(kl_divergence(law.clamp_min(0), target)),
        "continuous": _short(total_variation(law, continuous)),
    }


def _law(problem: Problem, cell: Cell) -> Tensor:
    sampler = cell.made()
    return chain(problem, cell.guidance(), sampler) if isinstance(sampler, OnGrid) else _continuous(problem, cell)


def _continuous(problem: Problem, cell: Cell) -> Tensor:
    """The distribution in continuous time of the same mechanism, or of that to which it tends."""
    guidance = cell.guidance()
    tends_to: Callable[..., Any] | None = limit(type(guidance))
    if tends_to is None:
        raise ValueError(f"{cell.mechanism} has no known limit in continuous time")
    return solve(problem, tends_to(guidance.weight), tolerance=TOLERANCE).final


def _short(value: Tensor) -> float | None:
    """Six digits; None for a divergence that is infinite."""
    return float(f"{float(value):.6g}") if math.isfinite(float(value)) else None
