"""Classes as users write them: read, written and saved as what they are, or refused before any work."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import dguide
from dguide.spec import Registry
from dguide.spec.calls import parameters


class Thing:
    """Base of the classes below."""


class Colour(enum.Enum):
    red = 1
    blue = 2


@dataclass(frozen=True)
class Rich(Thing):
    ends: tuple[float, float] = (0, 1)
    counts: tuple[int, ...] = (1, 2, 3)
    mode: Literal["a", "b"] = "a"
    colour: Colour = Colour.red
    cap: float | None = 3.0
    names: list[str] = field(default_factory=lambda: ["x"])
    place: Path = Path("here")


@dataclass(frozen=True)
class Derived(Rich):
    """A class with its own constructor, that derives from a dataclass."""

    def __init__(self, power: int, *, share: float = 0.5) -> None:
        super().__init__()
        object.__setattr__(self, "power", power)
        object.__setattr__(self, "share", share)


class Plain(Thing):
    def __init__(self, power: int = 1, name: str = "x") -> None:
        self.power, self.name = power, name


class Percent(Thing):
    """Keeps another value under the name of its argument."""

    def __init__(self, percent: float = 50.0) -> None:
        self.percent = percent / 100


class Bare(Thing):
    def __init__(self, top, power=2):
        self.top, self.power = top, power


class Hidden(Thing):
    def __init__(self, size: int = 1) -> None:
        self._size = size


class Positional(Thing):
    def __init__(self, top: int, /) -> None:
        self.top = top


@dataclass(frozen=True)
class Odd(Thing):
    table: dict[str, int] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=lambda: [1, 2])


@dataclass(frozen=True)
class Holder(Thing):
    inside: Plain = Plain(3)
    other: Thing | None = None


def ready(power: int = 7) -> Thing:
    return Plain(power)


THINGS: Registry[Thing] = Registry(
    "thing", Thing, {cls.__name__.lower(): cls for cls in (Rich, Derived, Plain, Percent, Bare, Odd, Holder)}
)


@pytest.mark.parametrize(
    "text",
    [
        "rich",
        "rich:ends=0.5;2,counts=4;5,mode=b,colour=blue,cap=none,names=a;b,place=a/b",
        "rich:counts=7,names=",
        "plain:3,name=y",
    ],
)
def test_what_is_written_is_what_was_read(text: str) -> None:
    thing = THINGS.read(text)
    again = THINGS.read(THINGS.write(thing))
    assert vars(again) == vars(thing)
    assert vars(THINGS.restore(THINGS.describe(thing))) == vars(thing)


def test_values_by_their_annotation() -> None:
    rich = THINGS.read("rich:ends=0;2,counts=3;4,mode=b,colour=blue,cap=none,names=a;b")
    expected = Rich((0.0, 2.0), (3, 4), "b", Colour.blue, None, ["a", "b"])
    assert rich == expected
    derived = THINGS.read("derived:2,share=1")
    assert (derived.power, derived.share) == (2, 1.0)  # type: ignore[attr-defined]
    assert THINGS.write(Rich()) == "rich:ends=0;1,counts=1;2;3,mode=a,colour=red,cap=3.0,names=x,place=here"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rich:mode=c", "mode of thing rich: got 'c', expected one of a, b"),
        ("rich:colour=green", "colour of thing rich: got 'green', expected one of red, blue"),
        ("bare:3", "top of thing bare: got '3', expected a value in Python, since its parameter has no annotation"),
        ("bare:pwoer=3", "unknown option of thing bare: got 'pwoer'.*Did you mean 'power'"),
        ("holder:inside=rich", "inside of thing holder: got 'rich', expected a thing that is a Plain"),
        ("odd:table=3", "table of thing odd"),
        ("x" * 10_000, r"unknown thing: got 'x{200}\.\.\.', expected"),
        ("holder:other=" + "(holder:other=" * 40 + "plain" + ")" * 40, "thing: got 40 parentheses"),
    ],
)
def test_what_cannot_be_read_says_what_can(text: str, message: str) -> None:
    with pytest.raises(dguide.InputError, match=message) as caught:
        THINGS.read(text)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("make", [lambda: Percent(80.0), lambda: Hidden(3)], ids=["changed", "hidden"])
def test_attributes_that_do_not_hold_the_arguments_are_refused(make: Callable[[], Thing]) -> None:
    for use in (THINGS.write, THINGS.describe):
        with pytest.raises(dguide.InputError, match="attribute"):
            use(make())


def test_what_json_cannot_carry_is_refused_when_it_is_described() -> None:
    with pytest.raises(dguide.InputError, match="thing to save"):
        THINGS.describe(Odd({"a": 1}))
    with pytest.raises(dguide.InputError, match="thing to save"):
        THINGS.describe(Plain(np.float32(1.5)))  # type: ignore[arg-type]
    assert THINGS.restore(THINGS.describe(Odd(numbers=[4]))) == Odd(numbers=[4])
    made = make_dataclass("Made", [], bases=(Plain,))
    with pytest.raises(dguide.InputError, match="a class of a module that can be imported by its name"):
        THINGS.describe(made())


def test_defaults_that_have_no_text_are_left_out() -> None:
    assert THINGS.write(Odd()) == "odd"
    assert THINGS.read("odd") == Odd()


@pytest.mark.parametrize(
    "target", [functools.partial(ready, 3), Plain(), max, int], ids=["partial", "object", "builtin", "class"]
)
def test_import_paths_lead_to_classes_and_functions_that_say_what_they_return(
    target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "TARGET", target)
    with pytest.raises(dguide.InputError, match="expected a class derived from Thing, or a function that returns one"):
        THINGS.read(f"{__name__}:TARGET", typed=True)


def test_a_positional_only_parameter_cannot_be_named() -> None:
    with pytest.raises(dguide.InputError, match="positional-only parameter top"):
        THINGS.read(f"{__name__}:Positional:3", typed=True)


def test_what_was_typed_for_one_purpose_is_not_called_for_another() -> None:
    others: Registry[Any] = Registry("other", Colour, {})
    assert THINGS.read(f"{__name__}:ready:power=3", typed=True).power == 3  # type: ignore[attr-defined]
    with pytest.raises(dguide.InputError, match="Code that a file names is not imported"):
        others.read(f"{__name__}:ready:power=4")


def test_json_numbers_beyond_all_floats() -> None:
    with pytest.raises(dguide.InputError, match="threshold"):
        dguide.data.CONDITIONS.restore({"kind": "above", "name": "mass", "threshold": 10**400})  # type: ignore[attr-defined]


def test_a_default_that_a_factory_makes_is_nobody_elses() -> None:
    """What is looked up once for all is the signature, not the list in it."""
    parameters(Rich)["names"].default.append("y")
    assert parameters(Rich)["names"].default == ["x"]
    assert THINGS.read("rich").names == ["x"]
