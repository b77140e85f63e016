"""Held-out sequences of which a share of the tokens is masked, and the pairs of positions that are looked at."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Contexts"]


@dataclass(frozen=True, eq=False)
class Contexts:
    """Sequences at one noise level, all with the same number of masks.

    Attributes:
        tokens: [N, L], with masks.
        masked: [N, M], the masked positions, in random order.
        truth: [N, M], the held-out tokens there.
    """

    tokens: Tensor
    masked: Tensor
    truth: Tensor

    @classmethod
    def of(cls, clean: Tensor, mask: int, level: float, generator: torch.Generator) -> Contexts:
        """Masks a random share `level` of the positions of `clean` [N, L]: at least two, for there to be a pair."""
        count, length = clean.shape
        chosen = torch.rand(count, length, generator=generator).argsort(-1)[:, : max(2, round(level * length))]
        return cls(clean.scatter(1, chosen, mask), chosen, clean.gather(1, chosen))

    def filled(self, tokens: Tensor) -> Tensor:
        """[N, K, L]: in row k only the k-th masked position is filled, with its token of `tokens` [N, K]."""
        count, k = tokens.shape
        rows = self.tokens.unsqueeze(1).repeat(1, k, 1)
        rows[torch.arange(count).unsqueeze(-1), torch.arange(k), self.masked[:, :k]] = tokens
        return rows
