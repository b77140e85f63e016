"""Guidance mechanisms and the schedules of their weight."""

from . import schedule
from .base import Guidance, LogStay, RateGuidance, Step, Transition, known_jump_times, normalise, tilt
from .normalized import Normalized
from .parse import MECHANISMS, SCHEDULES, parse_guidance, parse_schedule
from .scale import SCALES, Scale, from_scale, to_scale
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

__all__ = [
    "MECHANISMS",
    "SCALES",
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
    "Scale",
    "Schedule",
    "Simple",
    "Sine",
    "Step",
    "Transition",
    "Unlocking",
    "V",
    "from_scale",
    "known_jump_times",
    "normalise",
    "parse_guidance",
    "parse_schedule",
    "schedule",
    "tilt",
    "to_scale",
]
