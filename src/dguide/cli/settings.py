"""Options from the settings of a training run: one for each, which the settings define and check."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import typer
from pydantic import ValidationError

from ..train.config import Settings, mistakes_of, option

__all__ = ["checked", "declared"]

S = TypeVar("S", bound=Settings)


def declared(settings: type[Settings], usual: Mapping[str, str] | None = None) -> Iterator[inspect.Parameter]:
    """The options, all as text. The settings convert and check them, and have the defaults.

    Args:
        settings: The class of the settings.
        usual: Words for the defaults of some settings, by name.
    """
    metavars = {"int": "NUMBER", "float": "NUMBER", "Path": "DIRECTORY"}
    for name in settings.names():
        setting = settings.model_fields[name]
        kind = str(getattr(setting.annotation, "__name__", setting.annotation))
        metavar = next((shown for word, shown in metavars.items() if word in kind), "NAME")
        text = str(setting.description)
        default = (usual or {}).get(name, setting.default)
        shown = "" if setting.is_required() or default is None else f" [default: {default}]"
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=typer.Option(
                ... if setting.is_required() else None,
                option(name),
                metavar=metavar,
                help=f"{text[:1].upper()}{text[1:]}.{shown}",
            ),
            annotation=str | None,
        )


def checked(settings: type[S], given: Mapping[str, Any]) -> S:
    """The settings that were typed. Raises `InputError` with a line for each mistake."""
    try:
        return settings(**given)
    except ValidationError as error:
        raise mistakes_of(error, option) from error
