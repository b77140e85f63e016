r"""Total variation between the distribution at time t and the final distribution.

A decided position never changes. So a sequence without a mask is at most as probable at time t as at the end, and the
total variation is the probability that a mask is left. For `Normalized`, alpha = 1 - t and d positions it is
$1 - (1-t)^d$, for every weight. For two positions it is twice the masked fraction, minus the probability that both are
masked. For one position and `Unlocking` it is $t^{Z_w}$. This falls doubly exponentially in w, because $Z_w$ grows
exponentially (arXiv 2506.10971, 2507.08965).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...exact import Problem, solve
from ...exact.closed import distance_to_noise
from ...guidance import Normalized, Unlocking
from ...plots.style import COLOURS
from ..markup import short
from .base import TheoryFigure, direct_label, frame, panels, shade, time_axis
from .problems import line, rings

__all__ = ["Convergence", "compute", "draw", "figure"]

POSITIONS = (1, 2, 4, 16, 64)
WEIGHTS = (0.0, 1.0, 2.0, 4.0)
_MOMENTS = (0.9, 0.5)


@dataclass(frozen=True, eq=False)
class Convergence:
    """The data of the figure.

    Args:
        problem: Name of the problem with two positions.
        line: Name of the problem with one position.
        times: Times, [K].
        positions: Numbers of positions d, [D].
        normalized: $1 - (1-t)^d$, [D, K].
        solved: The same for d = 2 at the largest weight, by the solver, [K].
        weights: Weights of `Unlocking`, [W].
        unlocking: Total variation for d = 2, [W, K].
        fine: Weights, [F].
        moments: Times, [M].
        left: Total variation of `Unlocking` for d = 1 at `moments`, by weight, [M, F].
    """

    problem: str
    line: str
    times: Tensor
    positions: tuple[int, ...]
    normalized: Tensor
    solved: Tensor
    weights: tuple[float, ...]
    unlocking: Tensor
    fine: Tensor
    moments: tuple[float, ...]
    left: Tensor

    @property
    def halved(self) -> Tensor:
        """[W], the time in `times` at which the total variation of `Unlocking` is nearest to one half."""
        return torch.stack([self.times[int((row - 0.5).abs().argmin())] for row in self.unlocking])


def compute(two: Problem, one: Problem, weights: tuple[float, ...] = WEIGHTS) -> Convergence:
    """Solves a problem with two positions for each weight, and evaluates the closed form for one position."""
    times = torch.linspace(1, 0, 101, dtype=torch.float64)
    positions = torch.tensor(POSITIONS, dtype=torch.float64).unsqueeze(-1)

    def some_mask(guidance: Normalized | Unlocking) -> Tensor:
        both = 1 - distance_to_noise(two, guidance, times)
        return 2 * solve(two, guidance, times=times).masked_fraction - both

    fine = torch.linspace(0, 6, 61, dtype=torch.float64)
    z = torch.tensor([one.log_z(float(w)) for w in fine], dtype=torch.float64).exp()
    return Convergence(
        two.name,
        one.name,
        times,
        POSITIONS,
        1 - (1 - times) ** positions,
        some_mask(Normalized(weights[-1])),
        weights,
        torch.stack([some_mask(Unlocking(w)) for w in weights]),
        fine,
        _MOMENTS,
        torch.stack([t**z for t in _MOMENTS]),
    )


def draw(data: Convergence) -> Any:
    """Draws Normalized by d, Unlocking by w, and the decay in w at fixed times."""
    fig, axes = panels(3, 3.7)
    normal, unlocking, fall = axes[0]
    for k, (d, curve) in enumerate(zip(data.positions, data.normalized, strict=True)):
        normal.plot(data.times, curve, color=COLOURS["Normalized"], linewidth=1.6)
        height = 0.2 + 0.18 * k
        at = float(data.times[(curve - height).abs().argmin()])
        direct_label(normal, data.times, curve, at, f"$d = {d}$", color=COLOURS["Normalized"])
    normal.plot(data.times[::5], data.solved[::5], "o", color=COLOURS["Normalized"], markerfacecolor="white", ms=4)
    frame(normal, "(a) Normalized, any weight", "time $t$", "total variation to the final distribution")
    for k, (w, curve) in enumerate(zip(data.weights, data.unlocking, strict=True)):
        colour = shade(k, len(data.weights))
        unlocking.plot(data.times, curve, "--" if w else "-", color=colour, linewidth=1.8, label=f"$w = {w:g}$")
    unlocking.legend(fontsize=9, loc="upper right", frameon=False)
    frame(unlocking, "(b) Unlocking, $d = 2$", "time $t$")
    for axes_ in (normal, unlocking):
        time_axis(axes_)
        axes_.set_ylim(-0.02, 1.02)
    for t, curve, mark in zip(data.moments, data.left, ("s", "D"), strict=True):
        fall.semilogy(
            data.fine, curve, "--", marker=mark, markevery=10, color=COLOURS["Unlocking"], markerfacecolor="white",
            label=f"Unlocking, $t = {t:g}$",
        )  # fmt: skip
        label = "Normalized: stays at $t$" if t == data.moments[-1] else None
        fall.plot(data.fine[[0, -1]], [t, t], color=COLOURS["Normalized"], linewidth=1.4, label=label)
    fall.set_ylim(1e-7, 2)
    fall.legend(fontsize=9, loc="lower left", frameon=False)
    frame(fall, "(c) Unlocking, $d = 1$, by weight", "weight $w$")
    return fig


def figure() -> TheoryFigure:
    """The figure of the total variation over time."""
    data = compute(rings(), line())
    two = data.positions.index(2)
    error = float((data.solved - data.normalized[two]).abs().max())
    halved = ", ".join(f"{float(t):.2f}" for t in data.halved)
    weights = ", ".join(f"{w:g}" for w in data.weights)
    at, first, last = data.moments[0], float(data.left[0, 0]), float(data.left[0, -1])
    caption = f"""
**Problem.** (a, b) Two positions, {data.problem}; (c) one position, {data.line}. **Formula.** A decided position never
changes. So the total variation between the distribution at time $t$ and the final distribution is the probability that
a mask is left. For Normalized, $d$ positions and $alpha = 1 - t$ it is $1 - (1 - t)^d$. For Unlocking and $d = 1$ it is
$t^(Z_w)$.

(a) With Normalized the distance does not depend on the weight. With more positions the last one is decided later.
Marks: the solver at $w = {data.weights[-1]:g}$, $d = 2$; it agrees with the formula within {short(error)}. (b) With
Unlocking the distance depends on the weight: it has halved at $t$ = {halved} for $w$ = {weights}. If the first position
decides between the rings, both predictions are the same for the second. Then $Z = 1$, and the second leaves at the
unguided pace. (c) With one position the distance at fixed $t$ falls doubly exponentially in $w$: at $t = {at:g}$ from
{first:.2f} without guidance to {last:.3f} at $w = {float(data.fine[-1]):g}$, at $t = {data.moments[1]:g}$ from
{float(data.left[1, 0]):.2f} to {short(float(data.left[1, -1]))}. With equal steps in time, most steps are then at times
at which all positions are decided. Sources: arXiv 2506.10971, 2507.08965."""
    alt = (
        "Three panels of the total variation to the final distribution. Left: Normalized, curves for 1 to 64 "
        "positions. Middle: Unlocking, curves for larger weights fall earlier. Right: at fixed time the distance falls "
        "faster than exponentially in the weight."
    )
    return TheoryFigure("convergence", "Total variation over time", draw(data), caption, alt, data)
