"""Pairs: a batch whose first half is read with its prompts, and whose second half with the prompts of the reference.

So both predictions reach a hook that sees nothing but the logits of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import bad

__all__ = ["doubled", "halves", "paired_prompts"]


def paired_prompts(
    prompts: Sequence[Sequence[int]], references: Sequence[Sequence[int]], pad_id: int
) -> dict[str, Tensor]:
    """A batch of pairs: prompts, then what the reference reads in their place, padded on the left.

    Args:
        prompts: The tokens of each prompt.
        references: As many: the prompt masked, a negative prompt, or another prompt of any length. One is for all.
        pad_id: The token of padding.

    Returns:
        {"input_ids": [2B, P] int64, "attention_mask": [2B, P] int64}, for a call with `**`.

    Raises:
        ValueError: If the numbers of rows do not fit.

    >>> batch = paired_prompts([[5, 6], [7]], [[1]], pad_id=0)
    >>> batch["input_ids"].tolist()
    [[5, 6], [0, 7], [0, 1], [0, 1]]
    """
    rows = [list(row) for row in prompts]
    others = [list(row) for row in references]
    others = others * len(rows) if len(others) == 1 else others
    if not rows or len(others) != len(rows):
        raise bad("references", f"{len(others)} for {len(rows)} prompts", "one for each prompt, or one for all")
    width = max(map(len, rows + others))
    padded = [[pad_id] * (width - len(row)) + row for row in rows + others]
    real = [[0] * (width - len(row)) + [1] * len(row) for row in rows + others]
    return {"input_ids": torch.tensor(padded), "attention_mask": torch.tensor(real)}


def halves(batch: Tensor) -> tuple[Tensor, Tensor]:
    """The conditional and the reference half [B, ...] of a batch of pairs [2B, ...].

    Raises:
        ValueError: If the number of rows is odd.
    """
    if len(batch) % 2 or not len(batch):
        remedy = "paired_prompts makes such a batch."
        raise bad("batch", f"{len(batch)} rows", "pairs: a row for each prompt, then one for each reference", remedy)
    cond, ref = batch.chunk(2)
    return cond, ref


def doubled(half: Tensor) -> Tensor:
    """The same [B, ...] for both halves, [2B, ...]."""
    return torch.cat((half, half))
