"""One try at a task, wherever it is: pickled task in, pickled outcome out, computed with one thread."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import torch

from ..errors import bad, require
from ..spec.imports import ALLOWED, trust
from .store import Saved
from .task import Task

__all__ = ["Imports", "Outcome", "attempt", "one_thread", "outcome_of", "packed"]

Outcome: TypeAlias = Saved | Exception


class _Elsewhere(RuntimeError):
    """Where in another process an error arose."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Computes with one thread: the last bits of a sum, and with them some samples, can depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Imports:
    """What another process needs to know before it can read a task.

    Attributes:
        path: Where Python looks for modules here.
        names: Import paths that files may name here.
    """

    path: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def here(cls) -> Imports:
        """Those of this process; the working directory comes last."""
        return cls((*sys.path, os.getcwd()), tuple(ALLOWED))

    def apply(self) -> None:
        """Adds them to those of this process."""
        sys.path += [each for each in self.path if each not in sys.path]
        for name in self.names:
            if name not in ALLOWED:
                trust(name)


def packed(task: Task) -> bytes:
    """The task as bytes, with classes of a script or a notebook. Raises `ValueError` if it cannot leave its process."""
    library = require("cloudpickle", "train")
    try:
        return bytes(library.dumps(task))
    except Exception as error:  # whatever the objects in the task raise
        remedy = "Let it hold no open files or locks, or work in this process only."
        raise bad("what it holds", f"an object that cannot be pickled: {error}", "one that can", remedy) from error


def attempt(content: bytes, imports: Imports) -> bytes:
    """Does a task from `packed`; the outcome for `outcome_of`."""
    try:
        imports.apply()
        task = pickle.loads(content)
        with one_thread():
            return pickle.dumps(task.run())
    except Exception as error:
        trace = traceback.format_exc()
        try:
            told = pickle.dumps((error, trace))
            pickle.loads(told)
        except Exception:  # an error of a class that cannot be pickled
            told = pickle.dumps((RuntimeError(f"{type(error).__name__}: {error}"), trace))
        return told


def outcome_of(content: bytes) -> Outcome:
    """What `attempt` gave: a result, or an error that has the place where it arose as its cause."""
    outcome = pickle.loads(content)
    if isinstance(outcome, Saved):
        return outcome
    error, trace = outcome
    error.__cause__ = _Elsewhere(f"\n{trace}")
    assert isinstance(error, Exception)
    return error
