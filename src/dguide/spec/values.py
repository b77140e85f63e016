"""Values as text and as JSON, by the annotation of their parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Protocol, Union, get_args, get_origin

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
    """`value` as a value of a kind, by `from_text` or `from_json`. Raises `ValueError` if it is of another kind."""
    try:
        return read(value, kind, *arguments)
    except _Unfit:
        raise bad(what, repr(value)[:300], _in_words(kind)) from None


def from_text(text: str, kind: Any, typed: bool, outer: bool = True) -> Any:
    """Text as a value of a kind; a `Call` if it is a kind of a registry."""
    if get_origin(kind) in (Union, UnionType):
        for each in sorted(get_args(kind), key=lambda k: (k is str, family_of(k) is not None)):
            try:
                return from_text(text, each, typed)
            except _Unfit:
                continue
        raise _Unfit
    if get_origin(kind) in (tuple, list, Sequence):
        parts = text.split(("x" if {*get_args(kind)} == {int} else ";") if outer else "=")
        return tuple(from_text(part.strip(), each, typed, False) for part, each in _matched(parts, kind))
    family = family_of(kind)
    if family is not None:
        return family.call(text[1:-1] if text[:1] + text[-1:] == "()" else text, typed=typed)
    try:
        return _READ[kind](text)
    except (ValueError, KeyError):
        raise _Unfit from None


def from_json(value: Any, kind: Any) -> Any:
    """A value of JSON, if it is of that kind."""
    if get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            try:
                return from_json(value, each)
            except _Unfit:
                continue
        raise _Unfit
    if get_origin(kind) in (tuple, list, Sequence) and isinstance(value, list):
        return tuple(from_json(part, each) for part, each in _matched(value, kind))
    family = family_of(kind)
    if family is not None and isinstance(value, str):
        return family.call(value)
    accepted: Any = {float: (float, int), Path: str}.get(kind, kind if kind in (*_READ, NoneType) else ())
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise _Unfit
    return value if kind is NoneType else kind(value)


def _matched(parts: list[Any], kind: Any) -> list[tuple[Any, Any]]:
    """The parts of a sequence with the kind of each."""
    kinds = [each for each in get_args(kind) if each is not Ellipsis]
    if get_origin(kind) is not tuple or Ellipsis in get_args(kind):
        kinds *= len(parts)
    if len(parts) != len(kinds):
        raise _Unfit
    return list(zip(parts, kinds, strict=True))


def as_text(value: Any, outer: bool = True) -> str:
    """A value as text that `from_text` reads."""
    if isinstance(value, tuple | list):
        whole = outer and all(type(each) is int for each in value)
        return ("x" if whole else ";" if outer else "=").join(as_text(each, False) for each in value)
    family = family_of(type(value))
    if family is not None:
        return f"({family.write(value)})"
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_json(value: Any) -> Any:
    """A value as JSON has it."""
    family = family_of(type(value))
    if family is not None:
        return family.write(value)
    return [as_json(each) for each in value] if isinstance(value, tuple | list) else value


def family_of(kind: Any) -> Family | None:
    """The registry of a class."""
    return next((r for r in FAMILIES if isinstance(kind, type) and issubclass(kind, r.base)), None)


def text_of(value: object) -> str:
    """The text form of an object, by the registry of its class."""
    family = family_of(type(value))
    return repr(value) if family is None else family.text(value)


def _in_words(kind: Any) -> str:
    """A kind in words."""
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_in_words(each) for each in get_args(kind) if each is not NoneType)
    if get_origin(kind) in (tuple, list, Sequence):
        return "numbers such as 8x8" if {*get_args(kind)} == {int} else "values such as 1;0.5;0 or 0=3;1=0"
    family = family_of(kind)
    return f"a {family.what}" if family else _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def _home(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # the home directory of nobody
        return Path(text)


_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_READ: dict[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    bool: lambda text: _TRUTH[text.lower()],
    Path: _home,
}
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}
