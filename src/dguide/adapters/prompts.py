"""Prompts of different lengths in one batch: how they are held, and how rows are laid out for a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import bad, in_tensor
from .convention import Convention

__all__ = ["Rows", "checked", "everywhere", "laid_out", "lead_of", "null_prompt", "padded", "without_prompt"]


def padded(rows: Sequence[Sequence[int]], pad_id: int, width: int) -> dict[str, Tensor]:
    """Prompts as a condition: {"prompt": tokens [B, P] int64, "real": [B, P] bool}, P at least `width`."""
    if isinstance(rows, str) or not rows or any(isinstance(row, (str, int)) for row in rows):
        raise bad("prompts", repr(rows)[:60], "a list with a list of tokens for each sample")
    lists = [[int(token) for token in row] for row in rows]
    size = max(width, *map(len, lists))
    prompt = torch.full((len(lists), size), pad_id, dtype=torch.int64)
    for row, tokens in zip(prompt, lists, strict=True):
        row[: len(tokens)] = torch.tensor(tokens, dtype=torch.int64)
    lengths = torch.tensor([len(tokens) for tokens in lists])
    return {"prompt": prompt, "real": torch.arange(size) < lengths.unsqueeze(1)}


def without_prompt(convention: Convention, count: int, device: torch.device) -> dict[str, Tensor]:
    """The condition of `count` samples that have no prompt."""
    empty = torch.empty(count, 0, dtype=torch.int64, device=device)
    lead = {} if convention.block is None else {"lead": lead_of(convention, empty.bool())}
    return {"prompt": empty, "real": empty.bool(), **lead}


def lead_of(convention: Convention, real: Tensor) -> Tensor:
    """How many tokens of prompts, `real` [B, P], stand in the block in which their sequences begin, [B]."""
    assert convention.block is not None
    return (real.sum(1) + len(convention.before)) % convention.block


def checked(convention: Convention, condition: Any) -> dict[str, Tensor]:
    """The condition, if it is prompts for a model of this convention. Raises `ValueError` for anything else."""
    kinds = {"prompt": torch.int64, "real": torch.bool}
    kinds |= {} if convention.block is None else {"lead": torch.int64}
    if isinstance(condition, dict) and condition.keys() == kinds.keys():
        right = all(isinstance(condition[name], Tensor) and condition[name].dtype == kinds[name] for name in kinds)
        if right and condition["prompt"].ndim == 2 and condition["prompt"].shape == condition["real"].shape:
            return condition
    got = f"a dict of {', '.join(map(str, condition))}" if isinstance(condition, dict) else type(condition).__name__
    expected = '{"prompt": tokens [B, P] int64, "real": [B, P] bool}'
    if convention.block is not None:
        expected = expected[:-1] + ', "lead": [B] int64}'
    raise bad("condition", got, expected, in_tensor(condition) or "The method prompts() of the denoiser makes it.")


def null_prompt(convention: Convention, condition: Any) -> dict[str, Tensor]:
    """The prompts that mean "no condition", of the same shape.

    Raises:
        ValueError: If the condition is no prompt, or has no room for the null tokens.
    """
    condition = checked(convention, condition)
    prompt, real = condition["prompt"], condition["real"]
    if convention.null == "drop":
        return {**condition, "real": torch.zeros_like(real)}
    if convention.null == "mask":
        kept = torch.isin(prompt, torch.tensor(convention.kept, dtype=torch.int64, device=prompt.device))
        mask = convention.mask_id
        assert mask is not None
        return {**condition, "prompt": torch.where(real & ~kept, mask, prompt)}
    size = len(convention.null_tokens)
    if prompt.shape[1] < size:
        remedy = "The method prompts() of the denoiser makes room for the null tokens."
        raise bad("condition", f"prompts with room for {prompt.shape[1]} tokens", f"at least {size}", remedy)
    twin = torch.full_like(prompt, convention.pad_id)
    twin[:, :size] = torch.tensor(convention.null_tokens, device=prompt.device)
    there = (torch.arange(prompt.shape[1], device=prompt.device) < size).expand_as(real)
    return {**condition, "prompt": twin, "real": there}


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows for one call of a model. Padding is behind everything, so that positions count from 0 in every row.

    Attributes:
        which: [b], which rows of the batch they are; a slice for all of them.
        ids: [b, S] int64, the tokens.
        real: [b, S] bool, False for padding; None where there is none.
        start: [b], where the sequence of each row begins.
        lead: [b], how many tokens before it are in its block; None for a model without blocks.
    """

    which: Tensor | slice
    ids: Tensor
    real: Tensor | None
    start: Tensor
    lead: Tensor | None = None


def laid_out(convention: Convention, tokens: Tensor, condition: Any) -> Iterator[Rows]:
    """`tokens` [B, L], in the numbers of the model, behind their prompts: one call, or one for each length.

    Args:
        convention: Says whether the model is told of padding.
        tokens: The sequences.
        condition: Prompts, as `padded` makes them.
    """
    prompt, real = checked(convention, condition)["prompt"], condition["real"]
    if len(prompt) != len(tokens):
        raise bad("condition", f"{len(prompt)} prompts", f"one for each of the {len(tokens)} sequences")
    lengths = real.sum(1)
    distinct = lengths.unique().tolist()
    whole = slice(None)
    if len(distinct) == 1 or convention.attention != "none":
        yield _rows(convention, tokens, prompt, real, whole, condition.get("lead"))
        return
    for length in distinct:
        which = (lengths == length).nonzero().squeeze(1)
        yield _rows(convention, tokens[which], prompt[which], real[which], which)


def everywhere(ids: tuple[int, ...], prompt: Tensor) -> Tensor:
    """Tokens that are the same in every row of `prompt` [B, P]."""
    return torch.tensor(ids, dtype=torch.int64, device=prompt.device).expand(len(prompt), len(ids))


def _rows(
    convention: Convention,
    tokens: Tensor,
    prompt: Tensor,
    real: Tensor,
    which: Tensor | slice,
    lead: Tensor | None = None,
) -> Rows:
    """[before, prompt, sequence, after, padding] for each row."""
    before, after = everywhere(convention.before, tokens), everywhere(convention.after, tokens)
    start = real.sum(1) + len(convention.before)
    if bool(real.all()):
        return Rows(which, torch.cat((before, prompt, tokens, after), 1), None, start, lead)
    ids = torch.cat((before, prompt, tokens, after), 1)
    ones = (each.new_ones(each.shape, dtype=torch.bool) for each in (before, tokens, after))
    first, *rest = ones
    there = torch.cat((first, real, *rest), 1)
    width = int(there.sum(1).max())
    order = (~there).to(torch.int8).argsort(dim=1, stable=True)[:, :width]  # what is real, in its order, then padding
    ids, there = ids.gather(1, order), there.gather(1, order)
    ids = torch.where(there, ids, convention.pad_id)
    return Rows(which, ids, None if bool(there.all()) else there, start, lead)
