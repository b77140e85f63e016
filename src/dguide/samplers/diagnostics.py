r"""What guidance does to a real model, from its logits alone.

For each position that the networks were called for, at noise level m and weight w,

$$\log Z_w = \log \sum_y q_c(y)^{1+w}\, q_u(y)^{-w} = w\, D_{1+w}(q_c \Vert q_u),$$

with $q_c$, $q_u$ the laws of a landing under the condition and under the reference. It is by how much, in logs,
`Unlocking` lets the position leave faster than `Normalized` (arXiv 2507.08965); the Renyi divergence
$D_{1+w} = \log Z_w / w$ (at w = 0: Kullback-Leibler) says how far the two predictions are apart. For the masked process
$q$ is the prediction $p(x_0 \mid x_t)$ itself. For the uniform process it is the law of a jump at that time, with noise
in it and without the token that is there, since that is what guidance tilts.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from ..categorical import normalise, tilt
from ..devices import on_cpu
from ..errors import bad, number, positive, require
from ..process import Process
from .predictions import Predictions
from .run import Observer, Run
from .state import Landing

__all__ = ["Diagnostics", "DiagnosticsTable"]

_SCALE, _WIDTH, _CELLS = 1e-3, 0.01, 2500
"""Cells of a histogram: of width 1e-5 near zero, of 1 % far from it, up to 3e7 on both sides."""
_BLUE = (0.0, 0.447, 0.698)
_LINE = {"color": _BLUE, "markerfacecolor": "white"}


@dataclass(frozen=True, eq=False)
class DiagnosticsTable:
    """What `Diagnostics` saw, by noise level; bin n is ``edges[n] < m <= edges[n + 1]``.

    Means, quantiles and weights of a bin in which nothing was measured are NaN.

    Attributes:
        edges: [N + 1], noise levels from 0 to 1.
        levels: [N], mean noise level at which predictions were made; the middle of a bin without any.
        times: [N], the times of `levels`.
        count: [N] int64, positions measured: those of calls that asked both networks.
        unmeasured: [N] int64, positions for which only one network was asked.
        weight: [N], mean w.
        log_z: [N], mean of log Z_w.
        log_z_quantiles: [N, Q], to 1 % of their value (1e-5 near zero).
        renyi: [N], mean of the Renyi divergence D_{1+w}.
        renyi_quantiles: [N, Q], as precise.
        quantiles: [Q], which quantiles.
        masked_fraction: [N + 1], share of the landings at noise levels up to `edges`, which, if each position lands
            once, is the share of the initially masked ones that is masked there; zero for processes without a mask. Its
            expected value at the pace of the unguided process is `edges`.
    """

    edges: Tensor
    levels: Tensor
    times: Tensor
    count: Tensor
    unmeasured: Tensor
    weight: Tensor
    log_z: Tensor
    log_z_quantiles: Tensor
    renyi: Tensor
    renyi_quantiles: Tensor
    quantiles: Tensor
    masked_fraction: Tensor

    def __repr__(self) -> str:
        """A line for each bin: positions, mean w and log Z_w, quantiles of log Z_w, and the masked fraction."""
        heads = ("noise level m", "measured", "one network", "mean w", "log Z_w", *self._percents, "masked at its end")
        rows = [
            (f"{low:.3g} to {high:.3g}", f"{count:,}", f"{alone:,}", *(f"{x:.3g}" for x in (w, z, *quantiles, masked)))
            for low, high, count, alone, w, z, quantiles, masked in zip(
                self.edges.tolist(), self.edges[1:].tolist(), self.count.tolist(), self.unmeasured.tolist(),
                self.weight.tolist(), self.log_z.tolist(), self.log_z_quantiles.tolist(),
                self.masked_fraction[1:].tolist(), strict=False,
            )
        ]  # fmt: skip
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines = ("  ".join(x.rjust(width) for x, width in zip(row, widths, strict=True)) for row in (heads, *rows))
        return "\n".join(lines)

    @property
    def _percents(self) -> list[str]:
        return [f"{100 * q:g} %" for q in self.quantiles.tolist()]

    def plot(self) -> Any:
        """A Matplotlib figure: log Z_w with its quantiles, and the masked fraction, by noise level from noise to data.

        Raises:
            dguide.errors.MissingExtra: if Matplotlib is not installed.
        """
        figure = require("matplotlib.figure", "cli").Figure(figsize=(10.5, 4), dpi=120, layout="constrained")
        require("matplotlib.backends.backend_agg", "cli").FigureCanvasAgg(figure)
        strength, pace = figure.subplots(1, 2)
        self._draw_strength(strength)
        if bool(self.masked_fraction.any()):
            edges = self.edges.numpy()
            pace.plot(edges, self.masked_fraction.numpy(), "o-", **_LINE, label="measured")
            pace.plot(edges, edges, color="0.4", linewidth=1, label="at the pace without guidance")
        else:
            _say(pace, "this process has no mask")
        for axes, label in ((strength, "log $Z_w$"), (pace, "masked fraction")):
            axes.set_xlim(1.02, -0.02)
            axes.set_xlabel("noise level $m$ (1 = noise, 0 = data)")
            axes.set_ylabel(label)
            axes.grid(alpha=0.25)
            if not axes.texts:
                axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.16))
        return figure

    def _draw_strength(self, axes: Any) -> None:
        """log Z_w: its mean, and bands between quantiles from the outside in."""
        seen = self.count > 0
        if not bool(seen.any()):
            _say(axes, "nothing measured: each call asked one network only,\nas where the weight is 0 or -1")
            return
        levels, values = self.levels[seen], self.log_z_quantiles[seen]
        if len(levels) == 1:  # a band between points needs a width
            levels, values = levels + torch.tensor([-0.01, 0.01]), values.expand(2, -1)
        order = self.quantiles.argsort().tolist()
        bands = len(order) // 2
        for k, (low, high) in enumerate(zip(order[:bands], order[::-1], strict=False)):
            span = f"{self._percents[low]} to {self._percents[high]} of the positions"
            # Opaque: a band that shines through the next one would not have the colour of its legend.
            shade = tuple(1 - (0.18 + 0.31 * k / max(bands - 1, 1)) * (1 - part) for part in _BLUE)
            axes.fill_between(levels, values[:, low], values[:, high], color=shade, linewidth=0, label=span)
        axes.plot(self.levels[seen], self.log_z[seen], "o-", **_LINE, label="mean")


def _say(axes: Any, text: str) -> None:
    """Put a text where a curve would be."""
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)


class Diagnostics(Observer):
    """Pass as `callback` to `dguide.sample`, then read `table()`; several calls and batches add up.

    It looks at the predictions that the sampler asks for anyway and calls no network: at all masked positions at every
    step where the pace depends on content (and at all positions for the uniform process), at those that leave in this
    step with `Normalized` and the masked process, which are an even choice among the masked ones. Samplers that choose
    who is unmasked by what the networks say look at all they may choose from. With `SMC` every particle counts once,
    with `Remasking` every landing. Memory does not grow.

    Args:
        weight: w at which Z_w is taken; default that of the guidance at the noise level of the call.
        bins: N, bins of the noise level.
        quantiles: which quantiles over positions to report.

    Raises:
        ValueError: for arguments out of range, or when used with two different processes.

    >>> import dguide
    >>> law = torch.tensor([0.9, 0.1])
    >>> problem = dguide.exact.Problem(dguide.Masked(2), law, torch.tensor([0.5, 0.5]))
    >>> diagnostics = dguide.Diagnostics(bins=1)
    >>> _ = dguide.sample(
    ...     problem.oracle(),
    ...     process=problem.process,
    ...     length=1,
    ...     condition=torch.zeros(4, dtype=torch.int64),
    ...     guidance=dguide.Normalized(1.0),
    ...     sampler=dguide.Ancestral(steps=2),
    ...     callback=diagnostics,
    ... )
    >>> round(float(diagnostics.table().log_z[0]), 3)  # log(0.9^2 / 0.5 + 0.1^2 / 0.5)
    0.495
    """

    @on_cpu
    def __init__(
        self, weight: float | None = None, bins: int = 20, quantiles: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9)
    ) -> None:
        if weight is not None and not (math.isfinite(number("Diagnostics weight", weight)) and weight >= -1):
            raise bad("Diagnostics weight", weight, "a finite number of at least -1")
        positive("Diagnostics bins", bins)
        if isinstance(quantiles, Real):
            raise bad("Diagnostics quantiles", quantiles, "a list of numbers from 0 to 1")
        self.quantiles = torch.tensor([number("Diagnostics quantile", q) for q in quantiles], dtype=torch.float64)
        if not bool(((self.quantiles >= 0) & (self.quantiles <= 1)).all()):
            raise bad("Diagnostics quantiles", list(quantiles), "numbers from 0 to 1")
        self.weight, self.bins = weight, bins
        self._process: Process | None = None
        self._sums = torch.zeros(4, bins, dtype=torch.float64)  # level, weight, log Z, divergence
        self._cells = torch.zeros(2, bins, 2 * _CELLS + 1, dtype=torch.int64)  # log Z, divergence
        self._count, self._unmeasured, self._landings = torch.zeros(3, bins, dtype=torch.int64).unbind(0)

    def __repr__(self) -> str:
        weight = "that of the guidance" if self.weight is None else f"{self.weight:g}"
        seen = f"{int(self._count.sum()):,} positions measured, {int(self._unmeasured.sum()):,} with one network only"
        return f"<Diagnostics: w = {weight}, {self.bins} bins, {seen}>"

    @property
    def empty(self) -> bool:
        """Whether nothing was seen yet, or every call asked one network only."""
        return not bool(self._count.any())

    def plot(self) -> Any:
        """A figure of what was seen so far: `DiagnosticsTable.plot` of `table`."""
        return self.table().plot()

    def looked(self, run: Run, tokens: Tensor, time: Tensor, predictions: Predictions) -> None:
        process = run.process
        if self._process is not None and self._process != process:
            raise bad("Diagnostics", f"{process} after {self._process}", "one process", "Make one for each.")
        self._process = process
        sample = predictions.query.sample
        level = process.noise.level(time.to(tokens.device, torch.float64).expand(len(tokens)))[sample]
        if not (predictions.query.cond and predictions.query.ref):
            self._unmeasured += self._counts(level)
            return
        # Rates, and with them the law of a jump, may be infinite at m = 1.
        when = process.noise.time(level.clamp_max(process.finite_level))
        weight = run.guidance.weight_at(level, run.rows[sample]) if self.weight is None else self.weight
        weight = torch.as_tensor(weight, dtype=torch.float64, device=level.device).expand(level.shape)
        here = tokens[sample, predictions.query.position]
        for part in predictions.parts():
            cond, ref = (
                process.rates(here[part], when[part], law).log_landing
                for law in predictions.laws(part)
                if law is not None
            )
            self._add(level[part], weight[part], cond, ref)

    def landed(self, run: Run, landing: Landing) -> None:
        self._landings += self._counts(landing.level)

    @on_cpu
    def table(self) -> DiagnosticsTable:
        """What was seen so far. Warns if no call asked both networks, so that nothing could be measured."""
        if self._process is None:
            raise bad("Diagnostics", "nothing yet", "a run", "Pass it to dguide.sample as callback.")
        if self.empty:
            warnings.warn(
                "Diagnostics: nothing could be measured, since every call asked one network only; guidance asks both "
                "where its weight is neither 0 nor -1",
                UserWarning,
                stacklevel=2,
            )
        edges = torch.arange(self.bins + 1, dtype=torch.float64) / self.bins
        level, weight, log_z, renyi = self._sums / self._count
        level = torch.where(self._count > 0, level, (edges[1:] + edges[:-1]) / 2)
        noise = self._process.prior(torch.full((1,), 0.5))
        landed = torch.cat((torch.zeros(1), self._landings.cumsum(0))) * self._process.unfinished(noise)
        return DiagnosticsTable(
            edges,
            level,
            self._process.noise.time(level),
            self._count.clone(),
            self._unmeasured.clone(),
            weight,
            log_z,
            self._quantiles_of(self._cells[0]),
            renyi,
            self._quantiles_of(self._cells[1]),
            self.quantiles,
            landed.double() / landed[-1].clamp_min(1),
        )

    def _bin(self, level: Tensor) -> Tensor:
        # A hair less, so that a grid time on an edge counts below it however it was rounded.
        return (level.cpu() * self.bins - 1e-9).ceil().long().sub(1).clamp(0, self.bins - 1)

    def _counts(self, level: Tensor) -> Tensor:
        return torch.bincount(self._bin(level), minlength=self.bins)

    def _add(self, level: Tensor, weight: Tensor, cond: Tensor, ref: Tensor) -> None:
        log_z = normalise(tilt(cond, ref, weight.unsqueeze(-1)))[1]
        surprise = torch.where(cond.isinf() | ref.isinf(), 0.0, cond - ref)
        # As w tends to 0, log Z / w loses its digits and tends to the Kullback-Leibler divergence.
        renyi = torch.where(weight.abs() < 1e-7, (cond.exp() * surprise).sum(-1), log_z / weight)
        where = self._bin(level)
        values = torch.stack((level, weight, log_z, renyi)).cpu()
        self._count += torch.bincount(where, minlength=self.bins)
        self._sums.index_add_(1, where, values)
        cells = (torch.asinh(values[2:] / _SCALE) / _WIDTH).round().long().clamp(-_CELLS, _CELLS) + _CELLS
        for histogram, cell in zip(self._cells, cells, strict=True):
            flat = where * histogram.shape[-1] + cell
            histogram += torch.bincount(flat, minlength=histogram.numel()).view_as(histogram)

    def _quantiles_of(self, histogram: Tensor) -> Tensor:
        cumulative = histogram.cumsum(-1).double()
        total = cumulative[:, -1:]
        cell = torch.searchsorted(cumulative, (self.quantiles * total).clamp_min(0.5)).clamp_max(2 * _CELLS)
        values = _SCALE * torch.sinh((cell - _CELLS).double() * _WIDTH)
        return torch.where(total > 0, values, math.nan)
