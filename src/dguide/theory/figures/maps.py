r"""Two positions in a plane: the target distribution, and the distributions of the samples.

The target is the tilted joint distribution $T \propto p_c^{1+w} p_u^{-w}$. Guidance of one position at a time does not
sample it. `Normalized` with constant w samples $\frac{T}{2} [ 1/(Z_1 Z_2(x_1)) + 1/(Z_2 Z_1(x_2)) ]$. The factors
$Z_2(x_1)$ and $Z_1(x_2)$ of the position that comes second are the look-ahead that guidance leaves out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ...errors import require
from ...exact import Problem, solve, total_variation
from ...guidance import Normalized, RateGuidance, Schedule, Unlocking
from .base import EARLY_TO_LATE, TheoryFigure, panels
from .problems import other_class, rings

__all__ = ["Maps", "compute", "draw", "draw_errors", "figures"]

WEIGHT = 3.0
MECHANISMS: dict[str, Callable[[Schedule], RateGuidance]] = {"Normalized": Normalized, "Unlocking": Unlocking}


@dataclass(frozen=True, eq=False)
class Maps:
    """The data of the two figures; all tables are [V, V].

    Args:
        problem: Name of the problem.
        weight: Mean weight w.
        uncond: p_u, the data.
        cond: p_c.
        target: The tilted distribution.
        overlap: The smaller of the two class probabilities of each pair of tokens.
        laws: Distributions of the samples, by mechanism and schedule.
    """

    problem: str
    weight: float
    uncond: Tensor
    cond: Tensor
    target: Tensor
    overlap: Tensor
    laws: dict[str, dict[str, Tensor]]

    @cached_property
    def distance(self) -> dict[str, dict[str, float]]:
        """Total variation to the target, by mechanism and schedule."""
        return {
            m: {s: float(total_variation(law, self.target)) for s, law in laws.items()} for m, laws in self.laws.items()
        }


def compute(problem: Problem, weight: float = WEIGHT) -> Maps:
    """Solves a problem of two positions for both mechanisms and all schedules at mean weight `weight`."""

    def law(guidance: RateGuidance) -> Tensor:
        return solve(problem, guidance).final

    laws = {
        name: {kind: law(mechanism(schedule(weight))) for kind, (schedule, *_) in EARLY_TO_LATE.items()}
        for name, mechanism in MECHANISMS.items()
    }
    overlap = torch.minimum(problem.cond, other_class(problem))
    return Maps(problem.name, weight, problem.uncond, problem.cond, problem.target(weight), overlap, laws)


def _heat(axes: Any, law: Tensor, data: Maps, title: str, **options: Any) -> Any:
    """Draws one distribution as a map, position 1 to the right, with an outline of the overlap of the classes."""
    picture = axes.imshow(law.T, origin="lower", interpolation="none", **options)
    axes.contour(data.overlap.T, levels=[0.3 * float(data.overlap.max())], colors="#b30000", linewidths=1.1)
    axes.set_title(title, fontsize=10)
    axes.set_xticks([0, len(law) - 1], ["1", str(len(law))])
    axes.set_yticks([0, len(law) - 1], ["1", str(len(law))])
    axes.tick_params(labelsize=8, length=2)
    return picture


def _label(axes: Any) -> None:
    for row in axes:
        row[0].set_ylabel("token at position 2", fontsize=9, labelpad=-4)
    for axis in axes[-1]:
        axis.set_xlabel("token at position 1", fontsize=9, labelpad=-4)


def draw(data: Maps) -> Any:
    """Draws the three given distributions, and two rows of distributions of samples, all on one scale."""
    fig, axes = panels(3, 10.4, rows=3)
    top = float(max(data.target.max(), *(law.max() for laws in data.laws.values() for law in laws.values())))
    # Square roots show tails and peaks together: half of the largest probability is at 0.71 of the scale.
    scale = require("matplotlib.colors", "cli").PowerNorm(0.5, vmin=0, vmax=top)
    look = {"cmap": "Blues", "norm": scale}
    given = {
        "data $p_u$: both classes": data.uncond,
        "condition $p_c$: the left ring": data.cond,
        f"tilted target, $w = {data.weight:g}$": data.target,
    }
    for axis, (title, law) in zip(axes[0], given.items(), strict=True):
        picture = _heat(axis, law, data, f"{title}\nTV to target {total_variation(law, data.target):.3f}", **look)
    for row, (mechanism, laws) in zip(axes[1:], data.laws.items(), strict=True):
        for axis, (schedule, law) in zip(row, laws.items(), strict=True):
            title = f"{mechanism}, {schedule}\nTV to target {data.distance[mechanism][schedule]:.3f}"
            picture = _heat(axis, law, data, title, **look)
    _label(axes)
    bar = fig.colorbar(picture, ax=axes, shrink=0.5, aspect=40, pad=0.015)
    bar.set_label("probability of a pair (square-root scale); outlined in red: overlap of the classes", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return fig


def draw_errors(data: Maps) -> Any:
    """Draws the distribution of the samples minus the target, for each mechanism and schedule."""
    fig, axes = panels(3, 7.2, rows=2)
    errors = {m: {s: law - data.target for s, law in laws.items()} for m, laws in data.laws.items()}
    top = float(max(error.abs().max() for row in errors.values() for error in row.values()))
    for row, (mechanism, laws) in zip(axes, errors.items(), strict=True):
        for axis, (schedule, error) in zip(row, laws.items(), strict=True):
            title = f"{mechanism}, {schedule}\nTV to target {data.distance[mechanism][schedule]:.3f}"
            picture = _heat(axis, error, data, title, cmap="PuOr_r", vmin=-top, vmax=top)
    _label(axes)
    bar = fig.colorbar(picture, ax=axes, shrink=0.6, aspect=30, pad=0.015)
    bar.set_label("sampled minus target (orange: too much, violet: too little)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    return fig


def figures() -> tuple[TheoryFigure, TheoryFigure]:
    """The figure of the distributions, and the figure of their errors."""
    data = compute(rings())
    cond = total_variation(data.cond, data.target)
    tv = data.distance
    beyond = [f"{m}, {s} ({d:.3f})" for m, row in tv.items() for s, d in row.items() if d > cond]
    best = min((d, f"{m}, {s}") for m, row in tv.items() for s, d in row.items())
    right = {m: {s: _right_side(law, data) for s, law in laws.items()} for m, laws in data.laws.items()}
    beyond_text = f"Further from it than no guidance ({cond:.3f}): {'; '.join(beyond)}." if beyond else ""
    laws = f"""
**Problem.** Two positions, {data.problem}; each pair of tokens is a point of the plane. The condition is the left ring;
the data are half of each ring; inside the red outlines the rings overlap. **Formula.** The target is the tilted joint
distribution $T ~ p_c^(1+w) p_u^(-w)$, here with a mean weight of $w = {data.weight:g}$. Each title gives the total
variation (TV) to it. Early is $w(m) = 2wm$, late $2w(1 - m)$. Exact predictions, continuous time.

The target has little mass where the rings overlap, and keeps both arcs. Guidance of one position at a time has no
look-ahead: it avoids a first token that both rings have, although the second token could still decide between them. The
right arc has {_right_side(data.target, data):.2f} of the mass of the target. It has
{right["Normalized"]["constant"]:.2f} under constant Normalized and {right["Unlocking"]["early"]:.2f} under early
Unlocking. Nearest to the target is {best[1]} ({best[0]:.3f}). {beyond_text} The mechanisms differ only in which
position comes first and when. Unlocking prefers the position with the larger $Z_w$, and decides all positions earlier,
while an early weight is still strong."""
    errors = f"""
**Panels.** The six distributions of the previous figure, minus the target. Orange pairs are drawn too often, violet
pairs too rarely. Half the sum of the absolute values is the TV above each panel. **Formula.** With constant weight
Normalized samples $T/2 * [1/(Z_1 Z_2(x_1)) + 1/(Z_2 Z_1(x_2))]$. Here $T$ is not normalised, $Z_i$ is the
partition function of position $i$ while both are masked, and $Z_2(x_1)$ that of position 2 after $x_1$ is decided.

The target does not have these factors. $Z_2(x_1)$ and $Z_1(x_2)$ are large if the two predictions still differ much at
the position that comes second. Such pairs are drawn too rarely. Late guidance tilts the first position less. Its
distance to the target is {tv["Normalized"]["late"]:.3f} (Normalized) and {tv["Unlocking"]["late"]:.3f} (Unlocking).
Constant guidance has {tv["Normalized"]["constant"]:.3f} and {tv["Unlocking"]["constant"]:.3f}, early guidance
{tv["Normalized"]["early"]:.3f} and {tv["Unlocking"]["early"]:.3f}."""
    alt_laws = """Nine heat maps of a plane. First row: two crossing rings, the left ring, and the target, a left ring
    with gaps where the rings cross. Below: the distributions of the samples of Normalized and Unlocking with early,
    constant and late weights."""
    alt_errors = (
        "Six maps of differences: too much on the left arc, too little on the right; by mechanism and schedule."
    )
    return (
        TheoryFigure("maps", "The target, and what is sampled", draw(data), laws, alt_laws, data),
        TheoryFigure("errors", "Errors of the samples", draw_errors(data), errors, alt_errors, data.distance),
    )


def _right_side(law: Tensor, data: Maps) -> float:
    """Mass to the right of the crossing of the rings."""
    crossing = int(data.overlap.sum(1).argmax())
    return float(law[crossing + 1 :].sum())
