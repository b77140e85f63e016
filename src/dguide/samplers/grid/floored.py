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

from ...categorical import Draws, Floor, FlooredRequest, FlooredSums, chunks, floored_sums, log_laws
from ...guidance import Transition
from ...process import Floored
from ...random import Stream
from ..predictions import Positions, Predictions
from ..run import Run
from .base import StageInput
from .moves import StepBuffers, drawn

__all__ = ["FlooredStep"]

_LEAST = 1e-300
"""The least exit rate that is looked at here: guidance depends on its logarithm, and not far below there is none."""


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

    def leap(self, buffers: StepBuffers, levels: tuple[float, float], must: Tensor | None) -> Tensor:
        """Let the positions leave and land, and say which were left out, [M] in order.

        Args:
            buffers: what is changed.
            levels: noise levels between which it happens, the higher first.
            must: [N], who leaves even if the clock has not run out; None for nobody.
        """
        partition = len(self.predictions.asked) == 2 and self.run.guidance.asks_log_z
        # What reads a row twice may as well draw from it, for all rows.
        ahead = partition and self.run.decoding.plain
        uniforms = self.run.uniforms(Stream.LANDING, buffers.jumps[self.at], self.at) if ahead else None
        asked = self.predictions.floored(self.weight, self.floor, partition=partition, uniforms=uniforms)
        sums = floored_sums(asked)
        if sums is None:
            return torch.arange(len(self.weight), device=self.weight.device)
        exit_rate = self.jumps.exit_rate(sums.here, sums.rest)
        served = sums.served & (exit_rate > _LEAST).all(0)
        log_stay = self._log_stay(exit_rate.log(), sums)
        rows = None if bool(served.all()) else served.nonzero().squeeze(-1)

        def land(going: Tensor, drawn_by: Tensor) -> Draws:
            return self._land(asked, sums, going if rows is None else rows[going], drawn_by)

        if rows is None:
            buffers.move(self.run, self.at, log_stay, land, levels, must)
            return served.new_zeros(0, dtype=torch.int64)
        at = (self.at[0][rows], self.at[1][rows])
        buffers.move(self.run, at, log_stay[rows], land, levels, None if must is None else must[rows])
        return (~served).nonzero().squeeze(-1)

    def _log_stay(self, intensity: Tensor, sums: FlooredSums) -> Tensor:
        """How surely the positions stay, [N], from log-intensities [P, N] of the predictions."""
        if len(intensity) == 1:
            return self.log_stay(intensity[0])
        log_z = torch.zeros_like(self.weight) if sums.log_z is None else sums.log_z
        cond, ref = intensity.unbind(0)
        return self.run.guidance.combined_log_stay(cond, ref, self.weight, log_z, self.log_stay)

    def _land(self, asked: FlooredRequest, sums: FlooredSums, rows: Tensor, uniforms: Tensor) -> Draws:
        """What the positions `rows` become, [M]."""
        if not (self.run.decoding.plain and len(rows)):
            return self._written_out(rows, uniforms)
        served = torch.ones_like(rows, dtype=torch.bool)
        token, log_prob = sums.token, sums.log_prob
        if token is not None and log_prob is not None:
            token, log_prob = token[rows], log_prob[rows]
        else:
            known = sums.known[..., rows]
            landed = floored_sums(asked.of(rows)._replace(uniforms=uniforms, known=known))
            assert landed is not None
            assert landed.token is not None
            assert landed.log_prob is not None
            token, log_prob, served = landed.token, landed.log_prob, landed.served
        draws = Draws(token, log_prob)
        if self.run.observers:
            cond, ref = self.predictions.sides(log_laws(asked.of(rows), sums.known[..., rows], token))
            draws = Draws(token, log_prob, log_cond=cond, log_ref=ref)
        if not bool(served.all()):
            left = (~served).nonzero().squeeze(-1)
            draws.put(left, self._written_out(rows[left], uniforms[left]))
        return draws

    def _written_out(self, rows: Tensor, uniforms: Tensor) -> Draws:
        """What the positions `rows` become, drawn from laws that are written out, a few at a time."""
        found = []
        for part in chunks(len(rows), self.run.process.vocab_size):
            seen, law = self.written(rows[part])
            found.append(drawn(self.run, law.log_landing, seen, uniforms[part]))
        return Draws.joined(found)
