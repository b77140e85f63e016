r"""The stages of `Trapezoidal` where noise leaves for $q_w$ at a rate that depends on $Z_w$ alone, as masks do.

Rows of logits are read where the networks left them. Those that a second call is to be extrapolated from are copied
before it: a network may write its answers to the same place each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...categorical import DrawRequest, Draws, Extrapolated, LogitRows, at_token, chunks, extrapolated
from ...guidance import RateGuidance, Transition
from ..predictions import Positions, Predictions
from ..run import Run
from ..state import State
from .base import Stage, StageInput, log_stay
from .moves import drawn
from .two_stages import Marks, TwoStages

__all__ = ["MaskedStages"]


@dataclass
class RowsRead:
    r"""Rows of logits, and $\log Z_w$ once it has been asked for.

    Attributes:
        predictions: None where there are no rows.
        weight: w for which `log_z` was found, [N].
        log_z: [N] float64.
    """

    predictions: Predictions | None
    weight: Tensor | None = None
    log_z: Tensor | None = None

    def __getitem__(self, part: Tensor) -> RowsRead:
        found = (None if x is None else x[part] for x in (self.predictions, self.weight, self.log_z))
        return RowsRead(*found)  # type: ignore[arg-type]

    @property
    def some(self) -> Predictions:
        """The predictions of at least one row."""
        assert self.predictions is not None
        return self.predictions

    def log_z_at(self, weight: Tensor) -> Tensor:
        r"""$\log Z_w$ of all rows, [N]."""
        if self.log_z is None or self.weight is None or not torch.equal(weight, self.weight):
            self.weight, self.log_z = weight, self.some.log_z(weight)
        return self.log_z

    def copied(self) -> RowsRead:
        """The same, whatever the networks write to what they answered."""
        predictions = self.predictions
        if predictions is None:
            return self
        cond, ref = (
            None if rows is None else LogitRows(rows.gather(), torch.arange(len(rows), device=rows.index.device))
            for rows in (predictions.cond, predictions.ref)
        )
        return replace(self, predictions=replace(predictions, cond=cond, ref=ref))

    def request(self, rows: Tensor | slice, weight: Tensor, uniforms: Tensor) -> DrawRequest:
        """A draw from some rows."""
        part = self.some[rows]
        first, *others = part.asked
        ref = others[0] if others else None
        return DrawRequest(first, ref, weight, uniforms, part.decoding, part.forbidden, False, False)


class MaskedStages(TwoStages[RowsRead]):
    r"""One step of a batch.

    Attributes:
        ahead: $a_1$ of the extrapolation.
    """

    def __init__(
        self, run: Run, state: State, marks: Marks, stages: Callable[[], Sequence[Stage]], ahead: float
    ) -> None:
        super().__init__(run, state, marks, stages)
        assert isinstance(run.guidance, RateGuidance)
        self.guidance, self.ahead = run.guidance, ahead

    def _answer(self, at: Positions, predictions: Predictions | None) -> RowsRead:
        return RowsRead(predictions)

    def _kept(self, answer: RowsRead) -> RowsRead:
        return answer.copied()

    def _moved(self, stage: int, at: Positions, now: RowsRead, before: RowsRead | None, must: Tensor | None) -> Tensor:
        run, weight = self.run, self.weight(stage, at)
        log_rate, ahead = self._log_rate(stage, now, weight), None
        if before is not None:
            rates = torch.stack((log_rate, self._log_rate(stage, before, weight)))
            ahead = _Ahead(self, (now, before), weight, rates)
            log_rate = ahead.log_total() if self.guidance.asks_log_z else log_rate

        def land(going: Tensor, uniforms: Tensor) -> Draws:
            if ahead is None or not len(going):
                return now.some[going].draw(weight[going], uniforms, partition=bool(run.observers))
            return ahead.drawn(going, uniforms)

        return self.buffers.move(run, at, log_stay(log_rate), land, self.levels(stage), must)

    def _log_rate(self, stage: int, answer: RowsRead, weight: Tensor) -> Tensor:
        """Log of the guided integrated exit rates, [N]."""
        log_z = answer.log_z_at(weight) if self.guidance.asks_log_z else torch.zeros_like(weight)
        return self.guidance.log_intensity(torch.full_like(weight, self.marks.rates[stage]), log_z)


class _Ahead:
    """The second stage at N positions of which both calls speak."""

    def __init__(self, step: MaskedStages, both: tuple[RowsRead, RowsRead], weight: Tensor, log_rates: Tensor) -> None:
        self.step, self.both, self.weight, self.log_rates = step, both, weight, log_rates

    def log_total(self) -> Tensor:
        """Log of the extrapolated integrated exit rates, [N]."""
        found = self._read(slice(None), None)
        for part in self._left(found):
            found.log_total[part] = (-self._written(part)[1].log_stay).log()
        return found.log_total

    def drawn(self, rows: Tensor, uniforms: Tensor) -> Draws:
        """What the positions `rows` become, [M], at least one."""
        found = self._read(rows, uniforms)
        assert found.draws is not None
        for part in self._left(found):
            seen, law = self._written(rows[part])
            found.draws.put(part, drawn(self.step.run, law.log_landing, seen, uniforms[part]))
        return self._seen(found.draws, rows) if self.step.run.observers else found.draws

    def _read(self, rows: Tensor | slice, uniforms: Tensor | None) -> Extrapolated:
        weight = self.weight[rows]
        given = weight if uniforms is None else uniforms
        now, before = (answer.request(rows, weight, given) for answer in self.both)
        return extrapolated(now, before, self.log_rates[:, rows], self.step.ahead, draws=uniforms is not None)

    def _left(self, found: Extrapolated) -> list[Tensor]:
        """The rows that could not be served, a few at a time."""
        left = (~found.served).nonzero().squeeze(-1)
        return [left[part] for part in chunks(len(left), self.step.run.process.vocab_size)] if len(left) else []

    def _written(self, rows: Tensor) -> tuple[StageInput, Transition]:
        """What is said now of the positions `rows`, and the law of their second stage, written out."""
        token = torch.full_like(rows, self.step.run.process.noise_token)
        now, before = (StageInput(token, *answer.some.laws(rows)) for answer in self.both)
        return now, self.step.stages[1].law([before, now], self.weight[rows])

    def _seen(self, draws: Draws, rows: Tensor) -> Draws:
        """The draws, with what the predictions say now of their tokens."""
        found: list[list[Tensor]] = [[], []]
        for part in chunks(len(rows), self.step.run.process.vocab_size):
            for side, law in zip(found, self.both[0].some.laws(rows[part]), strict=True):
                if law is not None:
                    side.append(at_token(law, draws.token[part]))
        cond, ref = (torch.cat(side) if side else None for side in found)
        return replace(draws, log_cond=cond, log_ref=ref)
