"""Extension points that keep their word: a hook that is overridden takes effect, anything else is refused.

The classes that users derive from (`Process`, `Guidance`, `Schedule`, `Sampler`) are `Extensible`. A method marked
`final` cannot be overridden, since the samplers do not call it everywhere. Methods that describe the same thing twice
are `together`: a class that overrides one of them overrides all of them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch
from torch import Tensor

from .errors import bad, in_tensor, with_data

__all__ = [
    "Extensible",
    "false_declaration",
    "final",
    "kebab",
    "listed",
    "once_by_value",
    "speaks_for",
    "takes_tensors",
]

T = TypeVar("T")

if TYPE_CHECKING:
    from typing import final
else:

    def final(hook):
        """Mark a method or property that a derived class may not override (`typing.final`, enforced)."""
        _function(hook).__final__ = True
        return hook


@lru_cache(maxsize=1024)
def speaks_for(cls: type, short: str, *hooks: str) -> bool:
    """Whether the method `short` of a class says what `hooks` say: whoever overrode one of them overrode it too."""

    def depth(name: str) -> int:
        return next((i for i, base in enumerate(cls.__mro__) if name in vars(base)), len(cls.__mro__))

    return all(depth(short) <= depth(hook) for hook in hooks)


class Extensible:
    """Base of a class that users derive from. Raises `TypeError` for a class whose override would have no effect."""

    together: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Groups of methods of which a class overrides all or none."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for base in cls.__mro__[1:]:
            for name, hook in vars(base).items():
                if name in vars(cls) and getattr(_function(hook), "__final__", False):
                    raise TypeError(
                        f"{cls.__name__}.{name} would have no effect: {base.__name__}.{name} is final. "
                        f"See the docstring of {base.__name__} for what can be overridden"
                    )
            for group in vars(base).get("together", ()):
                own = [name for name in group if name in vars(cls)]
                rest = [name for name in group if name not in vars(cls)]
                if own and rest:
                    raise TypeError(
                        f"{cls.__name__} overrides {' and '.join(own)}, but not {' and '.join(rest)}: "
                        "they describe the same thing, so a class overrides all of them or none"
                    )


def takes_tensors(cls: type, *names: str) -> None:
    """Makes those methods `names` that a class defines refuse arguments that are no dense tensors of real numbers."""
    for name in names:
        if name in vars(cls):
            setattr(cls, name, _of_tensors(vars(cls)[name]))


def _of_tensors(method: Callable[..., T]) -> Callable[..., T]:
    _, *names = inspect.signature(method).parameters
    called = "" if method.__name__ == "__call__" else f".{method.__name__}"

    @wraps(method)
    def call(self: object, *arguments: Any, **named: Any) -> T:
        for name, value in (*zip(names, arguments, strict=False), *named.items()):
            what = f"{type(self).__name__}{called} {name}"
            if not isinstance(value, Tensor):
                raise bad(what, repr(value), "a tensor", in_tensor(value))
            if not value.is_meta:  # a network may run there to find shapes
                with_data(what, value)
            if value.is_complex() or value.dtype == torch.bool:
                raise bad(what, value.dtype, "a tensor of real numbers")
        return method(self, *arguments, **named)

    return call


def listed(base: type, **having: object) -> str:
    """Names of dguide's classes derived from `base` that have these class attributes, as "A, B or C" in an error."""
    found, todo = set(), [base]
    while todo:
        cls = todo.pop()
        todo += cls.__subclasses__()
        ours = cls.__module__.partition(".")[0] == base.__module__.partition(".")[0]
        if ours and not inspect.isabstract(cls) and all(getattr(cls, name) == value for name, value in having.items()):
            found.add(cls.__name__)
    *most, last = sorted(name for name in found if not name.startswith("_")) or ["none"]
    return f"{', '.join(most)} or {last}" if most else last


def kebab(cls: type) -> str:
    """Name of a class as in string forms: `RampUp` is ``ramp-up``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


def false_declaration(cls: type, name: str, found: str) -> ValueError:
    """The error for a class attribute that says True and is not."""
    expected = "a class attribute that is true"
    return bad(f"{cls.__name__}.{name} = True", found, expected, f"Set {name} = False.")


def once_by_value(function: Callable[..., T]) -> Callable[..., T]:
    """Remember results by the values of the arguments; those without a hash may change, and nothing is remembered."""
    remembered = lru_cache(maxsize=64)(function)

    @wraps(function)
    def call(*arguments: Any) -> T:
        try:
            hash(arguments)
        except TypeError:
            return function(*arguments)
        return remembered(*arguments)

    return call


def _function(hook: Any) -> Any:
    """The function behind a method, class method or property."""
    return getattr(hook, "fget", None) or getattr(hook, "func", None) or getattr(hook, "__func__", hook)
