"""Data sets from their string form, for command line and files: `digits`, `mnist:side=14`, `images:folder,size=32`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from ..errors import bad, choose
from .base import Dataset

__all__ = ["Loader", "options_of", "parse_data"]

Loader = Callable[..., Dataset]
_OPTION = re.compile(r",(?=\s*\w+\s*=)")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # of nobody's home
        return Path(text)


_READ: dict[Any, Callable[[str], Any]] = {bool: lambda text: _TRUTH[text.lower()], Path: _path}


def parse_data(text: str, loaders: Mapping[str, Loader]) -> tuple[Loader, dict[str, Any]]:
    """The loader and the arguments that ``name:source,option=value`` asks for.

    What stands before the first option is the first parameter of the loader if that has no default (a path), and is not
    allowed otherwise. Values become what the annotation of their parameter says: int, float, str, bool or Path, where
    `~` stands for the home directory.

    Args:
        text: Such as ``digits``, ``mnist:side=14`` or ``csv:molecules.csv,text=SMILES,label=class``.
        loaders: Functions that give a data set, by name.

    Raises:
        ValueError: If a name is unknown, listing those there are; or a value is missing or of another kind.
    """
    name, _, rest = text.partition(":")
    loader = loaders[choose("data set", name.strip(), loaders)]
    known = options_of(loader)
    required = [option for option, parameter in known.items() if parameter.default is inspect.Parameter.empty]
    form = name + (f":{required[0].upper()}" if required else "")
    words = [word.strip() for word in _OPTION.split(rest)] if rest.strip() else []  # a path may hold commas
    arguments: dict[str, Any] = {}
    if required and words and not any(words[0].startswith(f"{option}=") for option in known):
        arguments[required[0]] = words.pop(0)
    for word in words:
        option, equals, value = word.partition("=")
        if not equals:
            raise bad(f"option of {name}", repr(word), "option=value with one of " + ", ".join(known))
        arguments[choose(f"option of {name}", option.strip(), known)] = value.strip()
    missing = [option for option in required if not arguments.get(option)]
    if missing:
        raise bad(f"data set {text!r}", f"no {missing[0]}", f"{form}, and then options such as ,option=value")
    kinds = get_type_hints(loader)
    return loader, {option: _value(f"{option} of {name}", value, kinds[option]) for option, value in arguments.items()}


def options_of(loader: Loader) -> dict[str, inspect.Parameter]:
    """What the loader takes, by name."""
    return dict(inspect.signature(loader).parameters)


def _value(what: str, text: str, kind: Any) -> Any:
    kinds = [k for k in get_args(kind) if k is not type(None)] if isinstance(kind, UnionType) else [kind]
    for wanted in kinds:
        try:
            return _READ.get(wanted, wanted)(text)
        except (ValueError, KeyError):
            continue
    raise bad(what, repr(text), " or ".join("true or false" if k is bool else k.__name__ for k in kinds))
