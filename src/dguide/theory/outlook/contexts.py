"""Held-out sequences at one noise level, and the positions at which the two predictions are looked at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Contexts"]


@dataclass(frozen=True, eq=False)
class Contexts:
    """Noised sequences, all with as many positions that can jump.

    Attributes:
        tokens: $x_t$, [N, L].
        where: [N, M], the positions that can jump.
        truth: $x_0$ there, the held-out tokens, [N, M].
        time: t, [] float64.
    """

    tokens: Tensor
    where: Tensor
    truth: Tensor
    time: Tensor

    @property
    def here(self) -> Tensor:
        """[N, M], the tokens at `where`."""
        return self.tokens.gather(1, self.where)

    def at(self, columns: Tensor) -> Contexts:
        """Looked at in `columns` [N, K] of `where` only."""
        return Contexts(self.tokens, self.where.gather(1, columns), self.truth.gather(1, columns), self.time)

    def jumped(self, landed: Tensor) -> Contexts:
        """[N M, L]: in row (n, k) position k of `where` [N, M] alone has jumped, to its token of `landed` [N, M]."""
        count, k = self.where.shape
        rows, where = self.tokens.repeat_interleave(k, 0), self.where.repeat_interleave(k, 0)
        rows[torch.arange(count * k), self.where.flatten()] = landed.flatten()
        return Contexts(rows, where, self.truth.repeat_interleave(k, 0), self.time)
