"""Sequences of different lengths in one batch: the end and the padding are placed before sampling."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import bad, in_tensor, with_data
from ..process import Process

__all__ = ["Lengths"]


@dataclass(frozen=True, eq=False)
class Lengths:
    """How many tokens each sample has. Behind them stand `end`, if there is one, and then `padding`; these are held.

    Args:
        values: [B] int64, number of tokens of each sample, `end` not counted.
        padding: the token that fills a sequence.
        end: the token that ends one; None if there is none.

    Raises:
        ValueError: for values that are no int64 tensor [B]; at the start for tokens that the process does not have, for
            lengths that leave no room for the end, and for `initial` tokens that stand where end or padding would.

    >>> import dguide
    >>> lengths = dguide.Lengths(torch.tensor([1, 3]), padding=0, end=1)
    >>> lengths.place(dguide.Masked(5), 4, None, None)[0].tolist()
    [[5, 1, 0, 0], [5, 5, 5, 1]]
    """

    values: Tensor
    padding: int
    end: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.values, Tensor) or self.values.ndim != 1 or self.values.dtype != torch.int64:
            raise bad("Lengths values", repr(self.values), "an int64 tensor [B]", in_tensor(self.values))
        with_data("Lengths values", self.values)
        for name, token in (("padding", self.padding), ("end", self.end)):
            if isinstance(token, bool) or not isinstance(token, int | (type(None) if name == "end" else int)):
                raise bad(f"Lengths {name}", repr(token), "a token, as an int")

    def place(
        self, process: Process, length: int, initial: Tensor | None, fixed: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """`initial` [B, L] and `fixed` [B, L] bool with end and padding in place."""
        room = length - (self.end is not None)
        if len(self.values) and not 0 <= int(self.values.min()) <= int(self.values.max()) <= room:
            got = f"values from {int(self.values.min())} to {int(self.values.max())}"
            raise bad("Lengths", got, f"values from 0 to {room}, with {length} positions")
        wrong = [t for t in (self.padding, self.end) if t is not None and not 0 <= t < process.vocab_size]
        if wrong:
            raise bad("Lengths", f"token {wrong[0]}", f"tokens from 0 to {process.vocab_size - 1}")
        if initial is not None and len(initial) != len(self.values):
            raise bad("Lengths values", f"{len(self.values)} of them", f"one for each of the {len(initial)} samples")
        values = self.values.unsqueeze(1)
        position = torch.arange(length, device=values.device)
        behind = position >= values
        filler = torch.full(behind.shape, self.padding, device=values.device)
        if self.end is not None:
            filler = filler.masked_fill(position == values, self.end)
        if initial is None:
            initial = torch.full_like(filler, process.noise_token if process.point_mass else 0)
        elif initial.shape != behind.shape:
            raise bad("initial", f"shape {tuple(initial.shape)}", f"{tuple(behind.shape)}, as lengths have it")
        elif bool((behind & ~process.unfinished(initial) & (initial != filler)).any()):
            raise bad("initial", "tokens behind the end of a sample", "masks, end or padding there")
        return torch.where(behind, filler, initial), behind if fixed is None else fixed | behind
