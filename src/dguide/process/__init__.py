"""Corruption processes: what noise is, and how it is undone."""

from .base import Jump, Process
from .masked import Masked
from .uniform import Uniform

__all__ = ["Jump", "Masked", "Process", "Uniform"]
