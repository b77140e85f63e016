"""Digests of what is in an object, with its tensors, the same in every process."""

from __future__ import annotations

import hashlib
import pickle
from types import FunctionType
from typing import Any

from torch import Tensor

from ..errors import bad
from ..stored import content_digest

__all__ = ["digest_of_object"]


def digest_of_object(what: str, value: object) -> str:
    """SHA-256 of an object and all that it holds, in hexadecimal.

    Functions and classes count by their names, not by their code.

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
    """A pickler of which nothing is read back: tensors are their digests, functions and classes their names."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return str, (content_digest("", {"": value.detach().cpu().contiguous()}),)
        if isinstance(value, type | FunctionType) and value.__module__ not in ("builtins", "copyreg"):
            return str, (f"{value.__module__}:{value.__qualname__}",)
        return NotImplemented
