"""What the networks are asked, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from ..categorical import BadRow, Decoding, Draws, Rows, chunks, guided_draw, log_law
from ..errors import bad

if TYPE_CHECKING:
    from .run import Run

__all__ = ["Predictions", "Query", "asked"]

Where: TypeAlias = "tuple[Tensor, ...]"
"""Positions in a batch: which sample [N] and which position [N], in row-major order."""


def asked(run: Run, weight: Tensor, turn: Tensor, turns: int) -> tuple[list[bool], list[bool]]:
    """In which of so many turns the conditional is asked, and in which the reference.

    The conditional is if any `weight` [N] of the positions with this `turn` [N], or stake of the run, is not -1; the
    reference if any is not 0.
    """
    cond, ref = (
        [True] * turns
        if any(stake != alone for stake in run.stakes)
        else (torch.bincount(turn[weight != alone], minlength=turns) > 0).tolist()
        for alone in (-1, 0)
    )
    return cond, ref


@dataclass(frozen=True, eq=False)
class Query:
    """Positions of a batch for which the networks are asked.

    Attributes:
        sample: [N], row of the batch; in order.
        position: [N], position in the sample.
        who: which rows of the batch each row of the call reads, [R] or a slice: the samples that have such a position,
            twice if one network is asked for both predictions.
        side: which rows of `Run.conditions` each is told, [R] or a slice.
        row: [N], which of the R L positions of the call each is.
        apart: how many positions after that the reference's answer stands, if it comes from the same call.
        cond: whether the conditional is asked.
        ref: whether the reference is.
    """

    sample: Tensor
    position: Tensor
    who: Tensor | slice
    side: Tensor | slice
    row: Tensor
    apart: int
    cond: bool
    ref: bool

    @classmethod
    def of(cls, run: Run, where: Where, weight: Tensor) -> Query:
        """Ask for the positions `where`: the conditional if any `weight` [N] is not -1, the reference if any is not 0.

        The stakes of the run count among the weights.
        """
        sample, position = where
        chosen, which = torch.unique_consecutive(sample, return_inverse=True)
        cond = bool((weight != -1).any()) or any(w != -1 for w in run.stakes)
        ref = bool((weight != 0).any()) or any(w != 0 for w in run.stakes)
        return cls.made(run, where, chosen, which * run.length + position, cond, ref)

    @classmethod
    def made(
        cls,
        run: Run,
        where: Where,
        chosen: Tensor,
        row: Tensor,
        cond: bool,
        ref: bool,
        twice: tuple[Tensor, Tensor] | None = None,
    ) -> Query:
        """The query for positions of the samples `chosen` that are number `row` [N] of their positions.

        `twice` are `who` and `side` of a call for both predictions, if they are at hand.
        """
        batch, one = run.index.shape[0], not callable(run.reference)
        both = cond and ref and one
        who: Tensor | slice = chosen
        side: Tensor | slice = chosen
        if both:
            who, side = twice or (torch.cat((chosen, chosen)), torch.cat((chosen, chosen + batch)))
        elif chosen.shape[0] == batch:
            who, side = slice(None), slice(batch) if cond or not one else slice(batch, None)
        elif one and not cond:
            side = chosen + batch
        return cls(where[0], where[1], who, side, row, chosen.shape[0] * run.length if both else 0, cond, ref)

    def __len__(self) -> int:
        return self.sample.shape[0]

    def __getitem__(self, part: slice | Tensor) -> Query:
        """The same call, of which only the positions `part` matter."""
        return replace(self, sample=self.sample[part], position=self.position[part], row=self.row[part])


@dataclass(frozen=True, eq=False)
class Predictions:
    """The answers to a query: rows of logits, read where the networks left them.

    Attributes:
        run: the batch.
        query: what was asked, N positions.
        cond: rows of the conditional, None if it was not asked.
        ref: rows of the reference, None if it was not asked.
    """

    run: Run
    query: Query
    cond: Rows | None
    ref: Rows | None

    def __getitem__(self, part: slice | Tensor) -> Predictions:
        """The answers for the positions `part`."""
        cond, ref = (None if rows is None else rows[part] for rows in (self.cond, self.ref))
        return Predictions(self.run, self.query[part], cond, ref)

    def log_z(self, weight: Tensor) -> Tensor:
        r"""$\log Z_w$ at each position, [N] float64."""
        log_z = self._drawn(weight, torch.full_like(weight, 0.5), Decoding(), partition=True).log_z
        assert log_z is not None
        return log_z

    def draw(self, weight: Tensor, uniforms: Tensor, *, partition: bool = False, spread: bool = False) -> Draws:
        """Draw a token from $q_w$ at each position; see `dguide.categorical.guided_draw`.

        Raises:
            ValueError: for a row that is no row of logits, naming sample and position.
        """
        return self._drawn(weight, uniforms, self.run.decoding, partition, spread)

    def _drawn(
        self, weight: Tensor, uniforms: Tensor, decoding: Decoding, partition: bool = False, spread: bool = False
    ) -> Draws:
        first, second = (self.cond, self.ref) if self.cond is not None else (self.ref, None)
        assert first is not None
        try:
            draws = guided_draw(
                first,
                second,
                weight,
                uniforms,
                decoding=decoding,
                forbidden=self.run.forbidden,
                partition=partition,
                spread=spread,
            )
        except BadRow as error:
            again, row = divmod(error.row, len(self.query))
            raise self._named(self.cond is None or again == 1, row, error) from None
        if self.cond is None:
            return replace(draws, log_cond=None, log_ref=draws.log_cond)
        return draws

    def laws(self, part: slice | Tensor = slice(None)) -> tuple[Tensor | None, Tensor | None]:
        """Log-probabilities [n, V] in float64 of the positions `part`, of the conditional and of the reference.

        Raises:
            ValueError: for a row that is no row of logits, naming sample and position.
        """
        found: list[Tensor | None] = []
        for is_ref, rows in enumerate((self.cond, self.ref)):
            try:
                found.append(None if rows is None else log_law(rows[part], self.run.forbidden))
            except BadRow as error:
                row = int(torch.arange(len(self.query), device=self.query.sample.device)[part][error.row])
                raise self._named(bool(is_ref), row, error) from None
        return found[0], found[1]

    def parts(self) -> list[slice]:
        """Slices of the N positions, each small enough for its laws to stay in the cache."""
        return chunks(len(self.query), self.run.process.vocab_size)

    def _named(self, is_ref: bool, row: int, error: BadRow) -> ValueError:
        who = "reference" if is_ref else "conditional"
        sample = int(self.run.rows[self.query.sample[row]])
        where = f"logits of the {who} call at sample {sample}, position {int(self.query.position[row])}"
        return bad(where, error.what, "finite logits (or -inf where forbidden)")
