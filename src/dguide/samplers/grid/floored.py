"""Moving many positions at once where rates are a prediction on a floor: no law is written out for those that stay.

What says how strongly a position leaves is read off its logits; a landing is drawn for those that leave. Rows that this
cannot read (`dguide.categorical.floor` says which) are left to the general step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...categorical import (
    Clocks,
    Draws,
    Exits,
    Floor,
    FlooredRequest,
    FlooredSums,
    Leaving,
    chunks,
    floored_step,
    floored_sums,
    log_laws,
    steps_at_once,
)
from ...guidance import RateGuidance, Transition
from ...process import Floored
from ...random import Stream, address, first_word
from ..predictions import Asking, Predictions
from ..run import Run
from .base import StageInput
from .moves import StepBuffers, drawn

__all__ = ["FlooredStep", "floors"]


def floors(jumps: Floored) -> list[tuple[Floor, Exits]]:
    """What a step says to the rows, as numbers, for each of the steps of which `jumps` has an entry."""
    logs = (jumps.log_evidence, jumps.log_share, jumps.log_damping)
    each = zip(*(x.exp().tolist() for x in logs), strict=True)
    found = [x.tolist() for x in jumps.exit_factors()]
    by_here, by_rest = found[:2]
    stay = zip(*found[2:], strict=True) if found[2:] else itertools.repeat(None)
    return [(Floor(*of), Exits(*by)) for of, *by in zip(each, by_here, by_rest, stay)]  # noqa: B905


@dataclass(frozen=True, eq=False)
class FlooredStep:
    """A step of N positions.

    Attributes:
        run: the batch.
        asking: which positions, and what is asked of them.
        predictions: what the networks say there.
        floor: what is the same for all positions.
        exits: how the tokens leave by one prediction.
        log_stay: log-probability to stay from the log of an integrated exit rate.
        leaving: what `log_stay` is, if it has such a form.
        written: the laws of some of the positions, written out.
    """

    run: Run
    asking: Asking
    predictions: Predictions
    floor: Floor
    exits: Exits
    log_stay: Callable[[Tensor], Tensor]
    leaving: Leaving | None
    written: Callable[[Tensor], tuple[StageInput, Transition]]

    def leap(self, buffers: StepBuffers, levels: tuple[float, float], must: Tensor | None) -> Tensor:
        """Let the positions leave and land, and say which were left out, [M] in order.

        Args:
            buffers: what is changed.
            levels: noise levels between which it happens, the higher first.
            must: [N], who leaves even if the clock has not run out; None for nobody.
        """
        left = self._at_once(buffers) if must is None else None
        return self._one_by_one(buffers, levels, must) if left is None else left

    def _at_once(self, buffers: StepBuffers) -> Tensor | None:
        """`leap` in C, where nobody has to know more of the step than its tokens; None where that cannot be."""
        run, rows, draw = self.run, self.predictions.asked[0].values, address()
        combination, leaving = run.guidance.told_combination, self.leaving
        if combination is None or leaving is None or draw is None or run.observers or not run.decoding.plain:
            return None
        if not (self.floor.usable and steps_at_once(rows.device, rows.dtype)):
            return None
        asking = self.asking
        flat = asking.flat  # stands for the present tokens, which are looked up in C
        asked = self.predictions.floored(asking.weight, flat, self.floor, self.exits, partition=self._partition)
        streams = first_word(Stream.LANDING), first_word(Stream.CLOCK)
        at = (flat, *asking.counters)
        clocks = Clocks(draw, run.seed, *streams, *at, buffers.tokens, buffers.jumps, buffers.clocks)
        found = floored_step(asked, combination, leaving, clocks)
        if found is None:
            return None
        left, late = found
        if len(late):
            sample, position = to = (asking.where[0][late], asking.where[1][late])
            uniforms = run.uniforms(Stream.LANDING, buffers.jumps[to] - 1, to)
            buffers.tokens[sample, position] = self._written_out(late, uniforms).token
        return left

    @property
    def _partition(self) -> bool:
        """Whether somebody looks at $Z_w$."""
        return len(self.predictions.asked) == 2 and self.run.guidance.asks_log_z

    def _one_by_one(self, buffers: StepBuffers, levels: tuple[float, float], must: Tensor | None) -> Tensor:
        """`leap` in PyTorch, from the sums of each row."""
        run, at, weight = self.run, self.asking.where, self.asking.weight
        # What reads a row twice may as well draw from it, for all rows.
        ahead = self._partition and run.decoding.plain
        uniforms = run.uniforms(Stream.LANDING, buffers.jumps[at], at) if ahead else None
        present = self.predictions.tokens.flatten().index_select(0, self.asking.flat)
        asked = self.predictions.floored(
            weight, present, self.floor, self.exits, partition=self._partition, uniforms=uniforms
        )
        sums = floored_sums(asked)
        if sums is None:
            return torch.arange(len(weight), device=weight.device)
        return self._leap(buffers, asked, sums, self._log_stay(sums), levels, must)

    def _leap(
        self,
        buffers: StepBuffers,
        asked: FlooredRequest,
        sums: FlooredSums,
        log_stay: Tensor,
        levels: tuple[float, float],
        must: Tensor | None,
    ) -> Tensor:
        served, where = sums.served, self.asking.where
        rows = None if bool(served.all()) else served.nonzero().squeeze(-1)

        def land(going: Tensor, drawn_by: Tensor) -> Draws:
            return self._land(asked, sums, going if rows is None else rows[going], drawn_by)

        if rows is None:
            buffers.move(self.run, where, log_stay, land, levels, must)
            return served.new_zeros(0, dtype=torch.int64)
        at = (where[0][rows], where[1][rows])
        buffers.move(self.run, at, log_stay[rows], land, levels, None if must is None else must[rows])
        return (~served).nonzero().squeeze(-1)

    def _log_stay(self, sums: FlooredSums) -> Tensor:
        """How surely the positions stay, [N], from how strongly they leave by each prediction."""
        if sums.asked.ref is None:
            return self.log_stay(sums.tilted)
        guidance, weight = self.run.guidance, self.asking.weight
        log_z = sums.log_z if sums.asked.partition else weight.new_zeros(()).expand_as(weight)
        if isinstance(guidance, RateGuidance):
            return guidance.guided_log_stay(sums.tilted, log_z, self.log_stay)
        cond, ref = sums.log_intensity.unbind(0)
        return guidance.combined_log_stay(cond, ref, weight, log_z, self.log_stay)

    def _land(self, asked: FlooredRequest, sums: FlooredSums, rows: Tensor, uniforms: Tensor) -> Draws:
        """What the positions `rows` become, [M]."""
        if not (self.run.decoding.plain and len(rows)):
            return self._written_out(rows, uniforms)
        served = torch.ones_like(rows, dtype=torch.bool)
        if sums.token is not None:
            token, log_prob = sums.token[rows], sums.log_prob[rows]
        else:
            known = sums.known[..., rows]
            landed = floored_sums(asked.of(rows)._replace(uniforms=uniforms, known=known))
            assert landed is not None
            assert landed.token is not None
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
