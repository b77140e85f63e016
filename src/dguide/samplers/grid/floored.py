"""Moving many positions at once where rates are a prediction on a floor: no law is written out for those that stay.

What says how strongly a position leaves is read off its logits; a landing is drawn for those that leave. Rows that this
cannot read (`dguide.categorical.floor` says which) are left to the general step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...categorical import Draws, Floor, FlooredSums, chunks
from ...guidance import Transition
from ...process import Floored
from ..predictions import Positions, Predictions
from ..run import Run
from .base import StageInput
from .moves import StepBuffers, drawn

__all__ = ["FlooredStep"]

_FAR = -700.0
"""Log of the least exit rate that is looked at here: below it 1 - exp(-rate) is not a positive float64."""


@dataclass(frozen=True, eq=False)
class FlooredStep:
    """A step of N positions.

    Attributes:
        run: the batch.
        at: which positions.
        weight: w, [N].
        predictions: what the networks say there.
        jumps: how the tokens leave by one prediction.
        log_stay: log-probability to stay from the log of an integrated exit rate.
        written: the laws of some of the positions, written out.
    """

    run: Run
    at: Positions
    weight: Tensor
    predictions: Predictions
    jumps: Floored
    log_stay: Callable[[Tensor], Tensor]
    written: Callable[[Tensor], tuple[StageInput, Transition]]

    @cached_property
    def floor(self) -> Floor:
        """What is the same for all positions, as numbers."""
        jumps = self.jumps
        logs = (jumps.log_evidence, jumps.log_share, jumps.log_damping)
        return Floor(*(math.exp(x) if x < 709 else math.inf for x in map(float, logs)))

    def leap(self, buffers: StepBuffers, levels: tuple[float, float], must: Tensor) -> Tensor:
        """Let the positions leave and land, and say which were left out, [M] in order.

        Args:
            buffers: what is changed.
            levels: noise levels between which it happens, the higher first.
            must: [N], who leaves even if the clock has not run out.
        """
        partition = len(self.predictions.asked) == 2 and self.run.guidance.asks_log_z
        sums = self.predictions.floored(self.weight, self.floor, partition=partition)
        if sums is None:
            return torch.arange(len(self.weight), device=self.weight.device)
        intensity = self.jumps.log_intensity(sums.log_here, sums.log_rest)
        served = sums.served & (intensity > _FAR).all(0)
        log_stay = self._log_stay(intensity, sums)
        if bool(served.all()):
            buffers.move(self.run, self.at, log_stay, self._land, levels, must)
            return served.new_zeros(0, dtype=torch.int64)
        rows = served.nonzero().squeeze(-1)
        at = (self.at[0][rows], self.at[1][rows])

        def land(going: Tensor, uniforms: Tensor) -> Draws:
            return self._land(rows[going], uniforms)

        buffers.move(self.run, at, log_stay[rows], land, levels, must[rows])
        return (~served).nonzero().squeeze(-1)

    def _log_stay(self, intensity: Tensor, sums: FlooredSums) -> Tensor:
        """How surely the positions stay, [N], from log-intensities [P, N] of the predictions."""
        if len(intensity) == 1:
            return self.log_stay(intensity[0])
        log_z = torch.zeros_like(self.weight) if sums.log_z is None else sums.log_z
        return self.run.guidance.combined_log_stay(*intensity, self.weight, log_z, self.log_stay)

    def _land(self, going: Tensor, uniforms: Tensor) -> Draws:
        """What the positions `going` become, [M]."""
        rows = going.nonzero().squeeze(-1) if going.dtype == torch.bool else going
        sums = None
        if self.run.decoding.plain and len(rows):
            sums = self.predictions[rows].floored(self.weight[rows], self.floor, uniforms=uniforms)
        if sums is None:
            return self._written_out(rows, uniforms)
        assert sums.token is not None
        assert sums.log_prob is not None
        assert sums.log_laws is not None
        cond, ref = self.predictions.sides(sums.log_laws)
        draws = Draws(sums.token, sums.log_prob, log_cond=cond, log_ref=ref)
        left = (~sums.served).nonzero().squeeze(-1)
        if len(left):
            draws.put(left, self._written_out(rows[left], uniforms[left]))
        return draws

    def _written_out(self, rows: Tensor, uniforms: Tensor) -> Draws:
        """What the positions `rows` become, drawn from laws that are written out, a few at a time."""
        found = []
        for part in chunks(len(rows), self.run.process.vocab_size):
            seen, law = self.written(rows[part])
            found.append(drawn(self.run, law.log_landing, seen, uniforms[part]))
        return Draws.joined(found)
