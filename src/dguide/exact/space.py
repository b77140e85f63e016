"""The enumerated states of a small problem."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import bad, in_tensor, with_data
from ..process import Process

__all__ = ["Space", "check_states", "check_table"]

_STATES = 1 << 22


def check_table(process: Process, table: Tensor, what: str) -> Tensor:
    """A joint table as a float64 distribution [V, ..., V]. Raises `ValueError` if it is not one for the process."""
    if not isinstance(table, Tensor) or table.ndim < 1 or set(table.shape) != {process.vocab_size}:
        got = tuple(table.shape) if isinstance(table, Tensor) else type(table).__name__
        raise bad(
            what, got, f"a tensor of shape [{process.vocab_size}] * d (vocab_size on every axis)", in_tensor(table)
        )
    law = with_data(what, table).double()
    total = float(law.sum())
    if not bool(torch.isfinite(law).all()) or float(law.min()) < 0 or abs(total - 1) > 1e-6:
        raise bad(what, f"entries from {float(law.min())}, sum {total}", "probabilities that sum to one")
    return law / total


def check_states(process: Process, d: int) -> None:
    """Raises `ValueError` if the noisy states of d positions do not fit into memory."""
    if process.input_size**d > _STATES:
        states = f"{process.input_size}^{d} states"
        raise bad("exact state space", states, f"at most {_STATES}", "Take fewer tokens or positions.")


@dataclass(frozen=True, eq=False)
class Space:
    """The noisy states of d positions: `tokens` [S, d], numbered in row-major order.

    `state` and `position` [N] are all pairs of a state and a position that can still move in this state.
    """

    process: Process
    tokens: Tensor
    strides: Tensor
    state: Tensor
    position: Tensor

    @staticmethod
    def of(process: Process, d: int) -> Space:
        """The space of sequences of length d."""
        check_states(process, d)
        size = process.input_size
        grid = torch.cartesian_prod(*[torch.arange(size)] * d).view(-1, d)
        strides = size ** torch.arange(d - 1, -1, -1)
        state, position = process.movable(grid).nonzero().unbind(-1)
        return Space(process, grid, strides, state, position)

    @property
    def here(self) -> Tensor:
        """[N], the token at each movable position."""
        return self.tokens[self.state, self.position]

    def destinations(self) -> Tensor:
        """[N, V], the next state if a movable position becomes token y."""
        stride = self.strides[self.position].unsqueeze(-1)
        columns = torch.arange(self.process.vocab_size)
        return self.state.unsqueeze(-1) + (columns - self.here.unsqueeze(-1)) * stride

    def prior(self) -> Tensor:
        """[S], the distribution of pure noise."""
        one = self.process.kernel(1.0)[0]
        return one[self.tokens].prod(-1)

    def data_law(self, law: Tensor) -> Tensor:
        """A distribution [S] over noisy states as a joint table [V, ..., V] of data; other states must have mass 0."""
        d, size = self.tokens.shape[1], self.process.input_size
        return law.view([size] * d)[tuple([slice(0, self.process.vocab_size)] * d)].contiguous()
