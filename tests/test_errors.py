from __future__ import annotations

import math

import pytest

from dguide.errors import InputError, MissingExtra, Mistakes, bad, choose, positive, require


def test_bad_says_got_expected_and_remedy() -> None:
    error = bad("steps", 0, "an int of at least 1", "Take 32.")
    assert isinstance(error, ValueError)
    assert str(error) == "steps: got 0, expected an int of at least 1. Take 32."
    assert str(bad("steps", 0, "more")) == "steps: got 0, expected more"


def test_choose() -> None:
    assert choose("colour", "red", ["red", "blue"]) == "red"
    with pytest.raises(ValueError, match=r"unknown colour: got 'rde', expected one of blue, red. Did you mean 'red'\?"):
        choose("colour", "rde", ["red", "blue"])
    with pytest.raises(ValueError, match=r"unknown colour: got 'x', expected one of blue, red$"):
        choose("colour", "x", ["red", "blue"])


def test_require() -> None:
    assert require("math", "cli") is math
    with pytest.raises(MissingExtra, match=r"no_such_module is not installed: pip install 'dguide\[cli\]'"):
        require("no_such_module", "cli")


def test_mistakes_are_told_together_each_once() -> None:
    mistakes = Mistakes()
    assert mistakes.of(lambda: positive("a", 3)) == 3
    mistakes.settle()
    for name in ("a", "b", "a"):
        assert mistakes.of(lambda name=name: positive(name, 0)) is None
    with pytest.raises(InputError) as told:
        mistakes.settle()
    assert [line.strip()[:2] for line in str(told.value).splitlines()] == ["a:", "b:"]
    with pytest.raises(ZeroDivisionError):
        mistakes.of(lambda: 1 // 0)
