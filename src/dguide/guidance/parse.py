"""Guidance schedules by name, from text; `str` of a schedule is the way back."""

from __future__ import annotations

from ..extension import kebab
from ..spec import Registry
from .schedule import (
    Constant,
    Interval,
    InverseLinear,
    InverseV,
    Linear,
    Piecewise,
    RampUp,
    Schedule,
    V,
)
from .smooth import Cosine, Power, Sine

__all__ = ["SCHEDULES", "parse_schedule"]

SCHEDULES: Registry[Schedule] = Registry(
    "guidance schedule",
    Schedule,
    {
        kebab(cls): cls
        for cls in (Constant, Interval, RampUp, Linear, InverseLinear, Cosine, Sine, V, InverseV, Power, Piecewise)
    },
)
"""All guidance schedules, by name."""


def parse_schedule(text: str, *, typed: bool = False) -> Schedule:
    """Read a schedule from its string form: ``2``, ``constant:2``, ``ramp-up:2.0,left=0,right=0.3``,
    ``piecewise:0=3;0.5=1;1=0``.

    Args:
        text: A number, or ``name:weight,option=value``.
        typed: Whether a person typed it, so that a name may be the import path of one's own schedule.

    Raises:
        ValueError: For an unknown name or option, listing those there are.

    >>> import dguide
    >>> dguide.parse_schedule("ramp-up:2.0,right=0.3")
    RampUp(weight=2.0, left=0.0, right=0.3)
    """
    number = text.strip()[:1] in tuple("+-.0123456789")
    return SCHEDULES.read(f"constant:{text}" if number else text, typed=typed)
