"""Guidance mechanisms and the schedules of their weight."""

from ..spec import Registry
from . import schedule
from .base import Guidance, LogStay, RateGuidance, Step, Transition, known_jump_times, tilt
from .normalized import Normalized
from .parse import SCHEDULES, parse_schedule
from .schedule import (
    Constant,
    Interval,
    InverseLinear,
    InverseV,
    Linear,
    PerSample,
    Piecewise,
    RampUp,
    Schedule,
    V,
)
from .simple import Simple
from .smooth import Cosine, Power, Sine
from .unlocking import Unlocking

MECHANISMS: Registry[Guidance] = Registry(
    "guidance", Guidance, {cls.__name__: cls for cls in (Normalized, Unlocking, Simple)}
)
"""All mechanisms, by name."""

__all__ = [
    "MECHANISMS",
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Guidance",
    "Interval",
    "InverseLinear",
    "InverseV",
    "Linear",
    "LogStay",
    "Normalized",
    "PerSample",
    "Piecewise",
    "Power",
    "RampUp",
    "RateGuidance",
    "Schedule",
    "Simple",
    "Sine",
    "Step",
    "Transition",
    "Unlocking",
    "V",
    "known_jump_times",
    "parse_schedule",
    "schedule",
    "tilt",
]
