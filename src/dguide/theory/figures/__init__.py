"""The figures of the gallery. Each module computes, draws and describes one figure or two."""

from __future__ import annotations

from .base import TheoryFigure

__all__ = ["TheoryFigure"]
