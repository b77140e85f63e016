"""Tasks: pieces of work that anyone can do, with the same result."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod

from ..errors import InputError
from .store import JSON, Saved

__all__ = ["Task", "TaskFailed", "digest_of", "key_of", "plain"]

_DIGITS = 16


class Task(ABC):
    """A piece of work whose result depends on its fields only.

    A task is a frozen dataclass that can be pickled, so that another process can do it.

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> @dataclass(frozen=True)
    ... class Square(Task):
    ...     number: int
    ...     @property
    ...     def key(self):
    ...         return key_of("square", str(self.number), self.number)
    ...     def run(self):
    ...         return Saved({"square": np.array([self.number**2])})
    >>> Square(3).run().arrays["square"]
    array([9])
    """

    @property
    @abstractmethod
    def key(self) -> str:
        """The path of the result in a `Store`, with a digest of all that the result depends on; see `key_of`."""

    @abstractmethod
    def run(self) -> Saved:
        """Does the work. It gives the same arrays and words each time; `about` may have other `seconds`."""


class TaskFailed(RuntimeError):
    """A task could not be done; the message names it, and `__cause__` is the error."""

    @classmethod
    def of(cls, task: Task, error: Exception) -> Exception:
        """The error that names the task: an `InputError` if the input of the task is wrong, else a `TaskFailed`."""
        if isinstance(error, cls):
            return error
        named: Exception = cls(f"task {task.key}: {type(error).__name__}: {error}")
        if isinstance(error, InputError):
            named = InputError(f"task {task.key}: {error}")
        named.__cause__ = error
        return named


def digest_of(value: JSON) -> str:
    """SHA-256 of a value of JSON, in hexadecimal; the order of the keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(kind: str, name: str, depends: JSON) -> str:
    """A key: the kind of the task, a name for people, and a digest of all that its result depends on.

    >>> key_of("draw", "ramp-up:2.0 / seed 0", {"weight": 2.0})
    'draw/ramp-up-2.0-seed-0-ee21e450b3ac8ad4'
    """
    return f"{kind}/{plain(name)}-{digest_of(depends)[:_DIGITS]}"


def plain(name: str) -> str:
    """A name for people as one word of a path."""
    return re.sub(r"[^\w.+=]+", "-", name, flags=re.ASCII).strip("-.")[:80] or "-"
