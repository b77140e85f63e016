"""Rows in which the blocks of all samples begin at the same columns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Layout", "arranged"]


@dataclass(frozen=True, eq=False)
class Layout:
    """[padding, prompt, sequence, padding] in each row; column `first` is the first of a block in every row.

    Attributes:
        front: [R, first + block] int64, the prompts, in the numbers of the model.
        first: The column at which the block of the first token of the sequences begins.
        begin: [R], the column of the first token of each row.
        start: [R], that of the first token of its sequence.
        end: [R], the one behind its last token.
        last: The largest end.
    """

    front: Tensor
    first: int
    begin: Tensor
    start: Tensor
    end: Tensor
    last: int

    def tokens(self, first: int, tokens: Tensor, rows: Tensor) -> Tensor:
        """The tokens of columns from `first` on: `tokens` [r, n] in sequences, else those of the prompt."""
        stop = min(first + tokens.shape[1], self.front.shape[1])
        if first >= stop:
            return tokens
        column = torch.arange(first, stop, device=tokens.device)
        prompt = column < self.start[rows].unsqueeze(1)
        found = tokens.clone()
        found[:, : stop - first] = torch.where(prompt, self.front[rows, first:stop], tokens[:, : stop - first])
        return found

    def real(self, stop: int, rows: Tensor) -> Tensor:
        """Which columns before `stop` hold a token, [r, stop] bool."""
        column = torch.arange(stop, device=self.begin.device)
        return (column >= self.begin[rows].unsqueeze(1)) & (column < self.end[rows].unsqueeze(1))

    def places(self, first: int, stop: int, rows: Tensor) -> Tensor:
        """Position numbers of columns, [r, stop - first]: tokens are counted from 0."""
        column = torch.arange(first, stop, device=self.begin.device)
        return (column - self.begin[rows].unsqueeze(1)).clamp_min(0)


def arranged(prompt: Tensor, real: Tensor, lead: Tensor, length: int, block: int) -> Layout:
    """The layout of prompts [R, P], of which the tokens `real` [R, P] count, before sequences of `length` tokens.

    `lead` [R] says how many columns of the first block stand before each sequence.
    """
    order = (~real).to(torch.int8).argsort(dim=1, stable=True)
    tokens, sizes = prompt.gather(1, order), real.sum(1)
    first = int((sizes - lead).clamp_min(0).max())
    start = first + lead
    begin = start - sizes
    which = torch.arange(first + block, device=prompt.device) - begin.unsqueeze(1)
    padded = torch.nn.functional.pad(tokens, (0, 1))
    front = padded.gather(1, which.clamp(0, tokens.shape[1]))
    return Layout(front, first, begin, start, start + length, int(start.max()) + length)
