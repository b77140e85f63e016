"""Guidance mechanisms and schedules by name, from text."""

from __future__ import annotations

from ..errors import bad
from ..extension import kebab
from ..spec import Registry
from .base import Guidance
from .normalized import Normalized
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
from .simple import Simple
from .smooth import Cosine, Power, Sine
from .unlocking import Unlocking

__all__ = ["MECHANISMS", "SCHEDULES", "parse_guidance", "parse_schedule"]

MECHANISMS: Registry[Guidance] = Registry(
    "guidance", Guidance, {cls.__name__: cls for cls in (Normalized, Unlocking, Simple)}
)
"""All mechanisms, by name."""

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
    word = str(text).strip().lower()
    number = word[:1] in tuple("+-.0123456789") or word in ("inf", "infinity", "nan")
    return SCHEDULES.read(f"constant:{text}" if number and isinstance(text, str) else text, typed=typed)


def parse_guidance(text: str, weight: float | Schedule, *, typed: bool = False) -> Guidance:
    """Read a mechanism from its string form, such as ``unlocking`` or ``my_module:Mine:share=0.5``.

    Args:
        text: A name of `MECHANISMS` with options, the weight not among them.
        weight: Its weight.
        typed: Whether a person typed it, so that a name may be the import path of one's own mechanism.

    Raises:
        ValueError: For an unknown name or option, and for a weight among the options.

    >>> import dguide
    >>> type(dguide.guidance.parse_guidance("simple", 2.0)).__name__
    'Simple'
    """
    call = MECHANISMS.call(text, typed=typed)
    if "weight" in call.arguments:
        remedy = "The weight is an argument, or the option --weight, of its own."
        raise bad(f"{call.what} in {text!r}", "a weight among its options", "a mechanism without its weight", remedy)
    return call.having(weight=weight)()
