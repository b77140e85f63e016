"""Registries: the classes or functions of one kind by name, and their calls as text and as JSON."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ..errors import InputError, bad, choose
from .calls import Call, arguments_of, attributes, parameters, written
from .imports import PATH, TRUSTED, trust
from .values import FAMILIES, as_json, convert, from_json

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(dict[str, Callable[..., T]], Generic[T]):
    """Classes or functions of one kind, by name.

    Args:
        what: What errors call one of them.
        base: The class of the objects that they make.
        targets: Classes or functions, by name. Capital letters do not matter when a name is read.
        key: The key of the name in JSON.
        named: Whether the options after the first are written with their names.

    >>> from dguide.noise import NOISES
    >>> NOISES.read("polynomial:3")
    Polynomial(power=3.0)
    >>> NOISES.write(NOISES.read("polynomial:power=3"))
    'polynomial:3.0'
    """

    def __init__(
        self,
        what: str,
        base: type,
        targets: Mapping[str, Callable[..., T]],
        *,
        key: str = "kind",
        named: bool = True,
    ) -> None:
        super().__init__(targets)
        self.what, self.base, self.key, self.named = what, base, key, named
        FAMILIES.append(self)

    def names(self) -> tuple[str, ...]:
        """The names, as they are typed."""
        return tuple(name.lower() for name in self)

    def usage(self) -> str:
        """The names with their options, for help texts."""
        known = {name.lower(): ", ".join(parameters(target)) for name, target in self.items()}
        return ", ".join(f"{name} ({options})" if options else name for name, options in known.items())

    def read(self, text: str, *, typed: bool = False) -> T:
        """The object that `text` describes.

        Args:
            text: `name:option=value,...`.
            typed: Whether a person typed it, so that an import path in it is followed.

        Raises:
            ValueError: For unknown names and options, which lists those there are, and for values of another kind.
        """
        return self.call(text, typed=typed)()

    def call(self, text: str, *, typed: bool = False) -> Call[T]:
        """The call that `text` describes, not yet made. Arguments and errors are those of `read`."""
        name, _, rest = text.partition(":")
        path = None if name.strip().lower() in self.names() else PATH.fullmatch(text)
        if path is not None:
            name, rest = path[1], path[2] or ""
        name, target = self._target(name.strip(), typed)
        what = f"{self.what} {name}"
        return Call(what, target, arguments_of(what, rest, parameters(target), typed), self.base)

    def text(self, value: T, without: Sequence[str] = ()) -> str:
        """The text form of an object, with all its options but those `without`."""
        kept = {option: each for option, each in attributes(value).items() if option not in without}
        return written(self.name_of(type(value)), type(value), kept, named=self.named)

    def write(self, value: T, without: Sequence[str] = ()) -> str:
        """`text`, if `read` turns it into an equal object.

        Raises:
            ValueError: If it does not, since a value has no text form or cannot be told from its neighbours.
        """
        text, kind = self.text(value, without), type(value)
        usual = {option: each.default for option, each in parameters(kind).items() if each.default is not each.empty}
        try:
            again = {option: each for option, each in (usual | self.call(text).made()).items() if option not in without}
            same = written(self.name_of(kind), kind, again, named=self.named) == text
        except InputError:
            same = False
        if not same:
            raise bad(f"{self.what} as text", repr(value), "values that can be read back from text", f"Text: {text}.")
        return text

    def describe(self, value: T) -> dict[str, Any]:
        """Name and arguments of an object as plain values for JSON.

        Raises:
            ValueError: If nothing by that name could be imported elsewhere.
        """
        name = self.name_of(type(value))
        if "<locals>" in name or name.startswith("__main__:"):
            expected = f"{', '.join(sorted(self))}, or a class of a module that can be imported"
            raise bad(f"{self.what} to save", repr(value), expected)
        return {self.key: name} | {option: as_json(each) for option, each in attributes(value).items()}

    def restore(self, description: Mapping[str, Any]) -> T:
        """The object that `describe` described. Nothing is imported.

        Raises:
            ValueError: If the name is unknown, or the arguments do not fit.
        """
        arguments = dict(description)
        name, target = self._target(str(arguments.pop(self.key, None)), False)
        known, what = parameters(target), f"{self.what} {name}"
        values = {choose(f"option of {what}", option, known): each for option, each in arguments.items()}
        for option, each in values.items():
            if each != known[option].default:
                values[option] = convert(f"{option} of {what}", each, known[option].annotation, from_json)
        return Call(what, target, values, self.base)()

    def as_call(self, value: T) -> Call[T]:
        """The call that makes an equal object, without the arguments that are the default."""
        kind, known = type(value), parameters(type(value))
        arguments = {option: each for option, each in attributes(value).items() if each != known[option].default}
        return Call(f"{self.what} {self.name_of(kind)}", kind, arguments, self.base)

    def name_of(self, target: Callable[..., T]) -> str:
        """The name of a class or function: its key, or else its import path."""
        for name, each in self.items():
            if each is target:
                return name.lower()
        path = f"{target.__module__}:{target.__qualname__}"
        TRUSTED[path] = target
        return path

    def _target(self, name: str, typed: bool) -> tuple[str, Callable[..., T]]:
        """What the name stands for, and the name as it is written."""
        by_name = {key.lower(): target for key, target in self.items()}
        if name.lower() in by_name:
            return name.lower(), by_name[name.lower()]
        if not PATH.fullmatch(name):
            choose(self.what, name, by_name)
        elif name not in TRUSTED and not typed:
            known = "one of " + ", ".join(sorted(by_name))
            remedy = f"Code that a file names is not imported. If it is yours: dguide --import {name} COMMAND."
            raise bad(f"unknown {self.what}", repr(name), known, remedy)
        elif name not in TRUSTED:
            trust(name, f"unknown {self.what}", "one of " + ", ".join(sorted(by_name)) + ", or an import path")
        target = TRUSTED[name]
        fits = issubclass(target, self.base) if isinstance(target, type) else callable(target)
        if not fits or inspect.isabstract(target):
            expected = (
                f"a class derived from {self.base.__name__} without abstract methods, or a function that makes one"
            )
            raise bad(f"{self.what} {name}", repr(target), expected)
        return name, target
