"""Data sets of labelled token sequences, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from dguide.data.augment import number_of, random_offsets, shift
from dguide.data.base import Dataset, Split
from dguide.data.digits import digits

__all__ = ["Dataset", "Split", "load", "names", "number_of", "random_offsets", "shift"]

LOADERS: dict[str, Callable[[], Dataset]] = {"digits": digits}


def names() -> tuple[str, ...]:
    """Names that `load` knows."""
    return tuple(sorted(LOADERS))


@cache
def load(name: str) -> Dataset:
    """The data set of that name.

    Args:
        name: One of `names()`.

    Raises:
        ValueError: If there is no data set of that name; the message lists those there are.
        dguide.errors.MissingExtra: If the package that carries the data is not installed.
    """
    if name not in LOADERS:
        raise ValueError(f"got data set {name!r}; expected one of: {', '.join(names())}; check the spelling")
    return LOADERS[name]()
