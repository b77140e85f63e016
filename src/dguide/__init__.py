"""Classifier-free guidance for discrete diffusion models, as theory says it should be done."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import exact, guidance, noise, process
from .categorical import Decoding
from .errors import InputError
from .guidance import (
    Constant,
    Cosine,
    Guidance,
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
from .process import Masked, Process, Uniform
from .samplers import (
    SMC,
    Ancestral,
    Blocks,
    Denoiser,
    Diagnostics,
    EntropyBounded,
    Euler,
    FirstHitting,
    Halton,
    Lengths,
    LowConfidence,
    LowEntropy,
    Remasking,
    Sampler,
    Samples,
    TauLeaping,
    TopMargin,
    Trapezoidal,
    equal_work_grid,
    sample,
)

__version__ = "0.1.0"

_LATER = (
    *(
        "adapters",
        "checkpoint",
        "data",
        "demo",
        "evaluate",
        "filling",
        "nn",
        "plots",
        "samplers",
        "spec",
        "study",
        "theory",
    ),
    "train",
)
"""Parts that are imported when they are first used, since they need more packages or time."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return import_module(f".{name}", __name__)
        if name == "fill":
            return import_module(".filling", __name__).fill
        if name in ("PerSample", "compare"):
            return getattr(import_module(".pilot.compare", __name__), name)
        if name in ("Convention", "adapt", "check_model", "generate"):
            return getattr(import_module(".adapters", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "SMC",
    "Ancestral",
    "Blocks",
    "Constant",
    "Cosine",
    "Decoding",
    "Denoiser",
    "Diagnostics",
    "EntropyBounded",
    "Euler",
    "FirstHitting",
    "Guidance",
    "Halton",
    "InputError",
    "Interval",
    "InverseLinear",
    "InverseV",
    "Lengths",
    "Linear",
    "LowConfidence",
    "LowEntropy",
    "Masked",
    "Normalized",
    "Piecewise",
    "Power",
    "Process",
    "RampUp",
    "Remasking",
    "Sampler",
    "Samples",
    "Schedule",
    "Simple",
    "Sine",
    "TauLeaping",
    "TopMargin",
    "Trapezoidal",
    "Uniform",
    "Unlocking",
    "V",
    "__version__",
    "equal_work_grid",
    "exact",
    "guidance",
    "noise",
    "parse_schedule",
    "process",
    "sample",
]
