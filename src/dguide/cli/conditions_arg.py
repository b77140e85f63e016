"""Reads what the samples are told: `--labels`, `--condition`, `--reference` and `--initial`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..data import Attribute
from ..errors import Mistakes, bad, choose
from ..files import DAMAGED, read_npz
from .models import Model, model_of

__all__ = ["read_conditions", "read_initial", "read_reference"]


def read_conditions(
    conditions: Sequence[Attribute], labels: str | None, others: Sequence[str], option: str = "--condition"
) -> dict[str, Tensor]:
    """The values of each condition for the samples 0, 1, ... in turn; a condition without values gets "not given".

    Args:
        conditions: The conditions of the model.
        labels: Classes of the first condition, separated by commas, or `all`. None means all, if `others` is empty.
        others: Texts `name=value,...`, each for one condition.
        option: The option that `others` come from, for errors.

    Raises:
        ValueError: For all unknown names and values, and conditions that occur twice, at once.
    """
    known, mistakes = {condition.name: condition for condition in conditions}, Mistakes()
    wanted: dict[str, str] = {}
    if labels is not None or not others:
        wanted[conditions[0].name] = "all" if labels is None else labels
    for text in others:
        found = mistakes.of(partial(_named, text, known, option))
        if found is not None and found[0] in wanted:
            mistakes.add(bad(option, f"{found[0]} twice", "each condition once"))
        wanted |= dict([] if found is None else [found])
    read = {
        name: mistakes.of(partial(condition.read, wanted[name])) if name in wanted else condition.not_given
        for name, condition in known.items()
    }
    mistakes.settle()
    return {name: values for name, values in read.items() if values is not None}


def _named(text: str, known: Mapping[str, Attribute], option: str) -> tuple[str, str]:
    """The name and the values in `name=value,...`."""
    name, equals, values = text.partition("=")
    if not equals:
        raise bad(option, repr(text), "NAME=VALUE,... with one of " + ", ".join(known))
    return choose("condition", name.strip(), known), values


def read_reference(model: Model, texts: Sequence[str]) -> dict[str, Tensor] | Model | None:
    """What guidance tilts away from: values of conditions, as in `read_conditions`, or a weaker model.

    Args:
        model: The model to sample from.
        texts: Texts `name=value,...`, or one that `model_of` takes; nothing for the usual reference.

    Raises:
        ValueError: If a text is neither, or the other checkpoint has other tokens, conditions, or another process.
    """
    named = [text for text in texts if _names_model(text, model)]
    if not named:
        return read_conditions(model.conditions, None, texts, "--reference") if texts else None
    if len(texts) > 1:
        raise bad("--reference", " and ".join(texts), "one model, or NAME=VALUE,... of conditions")
    other = model_of(named[0], model.device)
    model.codec.check_same(other.codec, named[0])
    for what in ("process", "conditions"):
        got, expected = (getattr(each, what) for each in (other, model))
        if got != expected:
            remedy = "Train a smaller network, or fewer steps, on the same data."
            raise bad(f"{what} of {named[0]}", got, f"{expected}, as the model has", remedy)
    return other


def _names_model(text: str, model: Model) -> bool:
    """Whether it is no `name=value,...`: a name of a condition may have a colon, and the options of a model have =."""
    name, equals, _ = text.partition("=")
    known = name.strip() in {each.name for each in model.conditions}
    return not equals or Path(text).is_dir() or (":" in name and not known)


def read_initial(path: Path, length: int | None) -> tuple[Tensor, Tensor | None]:
    """The arrays `tokens` [N, L] and, if there is one, `fixed` [N, L] of an .npz file.

    Args:
        path: The file.
        length: L; None if no model says it.

    Raises:
        ValueError: If the file is missing or damaged, or its arrays have another form.
    """
    what, shape = f"--initial {path}", f"[N, {'L' if length is None else length}]"
    expected = f"an .npz file with tokens {shape} of integers, and fixed {shape}"
    try:
        arrays = read_npz(path)
    except DAMAGED as error:
        raise bad(what, str(error), expected) from error
    tokens, fixed = arrays.get("tokens"), arrays.get("fixed")
    if tokens is None:
        raise bad(what, f"arrays {', '.join(sorted(arrays))}", expected)
    fits = tokens.ndim == 2 and length in (None, tokens.shape[1]) and len(tokens) > 0
    if tokens.dtype.kind not in "iu" or not fits:
        raise bad(what, f"tokens of {tokens.dtype} {list(tokens.shape)}", expected)
    if fixed is not None and (fixed.dtype.kind != "b" or fixed.shape != tokens.shape):
        raise bad(what, f"fixed of {fixed.dtype} {list(fixed.shape)}", f"bool {list(tokens.shape)}, as tokens")
    return torch.as_tensor(tokens.astype("int64")), None if fixed is None else torch.as_tensor(fixed)
