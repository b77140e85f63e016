"""Calls: what is called with which arguments, read from text and written as text."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar, get_type_hints

from ..errors import bad, choose
from .values import as_text, convert, family_of, from_text

__all__ = ["Call", "arguments_of", "attributes", "made_by", "parameters", "written"]

T = TypeVar("T")
_COMMA = re.compile(",")
_OPTION = re.compile(r",(?=\s*[^\W\d]\w*\s*=)")
_NAMED = re.compile(r"\s*([^\W\d]\w*)\s*=\s*(.*)", re.DOTALL)


@dataclass(frozen=True)
class Call(Generic[T]):
    """A call that was read. Calling it makes the object.

    Attributes:
        what: Its kind and name, as errors call it: "sampler smc".
        target: What is called.
        arguments: The arguments, by name. A `Call` among them is made first.
        base: The class of what it makes.
    """

    what: str
    target: Callable[..., T]
    arguments: Mapping[str, Any]
    base: type

    def having(self, **arguments: Any) -> Call[T]:
        """The same call with further arguments. Raises `ValueError` for one that it does not take, or has already."""
        known, what = parameters(self.target), f"option of {self.what}"
        for option in arguments:
            if choose(what, option, known) in self.arguments:
                raise bad(what, f"{option} twice", "each option once")
        return replace(self, arguments={**self.arguments, **arguments})

    def value(self, option: str, text: str) -> Any:
        """What an option becomes that a person typed by itself. Raises `ValueError` if it is of another kind."""
        return convert(f"{option} of {self.what}", text, parameters(self.target)[option].annotation, from_text, True)

    @property
    def options(self) -> tuple[str, ...]:
        """The options that there are."""
        return tuple(parameters(self.target))

    @property
    def required(self) -> tuple[str, ...]:
        """The options that have no default."""
        return tuple(option for option, each in parameters(self.target).items() if each.default is each.empty)

    def inside(self) -> dict[str, Call[Any]]:
        """The calls among its arguments and defaults, by option, as of the sampler inside another."""
        usual = {option: each.default for option, each in parameters(self.target).items()}
        calls = {}
        for option, value in {**usual, **self.arguments}.items():
            family = family_of(type(value))
            if isinstance(value, Call) or family is not None:
                calls[option] = value if family is None else family.as_call(value)
        return calls

    def check(self) -> None:
        """Raise `ValueError` if a required option is missing."""
        missing = [option for option in self.required if option not in self.arguments]
        if missing:
            known = parameters(self.target)
            first = next(iter(known.values()))
            form = ",".join(o.upper() if _bare(known[o], first) else f"{o}=..." for o in self.required)
            raise bad(self.what, f"no {missing[0]}", f"{self.what.split()[-1]}:{form}")
        for each in self.arguments.values():
            if isinstance(each, Call):
                each.check()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths among its arguments."""
        return tuple(each for each in self.arguments.values() if isinstance(each, Path))

    def absolute(self) -> str:
        """The call as text that means the same in every working directory."""
        arguments = {
            option: Path(os.path.abspath(each)) if isinstance(each, Path) else each
            for option, each in self.arguments.items()
        }
        return written(self.what.split()[-1], self.target, arguments)

    def made(self) -> dict[str, Any]:
        """The arguments, with the calls among them made."""
        return {name: each() if isinstance(each, Call) else each for name, each in self.arguments.items()}

    def __call__(self) -> T:
        self.check()
        made = self.target(**self.made())
        if not isinstance(made, self.base):
            raise bad(
                self.what, f"a function that returns {type(made).__name__}", f"one that returns {self.base.__name__}"
            )
        return made


def written(
    name: str, target: Callable[..., Any], arguments: Mapping[str, Any], *, named: bool = True, full: bool = True
) -> str:
    """A call as text: a required first parameter stands first, without its name; None is left out.

    Args:
        name: The name of what is called.
        target: What is called.
        arguments: The arguments by name, in any order.
        named: Whether other options are written with their names.
        full: Whether values that are the default are written too.

    >>> def make(path: Path, size: int = 8) -> None: ...
    >>> written("make", make, {"path": "a/b", "size": 4})
    'make:a/b,size=4'
    """
    known = parameters(target)
    first, parts = next(iter(known.values()), None), []
    for option, each in known.items():
        value = arguments.get(option, each.default)
        absent = option not in arguments or value is each.default is None
        if not absent and (full or value != each.default or each.default is each.empty):
            text = convert(f"{option} of {name}", value, each.annotation, as_text)
            parts.append(text if _bare(each, first) or not named else f"{option}={text}")
    return ":".join((name, *([",".join(parts)] if parts else [])))


def parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a class or function by name, with annotations that are types.

    Raises:
        ValueError: If it has no signature, parameters without a name, or annotations that do not exist at run time.
    """
    known, factories = _signature(target)
    # A default that a factory makes can be changed by whoever gets it: each caller has its own.
    return known | {name: known[name].replace(default=factory()) for name, factory in factories.items()}


@lru_cache(maxsize=1024)
def _signature(target: Callable[..., Any]) -> tuple[dict[str, inspect.Parameter], dict[str, Callable[[], Any]]]:
    """The parameters, and what makes the defaults of some. Annotations become types once: a study asks often."""
    hints, factories = _hints(target), {}
    if isinstance(target, type) and is_dataclass(target):
        factories = {f.name: f.default_factory for f in fields(target) if f.default_factory is not MISSING}
    result = {}
    for each in inspect.signature(target).parameters.values():
        if each.kind is each.POSITIONAL_ONLY:
            what = f"{target.__module__}:{target.__qualname__}"
            raise bad(what, f"the positional-only parameter {each.name}", "parameters that have a name")
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            default = factories[each.name]() if each.name in factories else each.default
            guess = each.empty if default in (None, each.empty) else type(default)
            result[each.name] = each.replace(annotation=hints.get(each.name, guess), default=default)
    return result, {name: factory for name, factory in factories.items() if name in result}


def made_by(function: Callable[..., Any]) -> Any:
    """What a function is annotated to return; None if it is not."""
    return _hints(function).get("return")


def _hints(target: Any) -> dict[str, Any]:
    """Annotations as types: of a function, or of the `__init__` that a class has."""
    source = target
    if isinstance(target, type):
        owner: Any = next(each for each in target.__mro__ if "__init__" in vars(each))
        code = getattr(owner.__init__, "__code__", None)
        # One that a dataclass made knows the names of its own module only, and not those of inherited fields.
        generated = is_dataclass(owner) and code is not None and code.co_filename == "<string>"
        source = owner if generated else owner.__init__
    try:
        return get_type_hints(source)
    except NameError as error:
        what = f"annotations of {target.__module__}:{target.__qualname__}"
        raise bad(what, str(error), "names that exist when the program runs", "Import them at run time.") from error


def _bare(each: inspect.Parameter, first: inspect.Parameter | None) -> bool:
    """Whether a parameter is written without its name: the first, if it is required."""
    return each == first and each.default is each.empty and each.kind is not each.KEYWORD_ONLY


def arguments_of(what: str, rest: str, known: Mapping[str, inspect.Parameter], typed: bool) -> dict[str, Any]:
    """The arguments in what follows the name."""
    words = _divide(rest, _OPTION) if rest.strip() else []
    in_order = [each for each in known.values() if each.kind is not each.KEYWORD_ONLY]
    first = in_order[0] if in_order else None
    whole = first is not None and _bare(first, first) and first.annotation in (Path, str)
    texts: dict[str, str] = {}
    named = _NAMED.fullmatch(words[0]) if words else None
    if words and (named is None or (whole and named[1] not in known)):
        before = words.pop(0)
        values = [before] if whole else _divide(before, _COMMA)
        if len(values) > len(in_order):
            raise bad(what, repr(before), f"at most {', '.join(known)}" if known else "no options")
        texts = {each.name: value for each, value in zip(in_order, values, strict=False)}
    for word in words:
        named = _NAMED.fullmatch(word)
        if named is None:
            expected = "option=value with one of " + ", ".join(known) if known else "no options"
            raise bad(f"option of {what}", repr(word)[:200], expected)
        if choose(f"option of {what}", named[1], known) in texts:
            raise bad(f"option of {what}", f"{named[1]} twice", "each option once")
        texts[named[1]] = named[2]
    return {
        option: convert(f"{option} of {what}", text, known[option].annotation, from_text, typed)
        for option, text in texts.items()
        if text or known[option].default is not inspect.Parameter.empty
    }


def _divide(text: str, comma: re.Pattern[str]) -> list[str]:
    """The parts between commas that are not within parentheses around a value."""
    depth, start, parts = 0, 0, []
    for place, sign in enumerate(text):
        if sign == "(" and (depth or text[start:place].rstrip()[-1:] in ("", "=")):
            depth += 1
        elif sign == ")" and depth:
            depth -= 1
        elif not depth and comma.match(text, place):
            parts.append(text[start:place])
            start = place + 1
    parts = comma.split(text) if depth else [*parts, text[start:]]  # a path may hold a single parenthesis
    return [part.strip() for part in parts]


def attributes(value: Any) -> dict[str, Any]:
    """The arguments that an object was made with: it keeps them under their names."""
    known = parameters(type(value))
    lost = [option for option in known if not hasattr(value, option)]
    if lost:
        raise bad(type(value).__name__, f"no attribute {lost[0]}", "an attribute for each argument")
    return {option: getattr(value, option) for option in known}
