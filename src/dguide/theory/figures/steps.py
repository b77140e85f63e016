r"""The error of a finite number of steps T: the distribution of a sampler against that in continuous time.

A sampler is of first order if its error falls like 1/T. `Simple` tends to `Unlocking` as T grows. For the uniform
process `Euler` and `TauLeaping` start at alpha = 1e-3, so a bias of this size remains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...exact import Problem, chain, solve, total_variation
from ...exact.random_problems import dirichlet
from ...guidance import MECHANISMS
from ...plots.style import COLOURS, LINES, MARKS
from ...process import Process, Uniform
from ...samplers import Ancestral, Euler, GridSampler, TauLeaping
from ..limits import limit
from .base import TheoryFigure, frame, panels

__all__ = ["Steps", "compute", "draw", "figure", "order"]

STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
WEIGHT = 3.0
SAMPLERS: dict[str, Callable[[int], GridSampler]] = {"Ancestral": Ancestral, "Euler": Euler, "TauLeaping": TauLeaping}
_TOLERANCE = 1e-7
"""Tolerance of the distribution in continuous time, far below the errors of the figure."""
_LAST = 3
"""The order is fitted to this many of the largest numbers of steps."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The data of the figure.

    Args:
        problem: Name of the problem.
        weight: The constant weight w.
        steps: Numbers of steps T, [T].
        error: Total variation to the distribution in continuous time, [T], by process, mechanism and sampler.
        order: The fitted p of an error like $T^{-p}$, by process, mechanism and sampler.
    """

    problem: str
    weight: float
    steps: tuple[int, ...]
    error: dict[str, dict[str, dict[str, Tensor]]]
    order: dict[str, dict[str, dict[str, float]]]


def order(steps: Tensor, error: Tensor) -> float:
    r"""p of $T^{-p}$, by least squares on the logarithms of the last `_LAST` of `steps` [T] and `error` [T]."""
    x, y = steps[-_LAST:].double().log(), error[-_LAST:].log()
    x, y = x - x.mean(), y - y.mean()
    return -float((x * y).sum() / (x * x).sum())


def compute(tables: Problem, weight: float = WEIGHT, steps: tuple[int, ...] = STEPS) -> Steps:
    """Computes the errors of all mechanisms that have a limit, with all samplers and both processes."""
    tends_to = {name: to for name, mechanism in MECHANISMS.items() if (to := limit(mechanism)) is not None}
    processes: tuple[Process, ...] = (tables.process, Uniform(tables.process.vocab_size))
    error: dict[str, dict[str, dict[str, Tensor]]] = {}
    for process in processes:
        problem = Problem(process, tables.cond, tables.uncond, tables.name)
        limits = {to: solve(problem, to(weight), tolerance=_TOLERANCE).final for to in set(tends_to.values())}
        error[process.name] = {
            name: {
                sampler: torch.tensor(
                    [total_variation(chain(problem, MECHANISMS[name](weight), make(t)), limits[to]) for t in steps],
                    dtype=torch.float64,
                )
                for sampler, make in SAMPLERS.items()
            }
            for name, to in tends_to.items()
        }
    counts = torch.tensor(steps)
    orders = {
        p: {m: {s: order(counts, e) for s, e in row.items()} for m, row in rows.items()} for p, rows in error.items()
    }
    return Steps(tables.name, weight, steps, error, orders)


def draw(data: Steps) -> Any:
    """Draws a row for each process, a panel for each sampler, and a line for each mechanism."""
    fig, axes = panels(len(SAMPLERS), 6.6, rows=len(data.error), sharex=True, sharey=True)
    for row, (process, rows) in zip(axes, data.error.items(), strict=True):
        for panel, sampler in zip(row, SAMPLERS, strict=True):
            for mechanism, errors in rows.items():
                label = f"{mechanism}: order {data.order[process][mechanism][sampler]:.2f}"
                panel.loglog(
                    data.steps, errors[sampler], LINES[mechanism], marker=MARKS[mechanism], label=label,
                    color=COLOURS[mechanism], markerfacecolor="white", linewidth=1.7, markersize=5,
                )  # fmt: skip
            frame(panel, f"{sampler}, {process} process")
            panel.set_xticks(data.steps, [str(t) for t in data.steps])
            panel.minorticks_off()
            panel.legend(fontsize=9, frameon=False, loc="lower left")
        row[0].set_ylabel("total variation to\ncontinuous time", fontsize=10)
    for panel in axes[-1]:
        panel.set_xlabel("steps $T$", fontsize=10)
    return fig


def figure() -> TheoryFigure:
    """The figure of the error of finite steps."""
    data = compute(dirichlet(3, 3, seed=4))
    orders = [p for rows in data.order.values() for row in rows.values() for p in row.values()]
    least, most = min(orders), max(orders)
    at = data.steps.index(16)
    cells = {f"{m} with {s}": round(float(e[at]), 9) for m, row in data.error["masked"].items() for s, e in row.items()}
    best, worst = min(cells, key=cells.__getitem__), max(cells, key=cells.__getitem__)
    late = min(
        float(e.min()) for row in data.error["uniform"].values() for s, e in row.items() if s in ("Euler", "TauLeaping")
    )
    without = ", ".join(name for name in MECHANISMS if name not in data.error["masked"])
    left_out = f" Left out, without a known limit: {without}." if without else ""
    caption = f"""
**Problem.** Three positions of three tokens, two random tables ({data.problem}), constant $w = {data.weight:g}$, equal
steps from $t = 1$ to 0. **Formula.** TV between the exact distribution of the sampler with $T$ steps (a product of step
matrices) and the distribution in continuous time (a differential equation). Simple is compared with Unlocking, to which
it tends.{left_out} The order $p$ of an error like $T^(-p)$ is fitted to the last {_LAST} numbers of steps.

The fitted orders are between {least:.2f} and {most:.2f}; first order is 1. For the masked process the constants differ:
at {data.steps[at]} steps the error is smallest for {best} ({cells[best]:.4f}) and largest for {worst}
({cells[worst]:.4f}). If positions leave $Z_w$ times faster, steps must be shorter by this factor before the error falls
like $1/T$. For the masked process and Normalized, Ancestral and Euler are the same sampler. For the uniform process
Euler and TauLeaping start at $alpha = 0.001$ instead of 0. More steps do not remove this bias; the smallest error of
these samplers here is {late:.4f}."""
    alt = "Six log-log panels of the error against the number of steps: a line for each mechanism."
    return TheoryFigure("steps", "The cost of finite steps", draw(data), caption, alt, data)
