"""Errors that say what came, what was expected and the remedy."""

from __future__ import annotations

import difflib
import errno
import importlib
import unicodedata
from collections.abc import Callable, Iterable
from numbers import Real
from types import ModuleType
from typing import TypeVar

import numpy as np

__all__ = [
    "DiskFull",
    "InputError",
    "MissingExtra",
    "Mistakes",
    "bad",
    "choose",
    "in_tensor",
    "number",
    "positive",
    "require",
    "switch",
    "with_data",
]

T = TypeVar("T")


class InputError(ValueError):
    """Bad input to dguide. A `ValueError` of any other class is a bug, in dguide or in the code that it calls."""


class DiskFull(InputError, OSError):
    """No space is left for a file. It is an `OSError` too, for those who can do without the file."""

    errno = errno.ENOSPC


class MissingExtra(ImportError):
    """An optional dependency is not installed; the message names the command that installs it."""


class Mistakes:
    """Collects the mistakes of an input, so that all of them are reported at once.

    >>> mistakes = Mistakes()
    >>> mistakes.of(lambda: positive("count", 0))
    >>> mistakes.of(lambda: positive("steps", 8))
    8
    >>> mistakes.settle()
    Traceback (most recent call last):
    dguide.errors.InputError: count: got 0, expected an int of at least 1
    """

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def of(self, check: Callable[[], T]) -> T | None:
        """What `check` returns, or None if it raises an `InputError`, which is kept."""
        try:
            return check()
        except InputError as error:
            self.add(error)
            return None

    def add(self, error: InputError) -> None:
        """Keeps a mistake; an equal one is told once."""
        self._found[str(error)] = None

    @property
    def none(self) -> bool:
        """Whether there are none so far."""
        return not self._found

    def settle(self) -> None:
        """Raises one `InputError` with a line for each mistake, if there are any."""
        if self._found:
            raise InputError("\n       ".join(self._found))


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or raise `MissingExtra` naming the extra of dguide that brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(f"{module} is not installed: pip install 'dguide[{extra}]'") from error


def bad(what: str, got: object, expected: str, remedy: str = "") -> InputError:
    """The `InputError` of the whole package: what is wrong, what came, what was expected, what to do."""
    text = f"{what}: got {got}, expected {expected}"
    return InputError(f"{text}. {remedy}" if remedy else text)


def number(what: str, value: object) -> float:
    """`value` as a float, if it is a real number of any kind; else raise an `InputError`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise bad(what, repr(value), "a number")
    try:
        return float(value)
    except OverflowError:
        raise bad(what, "an int beyond float64", "a number") from None


def positive(what: str, value: object) -> int:
    """`value`, if it is an int of at least 1; else raise an `InputError`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise bad(what, repr(value), "an int of at least 1")
    return value


def switch(what: str, value: object) -> bool:
    """`value`, if it is true or false; else raise an `InputError`."""
    if not isinstance(value, bool | np.bool_):
        raise bad(what, repr(value), "True or False")
    return bool(value)


def with_data(what: str, value: T) -> T:
    """`value`, unless it is a tensor without data, or one that keeps only some of its numbers; then raise an error."""
    if getattr(value, "is_meta", False):
        raise bad(what, "a tensor on the device meta", "one with data", "Make it on the CPU or on an accelerator.")
    layout = str(getattr(value, "layout", "torch.strided"))  # this module does not import torch
    if layout != "torch.strided":
        raise bad(what, f"a tensor of layout {layout}", "a dense one", "Its method to_dense() makes one.")
    return value


def in_tensor(value: object) -> str:
    """The remedy for numbers that came as they are, in a list or in an array of NumPy; nothing for other values."""
    numbers = isinstance(value, int | float | list | tuple | set | range | np.ndarray) and not isinstance(value, bool)
    return "Numbers go into a tensor: torch.tensor([...])." if numbers else ""


def choose(what: str, name: str, names: Iterable[str]) -> str:
    """Return the one of `names` that is `name`, else raise an `InputError` that lists them and the nearest.

    A name in another Unicode form is the same: files and keyboards differ in how they write an accent.
    """
    known = sorted(names)
    expected = "one of " + ", ".join(known) if known else "none, since there are none"
    if not isinstance(name, str):
        raise bad(what, repr(name), f"a name, {expected}")
    if name in known:
        return name
    for each in known:
        if unicodedata.normalize("NFC", each) == unicodedata.normalize("NFC", name):
            return each
    near = difflib.get_close_matches(name, known, n=1)
    got = repr(name if len(name) <= 200 else f"{name[:200]}...")
    raise bad(f"unknown {what}", got, expected, f"Did you mean {near[0]!r}?" if near else "")
