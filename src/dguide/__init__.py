"""Classifier-free guidance for discrete diffusion models, as theory says it should be done."""

from . import exact, guidance, noise, process
from .categorical import Decoding
from .guidance import (
    Constant,
    Cosine,
    Interval,
    InverseLinear,
    InverseV,
    Linear,
    Normalized,
    Piecewise,
    Power,
    RampUp,
    Schedule,
    Simple,
    Sine,
    Unlocking,
    V,
    parse_schedule,
)
from .process import Masked, Uniform
from .sample import SMC, Ancestral, Denoiser, Diagnostics, Euler, FirstHitting, Samples, TauLeaping, Trapezoidal, sample

__version__ = "0.1.0"

__all__ = [
    "SMC",
    "Ancestral",
    "Constant",
    "Cosine",
    "Decoding",
    "Denoiser",
    "Diagnostics",
    "Euler",
    "FirstHitting",
    "Interval",
    "InverseLinear",
    "InverseV",
    "Linear",
    "Masked",
    "Normalized",
    "Piecewise",
    "Power",
    "RampUp",
    "Samples",
    "Schedule",
    "Simple",
    "Sine",
    "TauLeaping",
    "Trapezoidal",
    "Uniform",
    "Unlocking",
    "V",
    "__version__",
    "exact",
    "guidance",
    "noise",
    "parse_schedule",
    "process",
    "sample",
]
