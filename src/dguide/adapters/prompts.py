"""Prompts and texts with holes, of different lengths in one batch: how they are held and laid out for a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..errors import InputError, Mistakes, bad, in_tensor
from .convention import Convention

__all__ = [
    "Rows",
    "checked",
    "everywhere",
    "laid_out",
    "lead_of",
    "not_made",
    "null_prompt",
    "padded",
    "prompts_of",
    "token_lists",
    "with_holes",
    "without_prompt",
]


def padded(rows: Sequence[Sequence[int]], pad_id: int, width: int, room: int = 0) -> dict[str, Tensor]:
    """Prompts as a condition: {"prompt": tokens [B, P] int64, "real": [B, P] bool}, P at least `width` and `room`."""
    mistakes = Mistakes()
    lists = mistakes.of(lambda: token_lists("prompts", rows))
    for name, value in (("pad_id", pad_id), ("width of prompts", width)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            mistakes.add(bad(name, repr(value), "an int of at least 0"))
    mistakes.settle()
    assert lists is not None
    size = max(width, room, *map(len, lists))
    prompt = torch.full((len(lists), size), pad_id, dtype=torch.int64)
    for row, tokens in zip(prompt, lists, strict=True):
        row[: len(tokens)] = torch.tensor(tokens, dtype=torch.int64)
    lengths = torch.tensor([len(tokens) for tokens in lists])
    return {"prompt": prompt, "real": torch.arange(size) < lengths.unsqueeze(1)}


def token_lists(what: str, rows: Any) -> list[list[int]]:
    """The tokens of each prompt, from lists, or from whole numbers in tensors or arrays."""
    if isinstance(rows, Tensor):  # as padded by a tokenizer, which would not be known any more
        remedy = "Leave out return_tensors and padding of the tokenizer: dguide pads, and knows where."
        raise bad(what, "a tensor", "a list with a list of tokens for each sample", remedy)
    if not isinstance(rows, Sequence) or isinstance(rows, (str, bytes)) or not rows:
        raise bad(what, repr(rows)[:60], "a list with a list of tokens for each sample")
    found = [row.tolist() if hasattr(row, "tolist") else row for row in rows]
    for number, row in enumerate(found):
        listed = isinstance(row, Sequence) and not isinstance(row, (str, bytes))
        if not listed or not all(isinstance(y, Integral) and not isinstance(y, bool) and int(y) >= 0 for y in row):
            expected = "a list with a list of tokens for each sample, which are ints of at least 0"
            raise bad(what, f"for sample {number} {row!r}"[:80], expected)
    return [[int(token) for token in row] for row in found]


def prompts_of(
    convention: Convention, rows: Sequence[Sequence[int]], width: int, like: dict[str, Tensor] | None
) -> dict[str, Tensor]:
    """Prompts as a condition, or as the reference to the condition `like`."""
    made = _beside(convention, rows, width, like, len(convention.null_tokens))
    if convention.block is None:
        return made
    return made | {"lead": lead_of(convention, made["real"]) if like is None else like["lead"].cpu()}


def _beside(
    convention: Convention, rows: Sequence[Sequence[int]], width: int, like: dict[str, Tensor] | None, room: int
) -> dict[str, Tensor]:
    """As `padded`, with the shape of `like`."""
    if like is None:
        return padded(rows, convention.pad_id, width, room)
    condition = checked(convention, like)
    count, columns = condition["prompt"].shape
    if width:
        raise bad("width of prompts", width, "none beside like, which has as many columns as the condition")
    made = padded(rows, convention.pad_id, columns, room)
    if made["prompt"].shape != (count, columns):
        got = f"{len(made['prompt'])} of up to {made['prompt'].shape[1]} tokens"
        expected = f"{count} of at most {columns}, the columns of the condition"
        remedy = f"Make the condition by prompts(..., width={made['prompt'].shape[1]}), or holes()."
        raise bad("prompts", got, expected, remedy)
    return made


def with_holes(
    convention: Convention, rows: Sequence[Sequence[int]], width: int, like: dict[str, Tensor] | None
) -> dict[str, Tensor]:
    """Texts with masks as a condition: as `padded`, and "hole" [B, P] bool where the tokens of the samples go."""
    mask_id = convention.mask_id
    assert mask_id is not None
    most = max(row.count(mask_id) for row in token_lists("prompts", rows))
    told = _beside(convention, rows, width, like, len(convention.null_tokens) + most)
    hole = told["real"] & (told["prompt"] == mask_id)
    empty = [row for row, each in enumerate(hole.any(1).tolist()) if not each]
    if empty:
        raise bad("texts", f"no mask in number {empty[0]}", f"the mask {mask_id} wherever a token is to be drawn")
    return told | {"hole": hole}


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
    bools, lead = {"prompt", "real"}, set() if convention.block is None else {"lead"}
    allowed = [bools | lead] if lead else [bools, bools | {"hole"}]
    if isinstance(condition, dict) and condition.keys() in allowed:
        kinds = {"prompt": torch.int64, "lead": torch.int64}
        dtypes = all(isinstance(x, Tensor) and x.dtype == kinds.get(n, torch.bool) for n, x in condition.items())
        if dtypes and condition["prompt"].ndim == 2:
            shapes = {condition[name].shape for name in condition.keys() - {"lead"}}
            if len(shapes) == 1:
                return condition
    expected = '{"prompt": tokens [B, P] int64, "real": [B, P] bool' + (', "lead": [B] int64}' if lead else "}")
    raise not_made(condition, expected, "" if lead else "; of texts with masks, holes()")


def not_made(condition: object, expected: str, others: str = "") -> InputError:
    """The error for a condition that no method prompts() made, nor any of the `others` that the remedy names."""
    got = f"a dict of {', '.join(map(str, condition))}" if isinstance(condition, dict) else type(condition).__name__
    remedy = f"The method prompts() of the denoiser makes it{others}."
    return bad("condition", got, expected, in_tensor(condition) or remedy)


def null_prompt(convention: Convention, condition: Any) -> dict[str, Tensor]:
    """The prompts that mean "no condition", of the same shape and with as many holes.

    Raises:
        ValueError: If the condition is no prompt, or has no room for the null tokens.
    """
    condition = checked(convention, condition)
    prompt, real, hole = condition["prompt"], condition["real"], condition.get("hole")
    if convention.null == "drop":
        return {**condition, "real": torch.zeros_like(real) if hole is None else hole}
    if convention.null == "mask":
        kept = torch.isin(prompt, torch.tensor(convention.kept, dtype=torch.int64, device=prompt.device))
        mask = convention.mask_id
        assert mask is not None
        return {**condition, "prompt": torch.where(real & ~kept, mask, prompt)}
    size = len(convention.null_tokens)
    holes = torch.zeros(len(prompt), 1, dtype=torch.int64, device=prompt.device) if hole is None else hole.sum(1, True)
    needed = size + int(holes.max())
    if prompt.shape[1] < needed:
        remedy = "The methods prompts() and holes() of the denoiser make room for them."
        raise bad("condition", f"prompts with room for {prompt.shape[1]} tokens", f"at least {needed}", remedy)
    place = torch.arange(prompt.shape[1], device=prompt.device)
    twin = torch.full_like(prompt, convention.pad_id)
    twin[:, :size] = torch.tensor(convention.null_tokens, device=prompt.device)
    there = place < size + holes
    rest = {} if hole is None else {"hole": there & (place >= size)}
    return {**condition, "prompt": twin, "real": there.expand_as(real), **rest}


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows for one call of a model. Padding is behind everything, so that positions count from 0 in every row.

    Attributes:
        which: [b], which rows of the batch they are; a slice for all of them.
        ids: [b, S] int64, the tokens.
        real: [b, S] bool, False for padding; None where there is none.
        places: Where the tokens of each sample are: a slice, if that is the same for all; else [b, L], with any place
            for those that a sample has too few holes for.
        first_block: [b], where the block begins in which the sequence of each row does; None for a model without
            blocks.
    """

    which: Tensor | slice
    ids: Tensor
    real: Tensor | None
    places: Tensor | slice
    first_block: Tensor | None = None


def laid_out(convention: Convention, tokens: Tensor, condition: Any) -> Iterator[Rows]:
    """`tokens` [B, L], in the numbers of the model, behind their prompts or in their holes: one call, or several.

    Args:
        convention: Says whether the model is told of padding. If not, each length is a call of its own.
        tokens: The sequences.
        condition: Prompts, as `padded` or `with_holes` makes them.
    """
    condition = checked(convention, condition)
    prompt, real, hole = condition["prompt"], condition["real"], condition.get("hole")
    first_block = None
    if convention.block is not None:
        first_block = real.sum(1) + len(convention.before) - condition["lead"].to(real.device)
    if len(prompt) != len(tokens):
        raise bad("condition", f"{len(prompt)} prompts", f"one for each of the {len(tokens)} sequences")
    if hole is None:
        text = torch.cat((prompt, tokens), 1)
        hole = torch.arange(text.shape[1], device=text.device).expand_as(text) >= prompt.shape[1]
        real = torch.cat((real, torch.ones_like(tokens, dtype=torch.bool)), 1)
    else:
        number = hole.cumsum(1) - 1
        if int(number.max()) >= tokens.shape[1]:
            raise bad(
                "condition", f"{int(number.max()) + 1} holes", f"at most the length of samples, {tokens.shape[1]}"
            )
        text = torch.where(hole, tokens.gather(1, number.clamp_min(0)), prompt)
    lengths = real.sum(1)
    distinct = lengths.unique().tolist()
    if len(distinct) == 1 or convention.attention != "none":
        yield replace(_rows(convention, text, real, hole, slice(None), tokens.shape[1]), first_block=first_block)
        return
    for length in distinct:
        which = (lengths == length).nonzero().squeeze(1)
        yield _rows(convention, text[which], real[which], hole[which], which, tokens.shape[1])


def everywhere(ids: tuple[int, ...], prompt: Tensor) -> Tensor:
    """Tokens that are the same in every row of `prompt` [B, P]."""
    return torch.tensor(ids, dtype=torch.int64, device=prompt.device).expand(len(prompt), len(ids))


def _rows(convention: Convention, text: Tensor, real: Tensor, hole: Tensor, which: Tensor | slice, length: int) -> Rows:
    """[before, text, after, padding] for each row, with `length` places for its holes."""
    before, after = everywhere(convention.before, text), everywhere(convention.after, text)
    around = len(convention.before), len(convention.after)
    ids = torch.cat((before, text, after), 1)
    there, hole = pad(real, around, value=True), pad(hole, around, value=False)
    if not bool(real.all()):
        width = int(there.sum(1).max())
        order = _first(there, width)  # what is real, in its order, then padding
        ids, there, hole = (each.gather(1, order) for each in (ids, there, hole))
        ids = torch.where(there, ids, convention.pad_id)
    return Rows(which, ids, None if bool(there.all()) else there, _places(hole, length))


def _places(hole: Tensor, length: int) -> Tensor | slice:
    """As `Rows.places`."""
    start = int(hole[0].to(torch.int8).argmax())
    alike = slice(start, start + length)
    if int(hole[:, alike].sum()) == len(hole) * length == int(hole.sum()):
        return alike
    return _first(hole, length)


def _first(marked: Tensor, count: int) -> Tensor:
    """The places [b, `count`] of what is marked [b, S], in its order, and then of others."""
    order = (~marked).to(torch.int8).argsort(dim=1, stable=True)
    return order[:, torch.arange(count, device=order.device).clamp_max(marked.shape[1] - 1)]
