"""Rows of logits, read where the network left them, and the result of a draw from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .decoding import Decoding

__all__ = ["DrawRequest", "Draws", "LogitRows"]


@dataclass(frozen=True, eq=False)
class LogitRows:
    """Some rows of a tensor of logits, which are not copied until they are looked at.

    Attributes:
        values: [R, V] in any floating dtype, with unit stride along the last dimension.
        index: [N] int64, which of the R rows, in which order.
    """

    values: Tensor
    index: Tensor

    @classmethod
    def of(cls, logits: Tensor, *rows: Tensor) -> list[LogitRows]:
        """For each of `rows` [N] those of `logits` [B, L, V], counted position by position, sample after sample."""
        batch, length, vocab = logits.shape
        if logits.is_contiguous():
            values = logits.view(-1, vocab)
            return [cls(values, row) for row in rows]
        outer, inner, unit = logits.stride()
        if unit != 1 or inner < vocab or outer % inner:
            values = logits.reshape(-1, vocab)
            return [cls(values, row) for row in rows]
        # Positions or columns that the network cut off leave gaps, over which a view can step.
        apart = outer // inner if batch > 1 else length
        values = torch.as_strided(logits, ((batch - 1) * apart + length, vocab), (inner, 1), logits.storage_offset())
        return [cls(values, row // length * apart + row % length) for row in rows]

    def __len__(self) -> int:
        return self.index.shape[0]

    def __getitem__(self, part: slice | Tensor) -> LogitRows:
        return LogitRows(self.values, self.index[part])

    def gather(self) -> Tensor:
        """A copy of the rows, [N, V]."""
        return self.values.index_select(0, self.index)


class DrawRequest(NamedTuple):
    """Draws that are asked for: the arguments of `guided_draw`, for N rows. (A tuple, which is quickly made.)"""

    cond: LogitRows
    ref: LogitRows | None
    weight: Tensor
    uniforms: Tensor
    decoding: Decoding
    forbidden: Tensor
    partition: bool
    spread: bool

    def of(self, part: slice | Tensor) -> DrawRequest:
        """The same of some of the rows."""
        return self._replace(
            cond=self.cond[part],
            ref=None if self.ref is None else self.ref[part],
            weight=self.weight[part],
            uniforms=self.uniforms[part],
        )


@dataclass(frozen=True, eq=False)
class Draws:
    r"""Tokens drawn from guided laws, row by row.

    Attributes:
        token: [N] int64.
        log_prob: [N] float64, log-probability with which it was drawn.
        log_z: [N] float64, $\log Z_w$; 0 where only one network was asked. On request, with the next two.
        log_cond: [N] float64, log-probability of the token under the conditional.
        log_ref: [N] float64, the same under the reference; None without one.
        log_tilted: [N] float64, log-probability of the token in $q_w$ itself, before temperature and truncation. On
            request, with the next three.
        log_max: [N] float64, largest log-probability in $q_w$.
        entropy: [N] float64, entropy of $q_w$ in nats.
        margin: [N] float64, largest probability in $q_w$ less the second largest.
    """

    token: Tensor
    log_prob: Tensor
    log_z: Tensor | None = None
    log_cond: Tensor | None = None
    log_ref: Tensor | None = None
    log_tilted: Tensor | None = None
    log_max: Tensor | None = None
    entropy: Tensor | None = None
    margin: Tensor | None = None

    def __getitem__(self, part: slice | Tensor) -> Draws:
        """The draws of some rows."""
        return Draws(**{name: value[part] for name, value in vars(self).items() if value is not None})

    def put(self, rows: Tensor, others: Draws) -> None:
        """Set some rows, [M] int64, to `others`: of each attribute that both have."""
        for name, value in vars(self).items():
            if value is not None and getattr(others, name) is not None:
                value.index_copy_(0, rows, getattr(others, name))

    @classmethod
    def joined(cls, parts: list[Draws]) -> Draws:
        """The draws of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        names = [name for name, value in vars(parts[0]).items() if value is not None]
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})
