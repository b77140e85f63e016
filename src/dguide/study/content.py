"""Digests of what is in an object, with its tensors, the same in every process."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from torch import Tensor

from ..errors import bad
from ..stored import content_digest

__all__ = ["digest_of_object"]


def digest_of_object(what: str, value: object) -> str:
    """SHA-256 of an object and all that it holds, in hexadecimal.

    Classes count by their names, not by their code. So do functions of modules. A function of a script, a notebook or
    another function counts by its code too, by its defaults, and by all objects outside of it that it uses.

    Args:
        what: What an error calls it.
        value: An object that can be pickled.

    Raises:
        ValueError: If it cannot be pickled.
    """
    found = _Sum()
    try:
        _Hasher(found, pickle.HIGHEST_PROTOCOL).dump(value)
    except Exception as error:  # whatever the objects in it raise
        remedy = "Or give it a name of your own, which stands for all that it holds."
        raise bad(what, f"an object that cannot be pickled: {error}", "one that can", remedy) from error
    return found.hexdigest()


class _Sum:
    """A file that keeps the SHA-256 of what is written to it."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def write(self, content: Any) -> int:
        self._sum.update(content)
        return len(content)

    def hexdigest(self) -> str:
        return self._sum.hexdigest()


class _Hasher(pickle.Pickler):
    """A pickler of which nothing is read back: tensors are their digests, classes their names."""

    def persistent_id(self, value: Any) -> list[str] | None:
        """A set has another order in each process."""
        return sorted(digest_of_object("set", each) for each in value) if type(value) in (set, frozenset) else None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return str, (content_digest("", {"": value.detach().cpu().contiguous()}),)
        if isinstance(value, CodeType):
            return str, ("",), (value.co_code, value.co_consts, value.co_names)
        if isinstance(value, ModuleType):
            return str, (value.__name__,)
        if isinstance(value, FunctionType):
            return str, (f"{value.__module__}:{value.__qualname__}",), _held(value)
        if isinstance(value, type) and value.__module__ not in ("builtins", "copyreg"):
            return str, (f"{value.__module__}:{value.__qualname__}",)
        return NotImplemented


def _held(function: FunctionType) -> list[object]:
    """What a function holds beside its name; it is told last, since the function may be among it."""
    cells = [each.cell_contents for each in function.__closure__ or ()]
    held: list[object] = [function.__defaults__, function.__kwdefaults__, cells]
    if function.__module__ != "__main__" and "<" not in function.__qualname__:
        return held
    outside = function.__globals__
    return [*held, function.__code__, {name: outside[name] for name in _names(function.__code__) if name in outside}]


def _names(code: CodeType) -> Iterator[str]:
    """The names that code looks up outside of itself, and those of attributes."""
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)
