"""Small random problems: the exact distribution of the samples of each cell, and its distances."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from torch import Tensor

from dguide import Uniform
from dguide.exact import Problem, chain, kl_divergence, solve, total_variation
from dguide.samplers import OnGrid
from dguide.theory.limits import limit
from dguide.theory.strength import problems
from studies.evidence.evidence import Scale
from studies.evidence.share.cells import Cell

__all__ = ["STRONG", "measured", "numbers", "small_problems"]

TOLERANCE, STRONG = 1e-6, 3.0


@lru_cache(maxsize=1)
def small_problems() -> tuple[tuple[str, Problem], ...]:
    """Kind and problem: 16 of 16 and 27 states, four kinds at several strengths, as in `dguide.theory.strength`."""
    return tuple(problems()[1])


def numbers(strong: bool) -> list[int]:
    """The numbers of the problems with log Z_w above `STRONG` at w = 3, or of the others."""
    return [n for n, (_, problem) in enumerate(small_problems()) if (problem.log_z(3.0) > STRONG) == strong]


def measured(scale: Scale, number: int, cells: list[Cell], process: str = "masked") -> list[dict[str, Any]]:
    """The cells of one problem, all of the same weight, with their distances to the target and to continuous time.

    Args:
        scale: where finished parts are kept.
        number: of the problem in `small_problems`.
        cells: the cells; `FirstHitting` stands for continuous time itself, with the uniform process too.
        process: "masked" or "uniform".
    """
    kind, problem = small_problems()[number]
    part = {"problem": number, "name": problem.name, "cells": [cell.about() for cell in cells]}
    if process == "uniform":
        problem, part = replace(problem, process=Uniform(problem.process.vocab_size)), part | {"process": process}
    found = scale.kept(part, lambda: {"cells": [_distances(problem, cell) for cell in cells]})
    shared = {"problem": number, "kind": kind, "process": process, "log_z": problem.log_z(cells[0].mean)}
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
