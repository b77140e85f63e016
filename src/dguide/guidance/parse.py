"""Guidance schedules from their string form, for command line and files; `str` of a schedule is the way back."""

from __future__ import annotations

from dataclasses import fields

from ..errors import bad, choose
from ..extension import kebab
from .schedule import (
    Constant,
    Cosine,
    Interval,
    InverseLinear,
    InverseV,
    Linear,
    Piecewise,
    Power,
    RampUp,
    Schedule,
    Sine,
    V,
)

__all__ = ["SCHEDULES", "parse_schedule"]

SCHEDULES: dict[str, type[Schedule]] = {
    kebab(c): c
    for c in (Constant, Interval, RampUp, Linear, InverseLinear, Cosine, Sine, V, InverseV, Power, Piecewise)
}


def parse_schedule(text: str) -> Schedule:
    """Read a schedule from its string form: ``2``, ``constant:2``, ``ramp-up:2.0,left=0,right=0.3``,
    ``piecewise:0=3;0.5=1;1=0``.

    Raises `ValueError` for an unknown name or option, listing those there are.

    >>> import dguide
    >>> dguide.parse_schedule("ramp-up:2.0,right=0.3")
    RampUp(weight=2.0, left=0.0, right=0.3)
    """
    name, colon, rest = text.strip().partition(":")
    if not colon and name[:1] in "+-.0123456789":
        name, rest = "constant", name
    cls = SCHEDULES[choose("guidance schedule", name, SCHEDULES)]
    first, *options = rest.split(",")
    known = [f.name for f in fields(cls)[1:]]  # type: ignore[arg-type]
    form = f"{name}:weight" + "".join(f",{option}=number" for option in known)
    try:
        if cls is Piecewise:
            pairs = [knot.partition("=")[::2] for knot in first.split(";")]
            return Piecewise(tuple((_number(m), _number(w)) for m, w in pairs))
        values = {}
        for option in options:
            key, _, value = option.partition("=")
            values[choose(f"option of {name}", key.strip(), known)] = _number(value)
        return cls(_number(first), **values)  # type: ignore[call-arg]
    except (_NotANumber, TypeError) as error:
        raise bad("guidance schedule", repr(text), "piecewise:0=1;1=0" if cls is Piecewise else form) from error


class _NotANumber(Exception):
    pass


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _NotANumber from None
