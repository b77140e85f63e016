"""What the networks are called for, and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from ..categorical import (
    BadRow,
    Decoding,
    Draws,
    Exits,
    Floor,
    FlooredRequest,
    LogitRows,
    chunks,
    guided_draw,
    guided_land,
    guided_log_z,
    log_law,
)
from ..errors import bad
from ..process import Process

__all__ = ["Asking", "Positions", "Predictions", "Query"]

T = TypeVar("T")

Positions: TypeAlias = "tuple[Tensor, ...]"
"""Positions in a batch: which sample [N] and which position [N], in row-major order."""


@dataclass(frozen=True, eq=False)
class Query:
    """Positions of a batch for which the networks are called.

    Attributes:
        sample: [N], row of the batch; in order.
        position: [N], position in the sample.
        batch_rows: which rows of the batch each row of the call reads, [R] or a slice: the samples that have such a
            position, twice if one network makes both predictions.
        condition_rows: which rows of `Run.conditions` each row of the call is given, [R] or a slice.
        row: [N], which of the R L positions of the call each is.
        reference_row: [N], the same of the reference prediction.
        stacked: whether both predictions come from one call.
        cond: whether the conditional prediction is needed.
        ref: whether the reference prediction is needed.
    """

    sample: Tensor
    position: Tensor
    batch_rows: Tensor | slice
    condition_rows: Tensor | slice
    row: Tensor
    reference_row: Tensor
    stacked: bool
    cond: bool
    ref: bool

    def __len__(self) -> int:
        return self.sample.shape[0]

    def __getitem__(self, part: slice | Tensor) -> Query:
        """The same call, of which only the positions `part` matter."""
        row = self.row[part]
        reference_row = row if self.reference_row is self.row else self.reference_row[part]
        return replace(
            self, sample=self.sample[part], position=self.position[part], row=row, reference_row=reference_row
        )


@dataclass(frozen=True, eq=False)
class Asking:
    """What a step asks of N positions.

    Attributes:
        where: which they are.
        flat: [N], which entry of a tensor [B, L] each of them is.
        counters: as `Run.counters` has them.
        weight: w, [N].
        query: which networks are called, and for what.
    """

    where: Positions
    flat: Tensor
    counters: tuple[Tensor, Tensor]
    weight: Tensor
    query: Query


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers to a query: rows of logits, read where the networks left them.

    Attributes:
        query: what was asked, N positions.
        cond: rows of the conditional prediction, None if it was not needed.
        ref: rows of the reference prediction, None if it was not needed.
        decoding: temperature, truncation and forbidden tokens.
        forbidden: columns of the logits that are never drawn, [K] int64.
        process: the process, which says which law the predictions are.
        tokens: [B, L], what the networks read.
        time: [B] float64, at which time.
        numbers: [B], the number of each sample of the batch, for error messages.
    """

    query: Query
    cond: LogitRows | None
    ref: LogitRows | None
    decoding: Decoding
    forbidden: Tensor
    process: Process
    tokens: Tensor
    time: Tensor
    numbers: Tensor

    def __getitem__(self, part: slice | Tensor) -> Predictions:
        """The answers for the positions `part`."""
        cond, ref = (None if rows is None else rows[part] for rows in (self.cond, self.ref))
        return replace(self, query=self.query[part], cond=cond, ref=ref)

    @property
    def asked(self) -> list[LogitRows]:
        """Rows of the predictions that were needed: the conditional, the reference, or both."""
        return [rows for rows in (self.cond, self.ref) if rows is not None]

    def sides(self, values: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Values of the predictions that were needed, [P, N], as those of the conditional and of the reference."""
        return (None if self.cond is None else values[0], None if self.ref is None else values[-1])

    def log_z(self, weight: Tensor) -> Tensor:
        r"""$\log Z_w$ at each position, [N] float64; 0 where one prediction was needed, of which nothing is read.

        Raises:
            ValueError: for a row that is no row of logits, naming sample and position.
        """
        cond, ref = self.cond, self.ref
        if cond is None or ref is None:
            return torch.zeros_like(weight)
        return self._checked(lambda: guided_log_z(cond, ref, weight, forbidden=self.forbidden))

    def draw(self, weight: Tensor, uniforms: Tensor, *, partition: bool = False, spread: bool = False) -> Draws:
        """Draw a token from $q_w$ at each position; see `dguide.categorical.guided_draw`.

        Raises:
            ValueError: for a row that is no row of logits, naming sample and position.
        """
        first, *rest = self.asked
        ref = rest[0] if rest else None
        draws = self._checked(
            lambda: guided_draw(
                first,
                ref,
                weight,
                uniforms,
                decoding=self.decoding,
                forbidden=self.forbidden,
                partition=partition,
                spread=spread,
            )
        )
        if self.cond is None:
            return replace(draws, log_cond=None, log_ref=draws.log_cond)
        return draws

    def land(self, weight: Tensor, uniforms: Tensor, tokens: Tensor, place: Tensor) -> None:
        """Draw the same, and put it to the places [N] in `tokens` [B, L]; see `dguide.categorical.guided_land`."""
        first, *rest = self.asked
        ref = rest[0] if rest else None
        decoding, forbidden = self.decoding, self.forbidden
        self._checked(
            lambda: guided_land(first, ref, weight, uniforms, tokens, place, decoding=decoding, forbidden=forbidden)
        )

    def _checked(self, work: Callable[[], T]) -> T:
        """What `work` finds in all rows, and an error that says where a bad one is."""
        try:
            return work()
        except BadRow as error:
            again, row = divmod(error.row, len(self.query))
            raise self._named(self.cond is None or again == 1, row, error) from None

    def floored(
        self,
        weight: Tensor,
        present: Tensor,
        floor: Floor,
        exits: Exits,
        *,
        partition: bool = False,
        uniforms: Tensor | None = None,
    ) -> FlooredRequest:
        """What is asked of `dguide.categorical.floored_sums`; the arguments are its own."""
        first, *rest = self.asked
        ref = rest[0] if rest else None
        return FlooredRequest(
            first, ref, weight, present, floor, self.forbidden, partition, uniforms, known=None, exits=exits
        )

    def laws(self, part: slice | Tensor = slice(None)) -> tuple[Tensor | None, Tensor | None]:
        r"""$\log p(x_0 \mid x_t)$ [n, V] in float64 of the positions `part`, of the conditional and of the reference.

        Raises:
            ValueError: for a row that is no row of logits, naming sample and position.
        """
        laws: list[Tensor | None] = []
        for is_ref, rows in enumerate((self.cond, self.ref)):
            try:
                laws.append(None if rows is None else self._posterior(log_law(rows[part], self.forbidden), part))
            except BadRow as error:
                row = int(torch.arange(len(self.query), device=self.query.sample.device)[part][error.row])
                raise self._named(bool(is_ref), row, error) from None
        return laws[0], laws[1]

    def parts(self) -> list[slice]:
        """Slices of the N positions, each small enough for its laws to stay in the cache."""
        return chunks(len(self.query), self.process.vocab_size)

    def _posterior(self, law: Tensor, part: slice | Tensor) -> Tensor:
        """The posterior from the predicted law [n, V] of the positions `part`."""
        if self.process.prediction == "posterior":  # so that nothing is looked up in vain
            return law
        sample, position = self.query.sample[part], self.query.position[part]
        return self.process.as_posterior(law, self.tokens[sample, position], self.time[sample])

    def _named(self, is_ref: bool, row: int, error: BadRow) -> ValueError:
        who = "reference" if is_ref else "conditional"
        sample = int(self.numbers[self.query.sample[row]])
        where = f"logits of the {who} call at sample {sample}, position {int(self.query.position[row])}"
        return bad(where, error.what, "finite logits (or -inf where forbidden)")
