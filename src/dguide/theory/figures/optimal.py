"""The schedules whose samples are closest to the tilted target, found by gradients through the solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...exact import Problem, kl_divergence, solve
from ...exact.optimal import optimal_schedule
from ...guidance import Normalized, Unlocking
from ...plots.style import COLOURS
from .base import EARLY_TO_LATE, TheoryFigure, frame, panels, shade
from .problems import rings

__all__ = ["Optimal", "compute", "course", "draw", "figure"]

WEIGHTS = (1.0, 2.0, 4.0)
PIECES = 6
_MECHANISMS: dict[str, type[Normalized] | type[Unlocking]] = {"Normalized": Normalized, "Unlocking": Unlocking}


@dataclass(frozen=True, eq=False)
class Optimal:
    """The data of the figure.

    Args:
        problem: Name of the problem.
        weights: Weights w of the targets, [W].
        levels: Noise levels of the knots, [K].
        schedules: w at the knots, [W, K], by mechanism.
        means: Mean of the schedule, [W], by mechanism.
        distance: KL divergence from the target in nats, [W], by mechanism and schedule, "optimal" among them.
    """

    problem: str
    weights: tuple[float, ...]
    levels: Tensor
    schedules: Mapping[str, Tensor]
    means: Mapping[str, Tensor]
    distance: Mapping[str, Mapping[str, Tensor]]


def compute(problem: Problem, weights: tuple[float, ...] = WEIGHTS, pieces: int = PIECES) -> Optimal:
    """Finds the best schedule for each mechanism and weight, with any mean, and solves the others at mean w."""
    schedules, means, distance = {}, {}, {}
    levels = torch.linspace(0, 1, pieces + 1, dtype=torch.float64)
    for name, mechanism in _MECHANISMS.items():
        best = [optimal_schedule(problem, w, mechanism, objective="kl", knots=pieces) for w in weights]
        schedules[name] = torch.stack([optimum.schedule(levels) for optimum in best]).clamp(min=0)
        means[name] = torch.tensor([optimum.schedule.mean() for optimum in best], dtype=torch.float64)
        rows = {"optimal": [optimum.distance for optimum in best]}
        for kind, (schedule, *_) in EARLY_TO_LATE.items():
            rows[kind] = [
                float(kl_divergence(solve(problem, mechanism(schedule(w))).final, problem.target(w))) for w in weights
            ]
        distance[name] = {kind: torch.tensor(row, dtype=torch.float64) for kind, row in rows.items()}
    return Optimal(problem.name, weights, levels, schedules, means, distance)


def draw(data: Optimal) -> Any:
    """Draws the schedules, and their distances beside those of other schedules."""
    fig, axes = panels(len(_MECHANISMS) + 1, 3.9)
    *shapes, bars = axes[0]
    count = len(data.weights)
    highest = max(float(curves.max()) for curves in data.schedules.values())
    for panel, (name, curves) in zip(shapes, data.schedules.items(), strict=True):
        for k, (w, curve) in enumerate(zip(data.weights, curves, strict=True)):
            look = {"color": shade(k, count), "marker": "os^Dv"[k % 5], "markerfacecolor": "white", "clip_on": False}
            panel.plot(data.levels, curve, label=f"target $w = {w:g}$", **look)
            panel.axhline(w, color=shade(k, count), linewidth=0.8, linestyle=":")
        panel.set_ylim(-0.03 * highest, 1.05 * highest)
        panel.set_xlim(1, 0)
        panel.set_xticks([1, 0.5, 0], ["1\nnoise", "0.5", "0\ndata"])
        frame(panel, f"{name}: the optimal $w(m)$", "noise level $m$", "weight" if panel is shapes[0] else "")
        panel.legend(fontsize=9, frameon=False)
    kinds = list(next(iter(data.distance.values())))
    for shift, (name, rows) in zip((0.19, -0.19), data.distance.items(), strict=True):
        drawn = bars.barh(
            [shift - x for x in range(len(kinds))], [float(rows[kind][-1]) for kind in kinds], 0.36, label=name,
            color=COLOURS[name], hatch="" if shift > 0 else "///", edgecolor="white",
        )  # fmt: skip
        bars.bar_label(drawn, fmt="%.3f", fontsize=9, padding=2)
    bars.set_yticks([-x for x in range(len(kinds))], kinds)
    bars.margins(x=0.16)
    frame(bars, f"distance to the target, $w = {data.weights[-1]:g}$", "KL divergence (nats)")
    bars.legend(fontsize=9, frameon=False, loc="lower right")
    return fig


def course(levels: Tensor, curve: Tensor) -> str:
    """A weight [K] from noise to data in words: its two ends, and its peak if it is between them."""
    at = int(curve.argmax())
    start, peak, end = (f"{float(curve[k]):.1f}" for k in (-1, at, 0))
    between = "" if at in (0, len(curve) - 1) else f" over its peak, {peak} at $m = {float(levels[at]):.2f}$,"
    return f"goes from {start} at noise{between} to {end} at data"


def figure() -> TheoryFigure:
    """The figure of the optimal schedules."""
    data = compute(rings(12))
    last = data.weights[-1]

    def described(name: str) -> str:
        others = ", ".join(f"{kind} {float(row[-1]):.3f}" for kind, row in data.distance[name].items())
        return f"{name} {course(data.levels, data.schedules[name][-1])} (distances: {others} nats)"

    means = " and ".join(f"{float(mean[-1]):.1f} ({name})" for name, mean in data.means.items())
    caption = f"""
**Problem.** Two positions, {data.problem}. **Formula.** $w(m)$ is linear between {len(data.levels)} knots and free
at each knot. It minimises the KL divergence $sum T log(T / p)$ between the target $T ~ p_c^(1+w) p_u^(-w)$ and the
distribution $p$ in continuous time. The search uses gradients through the solver and starts from a constant and from a
ramp, so the result is a local optimum. Dotted: the weight of the target. The mean of the optimum is free; the others
have mean $w$.

At a target weight of $w = {last:g}$ the best weight for {described("Normalized")}. That for {described("Unlocking")}.
Their means over the noise level are {means}. Near data Unlocking has almost no masks left, so the weight has little
effect there, and the last knots are uncertain. No schedule of this kind removes the remaining distance. That needs the
look-ahead, as in sequential Monte Carlo."""
    alt = """Two panels of optimal weights over the noise level, and bars that compare their distance to
    the target with early, constant and late schedules."""
    return TheoryFigure("optimal", "The best schedule", draw(data), caption, alt, data)
