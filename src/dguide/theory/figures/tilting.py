r"""One position: the tilted distribution, and the pace of each mechanism.

Every mechanism samples $q_w \propto q_c^{1+w} q_u^{-w}$. For constant w and alpha = 1 - t the masked fraction at time t
is t with `Normalized`, and $t^{Z_w}$ with `Unlocking` (arXiv 2406.01572).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...exact import Problem, solve
from ...guidance import Normalized, Unlocking
from ...plots.style import COLOURS
from ..markup import short
from .base import TheoryFigure, direct_label, frame, panels, shade, time_axis
from .problems import line

__all__ = ["Tilting", "compute", "draw", "figure"]

WEIGHTS = (0.0, 1.0, 2.0, 4.0)
_FINE = torch.linspace(0, 6, 61, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Tilting:
    """The data of the figure.

    Args:
        problem: Name of the problem.
        cond: q_c, [V].
        uncond: q_u, [V].
        weights: Weights w, [W].
        laws: q_w, [W, V].
        z: Z_w, [W].
        fine_weights: Weights for the curve of Z, [F].
        fine_z: Z_w there, [F].
        times: Times of the solver, [K].
        normalized: Masked fraction of `Normalized` by the solver, [W, K].
        unlocking: Masked fraction of `Unlocking` by the solver, [W, K].
        closed: $t^{Z_w}$, [W, K].
    """

    problem: str
    cond: Tensor
    uncond: Tensor
    weights: tuple[float, ...]
    laws: Tensor
    z: Tensor
    fine_weights: Tensor
    fine_z: Tensor
    times: Tensor
    normalized: Tensor
    unlocking: Tensor
    closed: Tensor

    @property
    def error(self) -> float:
        """The largest difference between solver and closed form."""
        return float(max((self.unlocking - self.closed).abs().max(), (self.normalized - self.times).abs().max()))


def compute(problem: Problem, weights: tuple[float, ...] = WEIGHTS) -> Tilting:
    """Solves a problem with one position for each weight."""
    times = torch.linspace(1, 0, 21, dtype=torch.float64)
    z = torch.tensor([problem.log_z(w) for w in weights], dtype=torch.float64).exp()
    fine = torch.tensor([problem.log_z(float(w)) for w in _FINE], dtype=torch.float64).exp()
    normalized, unlocking = (
        torch.stack([solve(problem, kind(w), times=times).masked_fraction for w in weights])
        for kind in (Normalized, Unlocking)
    )
    return Tilting(
        problem.name,
        problem.cond,
        problem.uncond,
        weights,
        torch.stack([problem.target(w) for w in weights]),
        z,
        _FINE,
        fine,
        times,
        normalized,
        unlocking,
        times ** z.unsqueeze(-1),
    )


def draw(data: Tilting) -> Any:
    """Draws the distribution, the pace and Z_w, side by side."""
    fig, axes = panels(3, 3.6)
    law, pace, growth = axes[0]
    count = len(data.weights)
    tokens = torch.arange(1, len(data.cond) + 1)
    law.fill_between(tokens, data.uncond, step="mid", color="0.87", label="$q_u$, no condition")
    for k, (w, values) in enumerate(zip(data.weights, data.laws, strict=True)):
        look = {"color": shade(k, count), "linestyle": ("-", ":", "--", "-")[k % 4], "linewidth": 1.4 + 0.3 * k}
        law.step(tokens, values, where="mid", label=f"$w = {w:g}$", **look)
    law.set_ylim(0, None)
    law.set_xlim(0.5, len(data.cond) + 0.5)
    law.set_xticks(tokens[:: max(1, len(tokens) // 5)])
    frame(law, "(a) the tilted distribution $q_w$", "token", "probability")
    law.legend(fontsize=9, loc="upper right", frameon=False)
    dense = torch.linspace(0, 1, 201, dtype=torch.float64)
    pace.plot(dense, dense, color=COLOURS["Normalized"], linewidth=2, label="Normalized, any $w$: $t$")
    pace.plot(
        data.times, data.normalized[-1], "o", color=COLOURS["Normalized"], markerfacecolor="white", markersize=4.5
    )
    for k, w in enumerate(data.weights):
        if not w:
            continue
        curve = dense ** data.z[k]
        look = {"color": COLOURS["Unlocking"], "linestyle": ("-", ":", "--", "-")[k % 4], "linewidth": 1.4 + 0.3 * k}
        pace.plot(dense, curve, label=f"Unlocking, $w = {w:g}$: $t^{{{float(data.z[k]):.1f}}}$", **look)
        pace.plot(
            data.times, data.unlocking[k], "s", color=COLOURS["Unlocking"], markerfacecolor="white", markersize=3.5
        )
    time_axis(pace)
    pace.set_ylim(-0.02, 1.02)
    pace.legend(fontsize=8, loc="upper right", frameon=False, borderaxespad=0, handlelength=1.6)
    frame(pace, "(b) the pace: share still masked", "time $t$", "masked fraction")
    growth.semilogy(data.fine_weights, data.fine_z, color=COLOURS["Unlocking"], linestyle="--", linewidth=2)
    growth.semilogy(data.weights, data.z, "s", color=COLOURS["Unlocking"], markerfacecolor="white")
    growth.axhline(1, color=COLOURS["Normalized"], linewidth=2)
    growth.text(6, 1.06, "Normalized", color=COLOURS["Normalized"], fontsize=9, ha="right", va="bottom")
    direct_label(growth, data.fine_weights, data.fine_z, 3.2, "Unlocking: $Z_w$", color=COLOURS["Unlocking"])
    growth.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    growth.minorticks_off()
    frame(growth, "(c) times as fast as unguided", "weight $w$", "factor on the exit rate")
    return fig


def figure() -> TheoryFigure:
    """The figure of one position."""
    data = compute(line())
    strongest = data.weights[-1]
    half = 0.5 ** (1 / float(data.z[-1]))
    caption = f"""
**Problem.** One position, {data.problem}. The condition is the left curve, $q_c$; the data, $q_u$, are half of each.
**Formula.** Guidance with weight $w$ draws the token from $q_w(y) = q_c(y)^(1+w) q_u(y)^(-w) / Z_w$.

(a) With a larger weight the distribution is further away from the other class. With one position every mechanism
samples exactly this distribution. (b) The mechanisms differ in pace. Normalized does not change the share of masked
positions at time $t$, which is $t$. Unlocking decides positions $Z_w$ times faster, and the share is $t^(Z_w)$. At
$w = {strongest:g}$ it has $Z_w = {float(data.z[-1]):.2f}$: half of all positions are decided at $t = {half:.2f}$
instead of 0.5. Lines are the formulas, marks the numerical solution of the master equation; they agree within
{short(data.error)}. (c) $Z_w$ grows with the weight, exponentially for large weights (the scale is logarithmic).
$log Z_w = w D_(1+w)(q_c || q_u)$, with a Rényi divergence $D$, is convex in $w$. Sources: arXiv 2507.08965
(Normalized), 2406.01572 (Unlocking)."""
    alt = (
        "Three panels. Left: tilted distributions for several weights move left, away from the other class. Middle: "
        "masked fraction over time, a straight line for Normalized, steeper curves for Unlocking with larger weights. "
        "Right: Z grows with w."
    )
    return TheoryFigure("tilting", "One position: the tilt and the pace", draw(data), caption, alt, data)
