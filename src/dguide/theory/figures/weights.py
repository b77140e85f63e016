"""Distance of the samples to the tilted target by weight, for early, constant and late guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...exact import Problem, solve, total_variation
from ...plots.style import COLOURS
from .base import EARLY_TO_LATE, TheoryFigure, frame, panels
from .maps import MECHANISMS
from .problems import rings

__all__ = ["Weights", "compute", "draw", "figure"]

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)


@dataclass(frozen=True, eq=False)
class Weights:
    """The data of the figure.

    Args:
        problem: Name of the problem.
        weights: Mean weights w, [W].
        unguided: Total variation of p_c to the target of each weight, [W].
        distance: Total variation of the samples to this target, [W], by mechanism and schedule.
    """

    problem: str
    weights: tuple[float, ...]
    unguided: Tensor
    distance: dict[str, dict[str, Tensor]]


def compute(problem: Problem, weights: tuple[float, ...] = WEIGHTS) -> Weights:
    """Solves a problem for each mechanism, schedule and weight."""
    targets = [problem.target(w) for w in weights]
    distance = {
        name: {
            kind: torch.tensor(
                [
                    total_variation(solve(problem, mechanism(schedule(w))).final, t)
                    for w, t in zip(weights, targets, strict=True)
                ],
                dtype=torch.float64,
            )
            for kind, (schedule, *_) in EARLY_TO_LATE.items()
        }
        for name, mechanism in MECHANISMS.items()
    }
    unguided = torch.tensor([total_variation(problem.cond, target) for target in targets], dtype=torch.float64)
    return Weights(problem.name, weights, unguided, distance)


def draw(data: Weights) -> Any:
    """Draws a panel for each mechanism, on one scale."""
    fig, axes = panels(2, 4.0, sharey=True)
    for panel, (mechanism, curves) in zip(axes[0], data.distance.items(), strict=True):
        panel.plot(data.weights, data.unguided, color="0.55", linewidth=1.4, label="no guidance")
        for kind, curve in curves.items():
            _, line, mark = EARLY_TO_LATE[kind]
            look = {"marker": mark, "color": COLOURS[mechanism], "markerfacecolor": "white", "linewidth": 1.8}
            panel.plot(data.weights, curve, line, label=kind, **look)
        panel.legend(fontsize=9, loc="upper left", frameon=False)
        frame(panel, f"{mechanism}", "mean weight $w$", "total variation to the tilted target")
    axes[0][0].set_ylim(0, None)
    axes[0][1].set_ylabel("")
    return fig


def figure() -> TheoryFigure:
    """The figure of early, constant and late guidance."""
    data = compute(rings())
    last = data.weights[-1]

    def ends(mechanism: str) -> str:
        return ", ".join(f"{kind} {float(curve[-1]):.3f}" for kind, curve in data.distance[mechanism].items())

    worse = [
        f"{mechanism}, {kind} (from $w = {data.weights[int(over[0])]:g}$ on)"
        for mechanism, curves in data.distance.items()
        for kind, curve in curves.items()
        if len(over := (curve > data.unguided + 1e-9).nonzero().flatten())
    ]
    worse_text = f"Further away than no guidance: {'; '.join(worse)}." if worse else ""
    nearest = [
        kind == "late"
        for curves in data.distance.values()
        for k, w in enumerate(data.weights)
        if w > 0
        for kind in [min(curves, key=lambda name: float(curves[name][k]))]
    ]
    caption = f"""
**Problem.** The problem of the maps: two positions, {data.problem}. **Formula.** TV between the distribution of the
samples and the tilted distribution $T ~ p_c^(1+w) p_u^(-w)$. Schedules have equal mean $w$ over the noise level $m$:
early $2wm$, constant $w$, late $2w(1 - m)$. Grey: the conditional distribution, without guidance.

Of the three schedules of equal mean weight, late is the nearest to the target in {sum(nearest)} of {len(nearest)}
cases (two mechanisms, weights above 0). At $w = {last:g}$: Normalized {ends("Normalized")};
Unlocking {ends("Unlocking")}; no guidance {float(data.unguided[-1]):.3f}. {worse_text} This is one problem, chosen
because it can be drawn. Exact predictions, continuous time. Source: arXiv 2507.08965, section 4."""
    alt = (
        "Two panels, Normalized and Unlocking: distance to the target by weight for early, constant and late guidance."
    )
    return TheoryFigure("weights", "Early, constant and late guidance", draw(data), caption, alt, data)
