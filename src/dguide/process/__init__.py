"""Corruption processes: what noise is, and how it is undone."""

from ..spec import Registry
from .base import PREDICTIONS, Prediction, Process
from .floored import Floored, Jump
from .masked import Masked
from .uniform import Uniform

PROCESSES: Registry[Process] = Registry("process", Process, {cls.name: cls for cls in (Masked, Uniform)}, key="name")
"""All processes, by name."""

__all__ = ["PREDICTIONS", "PROCESSES", "Floored", "Jump", "Masked", "Prediction", "Process", "Uniform"]
