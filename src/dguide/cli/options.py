"""Options of a command that are declared elsewhere: once, for whoever takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["options"]

Command = TypeVar("Command", bound=Callable[..., object])


def options(declared: Iterable[inspect.Parameter]) -> Callable[[Command], Command]:
    """Puts options in the place of the ``**rest`` of a command.

    Typer has no other way to read options than the signature of a function.

    Args:
        declared: The options, each with a `typer.Option` as its default and an annotation that is a type, no text.
    """

    def put(command: Command) -> Command:
        own = [each for each in inspect.signature(command).parameters.values() if each.kind is not each.VAR_KEYWORD]
        everything = [each.replace(kind=each.KEYWORD_ONLY) for each in (*own, *declared)]
        command.__signature__ = inspect.Signature(everything)  # type: ignore[attr-defined]
        return command

    return put
