"""Registries: the classes or functions of one kind by name, and their calls as text and as JSON."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ..errors import InputError, bad, choose
from .calls import Call, arguments_of, attributes, made_by, parameters, written
from .imports import ALLOWED, PATH, leads_to, load
from .values import FAMILIES, as_json, convert, from_json, text_of

__all__ = ["Registry"]

T = TypeVar("T")
_DEEPEST = 16
"""Parentheses within each other, or after each other, in one text."""


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
        self.typed: dict[str, Callable[..., T]] = {}
        """What a person named here by its import path in this process, or what was written under it."""
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
        if not isinstance(text, str):
            raise bad(self.what, repr(text)[:200], f"text, as in {next(iter(self.names()), 'name')!r}")
        if text.count("(") > _DEEPEST:
            raise bad(self.what, f"{text.count('(')} parentheses in {text[:60]!r}", f"at most {_DEEPEST}")
        name, rest = self._divided(text)
        name, target = self._target(name, typed)
        what = f"{self.what} {name}"
        return Call(what, target, arguments_of(what, rest, parameters(target), typed), self.base)

    def allow(self, text: str) -> None:
        """Import what `text` names by an import path, since a person typed it, if it does; mistakes are left to `read`.

        Raises:
            ValueError: If the path leads nowhere, or to something else.
        """
        name, _ = self._divided(text)
        if ":" in name:
            self._target(name, True)

    def _divided(self, text: str) -> tuple[str, str]:
        """The name in a text, and what follows it."""
        name, _, rest = text.partition(":")
        path = None if name.strip().lower() in self.names() else PATH.fullmatch(text)
        return (name.strip(), rest) if path is None else (path[1], path[2] or "")

    def text(self, value: T, without: Sequence[str] = (), full: bool = True) -> str:
        """The text form of an object, with its options but those `without`, and if `full` those that are the default.

        Raises:
            ValueError: If one of them has no text form.
        """
        kept = {option: each for option, each in attributes(value).items() if option not in without}
        return written(self.name_of(type(value)), type(value), kept, named=self.named, full=full)

    def write(self, value: T, without: Sequence[str] = ()) -> str:
        """`text` that `read` turns into an equal object: with all options, or at least with all that matter.

        Raises:
            ValueError: If there is no such text.
        """
        given = {option: each for option, each in attributes(value).items() if option in without}
        for full in (True, False):
            try:
                text = self.text(value, without, full)
                if self._same(self.call(text).having(**given)(), value, without):
                    return text
            except InputError:
                continue
        expected = "options that can be read back from text, and attributes that hold them as they were given"
        raise bad(f"{self.what} as text", repr(value)[:200], expected)

    def describe(self, value: T) -> dict[str, Any]:
        """Name and arguments of an object as plain values for JSON.

        Raises:
            ValueError: If `restore` would not give an equal object, here or in another process.
        """
        name = self.name_of(type(value))
        if name in self.typed and not leads_to(name, type(value)):
            expected = f"{', '.join(sorted(self))}, or a class of a module that can be imported by its name"
            raise bad(f"{self.what} to save", f"{value!r} of {name}"[:200], expected)
        described = {self.key: name} | {option: as_json(each) for option, each in attributes(value).items()}
        try:
            same = self._same(self.restore(json.loads(json.dumps(described))), value)
        except (InputError, TypeError, RecursionError) as error:
            raise bad(f"{self.what} to save", repr(value)[:200], "values that JSON can carry", str(error)) from error
        if not same:
            expected = "attributes that hold the arguments as they were given, of the kinds that the annotations say"
            raise bad(f"{self.what} to save", repr(value)[:200], expected)
        return described

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
        self.typed[path] = target
        return path

    def _same(self, first: T, second: T, without: Sequence[str] = ()) -> bool:
        """Whether two objects of one class hold the same arguments, those `without` left aside."""
        if type(first) is not type(second):
            return False
        pairs = ((attributes(first)[o], each) for o, each in attributes(second).items() if o not in without)
        return all(_equal(*pair) for pair in pairs)

    def _target(self, name: str, typed: bool) -> tuple[str, Callable[..., T]]:
        """What the name stands for, and the name as it is written."""
        by_name = {key.lower(): target for key, target in self.items()}
        if name.lower() in by_name:
            return name.lower(), by_name[name.lower()]
        target = self.typed.get(name, ALLOWED.get(name))
        if target is None:
            target = self._loaded(name, by_name, typed)
        elif name not in self.typed:
            self._check(name, target)
        return name, target

    def _loaded(self, name: str, by_name: Mapping[str, Any], typed: bool) -> Callable[..., T]:
        """What an import path leads to, if a person typed it."""
        what, known = f"unknown {self.what}", "one of " + ", ".join(sorted(by_name))
        if not PATH.fullmatch(name):
            if typed and "." in name and PATH.fullmatch(name.rpartition(".")[0] + ":" + name.rpartition(".")[2]):
                raise bad(what, repr(name), known, "An import path has a colon, as in my_module:MyClass.")
            choose(self.what, name, by_name)
        if not typed:
            remedy = f"Code that a file names is not imported. If it is yours, put --import {name} before the command."
            raise bad(what, repr(name), known, remedy)
        near = difflib.get_close_matches(name.partition(":")[0], by_name, n=1)
        target = load(name, what, f"{known}, or an import path", f"Did you mean {near[0]!r}?" if near else "")
        self._check(name, target)
        self.typed[name] = target
        return target  # type: ignore[no-any-return]

    def _check(self, name: str, target: Any) -> None:
        """Raise `ValueError` unless something that an import path leads to makes objects of this kind."""
        base, what = self.base.__name__, f"{self.what} {name}"
        if isinstance(target, type) and issubclass(target, self.base):
            missing = sorted(getattr(target, "__abstractmethods__", ()))
            if missing:
                raise bad(
                    what, f"a class without {', '.join(missing)}", f"what a {base} has", "Define it in the class."
                )
        elif isinstance(target, type) or not inspect.isfunction(target):
            raise bad(what, repr(target)[:200], f"a class derived from {base}, or a function that returns one")
        elif not (isinstance(made_by(target), type) and issubclass(made_by(target), self.base)):
            raise bad(what, f"a function without -> {base}", f"a function that is annotated to return {base}")


def _equal(first: Any, second: Any) -> bool:
    """Whether two values are equal and of one type, ints and floats being one, or have the same text form."""
    types = {int if type(each) is float else type(each) for each in (first, second)}
    return len(types) == 1 and (bool(first == second) or text_of(first) == text_of(second))
