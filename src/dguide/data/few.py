"""A data set with few examples of one class to learn from, as if more of them were not there yet."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..errors import InputError, Mistakes, bad, choose
from .base import Dataset

__all__ = ["class_of", "few"]

_MORE = "Add different examples of it: `dguide data` shows how many each part has."


def few(data: Dataset, rare: str, real: int, seed: int = 0) -> Dataset:
    """The data set with `real` examples of the class `rare` in the training part; all else is as it was.

    The examples are drawn at random by the seed, and nested: those for a smaller number are among those for a larger.

    Args:
        data: The data set. Its name stands in parentheses, as in ``few:(wafer:count=900),rare=Donut,real=20``.
        rare: The class, by name or number.
        real: Number of its examples that stay in the training part.
        seed: Seed of their choice.

    Raises:
        ValueError: If there is no such class, it has fewer examples to learn from, or none in the validation or the
            test part.

    >>> from dguide.data import load
    >>> small = load("few:digits,rare=8,real=20")
    >>> int((small.train.labels == 8).sum()), len(small.test) == len(load("digits").test)
    (20, True)
    """
    label = class_of(data, rare)
    rows = (data.train.labels == label).nonzero().squeeze(-1)
    mistakes = Mistakes()
    for part, split in (("validation", data.validation), ("test", data.test)):
        if not (split.labels == label).any():
            mistakes.add(
                bad(f"{part} part of {data.name}", f"no example of {rare}", "at least one, to judge by", _MORE)
            )
    if isinstance(real, bool) or not 1 <= real <= len(rows):
        expected = f"a number from 1 to {len(rows)}, which the training part has"
        mistakes.add(bad(f"real examples of {rare}", real, expected))
    mistakes.settle()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    kept = data.train.labels != label
    kept[rows[order[:real]]] = True
    name = f"few:({data.name}),rare={_written(data, label)},real={real},seed={seed}"
    return replace(data, name=name, train=data.train.take(kept.nonzero().squeeze(-1)))


def _written(data: Dataset, label: int) -> str:
    """A class as it stands in the name of a data set: its name, or its number if that would be read otherwise."""
    name = data.class_names[label]
    texts = (str(label),) if set(name) & set(",()=") else (name, str(label))
    found = next((each for each in texts if data.conditions[0].read(each).tolist() == [label]), None)
    if found is None:
        raise bad(f"class of {data.name}", repr(name), "a name without commas, parentheses and =", "Rename it.")
    return found


def class_of(data: Dataset, text: str) -> int:
    """The number of one class of the first condition, by its name or number.

    Raises:
        ValueError: If it is no class, or several.
    """
    names = data.class_names
    if data.n_classes:
        try:
            found = data.conditions[0].read(text)
        except InputError:  # what it says is for several classes
            found = torch.empty(0)
        if len(found) == 1:
            return int(found[0])
    return names.index(choose(f"class of {data.name}", text, names))
