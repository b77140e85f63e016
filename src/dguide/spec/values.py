"""Values as text and as JSON, by the annotation of their parameter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin

from ..errors import bad

__all__ = ["FAMILIES", "as_json", "as_text", "convert", "family_of", "from_json", "from_text", "text_of"]


class Family(Protocol):
    """A registry, as values know it."""

    what: str
    base: type

    def call(self, text: str, *, typed: bool = False) -> Any: ...

    def text(self, value: Any) -> str: ...

    def write(self, value: Any) -> str: ...

    def as_call(self, value: Any) -> Any: ...


FAMILIES: list[Family] = []
"""All registries. Their classes are recognised in annotations."""


class _Unfit(Exception):
    """A value is of another kind."""


def convert(what: str, value: Any, kind: Any, read: Callable[..., Any], *arguments: Any) -> Any:
    """`read(value, kind)` with `from_text`, `from_json` or `as_text`. Raises `ValueError` for another kind of value."""
    try:
        return read(value, kind, *arguments)
    except _Unfit:
        single = isinstance(value, str) and value.count("(") != value.count(")")
        remedy = "A parenthesis in it has no other half." if single else ""
        raise bad(what, repr(value)[:300], _in_words(kind), remedy) from None


def from_text(text: str, kind: Any, typed: bool, outer: bool = True) -> Any:
    """Text as a value of a kind; a `Call` if it is a kind of a registry."""
    if get_origin(kind) in (Union, UnionType):
        return _first(lambda each: from_text(text, each, typed), _readable(kind))
    if get_origin(kind) in _SEQUENCES:
        parts = text.split(_separator(kind) if outer else "=")
        read = [from_text(part.strip(), each, typed, False) for part, each in _matched(parts, kind)]
        return read if get_origin(kind) is list else tuple(read)
    family = family_of(kind)
    if family is not None:
        if text[:1] == "(" and text[-1:] != ")":
            raise _Unfit
        call = family.call(text[1:-1] if text[:1] + text[-1:] == "()" else text, typed=typed)
        if isinstance(call.target, type) and not issubclass(call.target, kind):
            raise _Unfit
        return call
    return _choice(text, kind) if _choices(kind) else _plain(text, kind)


def from_json(value: Any, kind: Any) -> Any:
    """A value of JSON, if it is of that kind."""
    if get_origin(kind) in (Union, UnionType):
        return _first(lambda each: from_json(value, each), get_args(kind))
    if get_origin(kind) in _SEQUENCES and isinstance(value, list):
        read = [from_json(part, each) for part, each in _matched(value, kind)]
        return read if get_origin(kind) is list else tuple(read)
    family = family_of(kind)
    if family is not None and isinstance(value, str):
        return from_text(value, kind, False)
    if _choices(kind) and isinstance(value, str):
        return _choice(value, kind)
    accepted: Any = {float: (float, int), Path: str}.get(kind, kind if kind in _READ else ())
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise _Unfit
    try:
        return value if kind is NoneType else kind(value)
    except OverflowError:
        raise _Unfit from None


def as_text(value: Any, kind: Any, outer: bool = True) -> str:
    """A value of a kind as text that `from_text` reads."""
    if get_origin(kind) in (Union, UnionType):
        return _first(lambda each: as_text(value, each), _readable(kind))  # type: ignore[no-any-return]
    if get_origin(kind) in _SEQUENCES and isinstance(value, tuple | list):
        parts = [as_text(part, each, False) for part, each in _matched(list(value), kind)]
        return (_separator(kind) if outer else "=").join(parts)
    family = family_of(type(value))
    if family is not None and family is family_of(kind):
        return f"({family.write(value)})"
    if _choices(kind):
        return next((text for text, each in _choices(kind).items() if each == value), "") or _unfit()
    if not isinstance(value, (int, float) if kind is float else kind if kind in _READ else ()):
        raise _Unfit
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def as_json(value: Any) -> Any:
    """A value as JSON has it."""
    family = family_of(type(value))
    if family is not None:
        return family.write(value)
    if isinstance(value, Enum | Path):
        return value.name if isinstance(value, Enum) else str(value)
    return [as_json(each) for each in value] if isinstance(value, tuple | list) else value


def family_of(kind: Any) -> Family | None:
    """The registry of a class."""
    return next((r for r in FAMILIES if isinstance(kind, type) and issubclass(kind, r.base)), None)


def text_of(value: object) -> str:
    """The text form of an object, by the registry of its class."""
    family = family_of(type(value))
    return repr(value) if family is None else family.text(value)


def _first(convert: Callable[[Any], Any], kinds: Sequence[Any]) -> Any:
    """What comes of the first of the kinds that fits."""
    for each in kinds:
        try:
            return convert(each)
        except _Unfit:
            continue
    raise _Unfit


def _readable(union: Any) -> list[Any]:
    """The kinds of a union in the order in which text is tried; `none` is a word if text is one of them."""
    kinds = get_args(union)
    words = str in kinds or Path in kinds
    order = sorted(kinds, key=lambda each: (each in (str, Path), family_of(each) is not None))
    return [each for each in order if not (words and each is NoneType)]


def _matched(parts: list[Any], kind: Any) -> list[tuple[Any, Any]]:
    """The parts of a sequence with the kind of each."""
    kinds = [each for each in get_args(kind) if each is not Ellipsis]
    if get_origin(kind) is not tuple or Ellipsis in get_args(kind):
        kinds *= len(parts)
    if len(parts) != len(kinds):
        raise _Unfit
    return list(zip(parts, kinds, strict=True))


def _separator(kind: Any) -> str:
    return "x" if {*get_args(kind)} == {int} else ";"


def _choices(kind: Any) -> dict[str, Any]:
    """The values of a kind that has few, by the text of each."""
    if get_origin(kind) is Literal:
        return {str(each): each for each in get_args(kind)}
    return dict(kind.__members__) if isinstance(kind, type) and issubclass(kind, Enum) else {}


def _choice(text: str, kind: Any) -> Any:
    if text not in _choices(kind):
        raise _Unfit
    return _choices(kind)[text]


def _plain(text: str, kind: Any) -> Any:
    try:
        return _READ[kind](text)
    except (ValueError, KeyError, TypeError):
        raise _Unfit from None


def _unfit() -> str:
    raise _Unfit


def _in_words(kind: Any) -> str:
    """A kind in words."""
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_in_words(each) for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) in _SEQUENCES:
        return "numbers such as 8x8" if _separator(kind) == "x" else "values such as 1;0.5;0 or 0=3;1=0"
    if _choices(kind):
        return "one of " + ", ".join(_choices(kind))
    if kind is inspect.Parameter.empty:
        return "a value in Python, since its parameter has no annotation"
    family = family_of(kind)
    named = f" that is a {kind.__name__}" if family and kind is not family.base else ""
    return f"a {family.what}{named}" if family else _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def _home(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # the home directory of nobody
        return Path(text)


_SEQUENCES = (tuple, list, Sequence)
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_READ: dict[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    bool: lambda text: _TRUTH[text.lower()],
    NoneType: lambda text: {"none": None}[text.lower()],
    Path: _home,
}
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}
