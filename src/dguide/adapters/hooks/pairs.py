"""Pairs: a batch whose first half is read with its prompts, and whose second half with the prompts of the reference.

So both predictions reach a hook that sees nothing but the logits of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...errors import Mistakes, bad
from ..prompts import padded, token_lists

__all__ = ["as_module", "doubled", "halves", "paired_prompts"]


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
        ValueError: If there are no prompts, or the numbers of rows do not fit.

    >>> batch = paired_prompts([[5, 6], [7]], [[1]], pad_id=0)
    >>> batch["input_ids"].tolist()
    [[5, 6], [0, 7], [0, 1], [0, 1]]
    """
    mistakes = Mistakes()
    rows = mistakes.of(lambda: token_lists("prompts", prompts))
    others = mistakes.of(lambda: token_lists("references", references))
    mistakes.settle()
    assert rows is not None
    assert others is not None
    if len(others) not in (1, len(rows)):
        got = f"{len(others)} for {len(rows)} prompts"
        raise bad("references", got, "one for each prompt, or one for all")
    told = padded([*rows, *others * (len(rows) // len(others))], pad_id, 0)
    width = told["prompt"].shape[1]
    place = torch.arange(width) - (width - told["real"].sum(1, keepdim=True))  # in the row without its padding
    ids = torch.where(place >= 0, told["prompt"].gather(1, place.clamp_min(0)), pad_id)
    return {"input_ids": ids, "attention_mask": (place >= 0).long()}


def as_module(model: object) -> nn.Module:
    """The model of a loop, which calls hooks. Raises `ValueError` for anything else."""
    if not isinstance(model, nn.Module):
        raise bad("model", type(model).__name__, "the model that the loop calls, a torch.nn.Module")
    return model


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
