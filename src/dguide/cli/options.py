"""Adds options to a command that are declared in another module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["options"]

Command = TypeVar("Command", bound=Callable[..., object])


def options(declared: Iterable[inspect.Parameter]) -> Callable[[Command], Command]:
    """Replaces the ``**rest`` of a command by options.

    Typer reads the options only from the signature of a function.

    Args:
        declared: The options. Each has a `typer.Option` as its default, and a type, not text, as its annotation.
    """

    def put(command: Command) -> Command:
        own = [each for each in inspect.signature(command).parameters.values() if each.kind is not each.VAR_KEYWORD]
        everything = [each.replace(kind=each.KEYWORD_ONLY) for each in (*own, *declared)]
        command.__signature__ = inspect.Signature(everything)  # type: ignore[attr-defined]
        return command

    return put
