"""Guidance of a trained model: log Z_w by time, and the masked fraction, expected and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ...checkpoint import Checkpoint
from ...data import load
from ...demo.settings import MASKED, find_checkpoints
from ...errors import InputError
from ...guidance import Normalized, Unlocking
from ...plots.style import COLOURS, LINES, MARKS
from ...samplers import Ancestral, Diagnostics, DiagnosticsTable, sample
from .base import TheoryFigure, frame, panels, time_axis

__all__ = ["Diagnosis", "compute", "draw", "figures"]

WEIGHT = 3.0
STEPS = 32
PER_CLASS = 5


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The data of the figure.

    Args:
        model: Name of the data of the model.
        weight: The constant weight w.
        samples: Number of samples.
        tables: The table of `Diagnostics`, by mechanism.
    """

    model: str
    weight: float
    samples: int
    tables: Mapping[str, DiagnosticsTable]


def compute(
    checkpoint: Checkpoint, weight: float = WEIGHT, per_class: int = PER_CLASS, steps: int = STEPS
) -> Diagnosis:
    """Samples a checkpoint with ancestral steps and seed 0, and collects diagnostics."""
    dataset = load(checkpoint.config.data)
    labels = torch.arange(dataset.n_classes).repeat(per_class)
    tables = {}
    for mechanism in (Normalized, Unlocking):
        diagnostics = Diagnostics(quantiles=(0.1, 0.5, 0.9))
        sample(
            checkpoint.model,
            process=checkpoint.process,
            length=dataset.length,
            condition=labels,
            guidance=mechanism(weight),
            sampler=Ancestral(steps=steps),
            callback=diagnostics,
        )
        tables[mechanism.__name__] = diagnostics.table()
    return Diagnosis(checkpoint.config.data, weight, len(labels), tables)


def draw(tables: Mapping[str, DiagnosticsTable]) -> Any:
    """Draws log Z_w by time with its quantiles, and the masked fraction, of one or more runs.

    Args:
        tables: The tables of `dguide.Diagnostics`, by mechanism. The ranges go from the first to the last quantile.
    """
    fig, axes = panels(2, 4.0)
    strength, pace = axes[0]
    for name, table in tables.items():
        look = {"color": COLOURS[name], "linestyle": LINES[name], "marker": MARKS[name], "markerfacecolor": "white"}
        seen = table.count > 0
        times, quantiles = table.times[seen], table.log_z_quantiles[seen]
        span = f"{name}: {float(table.quantiles[0]):.0%} to {float(table.quantiles[-1]):.0%} of positions"
        strength.plot(times, table.log_z[seen], label=f"{name}: mean", markersize=5, **look)
        if name == "Normalized":
            strength.fill_between(
                times, quantiles[:, 0], quantiles[:, -1], color=COLOURS[name], alpha=0.18, linewidth=0, label=span
            )
        else:
            for bound, label in ((quantiles[:, 0], None), (quantiles[:, -1], span)):
                strength.plot(times, bound, color=COLOURS[name], linewidth=0.9, linestyle=LINES[name], label=label)
        pace.plot(table.edges, table.masked_fraction, label=name, markersize=5, **look)
    edges = next(iter(tables.values())).edges
    pace.plot(edges, edges, color="0.4", linewidth=1, label="expected without guidance: $m$")
    strength.set_ylim(top=1.4 * strength.get_ylim()[1])  # room for the legend
    frame(strength, "(a) log $Z_w$ of the predicted positions", "time $t$", "log $Z_w$")
    frame(pace, "(b) share still masked", "noise level $m$", "masked fraction")
    for axis in axes[0]:
        time_axis(axis)
        axis.legend(fontsize=9, frameon=False)
    return fig


def figures() -> list[TheoryFigure]:
    """The figure of the shipped model of digits; no figure if its checkpoint does not exist."""
    try:
        checkpoint = find_checkpoints()[MASKED]
    except InputError:
        return []
    data = compute(checkpoint)
    normalized, unlocking = (data.tables[name] for name in ("Normalized", "Unlocking"))
    seen = normalized.count > 0
    share = normalized.log_z[seen]
    peak = int(share.argmax())
    half = len(unlocking.edges) // 2
    left, plain = float(unlocking.log_z[half - 1]), float(normalized.log_z[half - 1])
    caption = f"""
**Problem.** The shipped model of {data.model}, masked process, constant $w = {data.weight:g}$, {data.samples} samples
of {STEPS} ancestral steps, seed 0. **Formula.** $log Z_w = log sum q_c^(1+w) q_u^(-w)$ at each position for which the
networks are called, computed from their logits. `dguide.Diagnostics` does this for any model.

(a) Mean over these positions, with the range from the 10 % to the 90 % quantile: shaded for Normalized, thin dashed
lines for Unlocking. With Normalized the mean is largest at $t = {float(normalized.times[seen][peak]):.2f}$; it is
{float(share[peak]):.2f} there. Unlocking decides positions with large $Z_w$ first. Around $m =
{float(unlocking.edges[half]):g}$ the mean over the remaining positions is {left:.2f},
{"below" if left < plain else "not below"} the {plain:.2f} of Normalized. (b) Normalized keeps the pace of the process.
With Unlocking {float(unlocking.masked_fraction[half]):.0%} of the positions are still masked at $m =
{float(unlocking.edges[half]):g}$; without guidance it is {float(unlocking.edges[half]):.0%}. The pace follows the mean
of $Z_w$ over positions, not the mean of its logarithm. In this figure the predictions are those of a trained network,
and samples are drawn."""
    alt = """Left: mean and quantiles of log Z over time for both mechanisms on a model of digits. Right: masked
    fraction over noise level, for both mechanisms and as expected without guidance."""
    return [TheoryFigure("diagnosis", "A trained model", draw(data.tables), caption, alt, data)]
