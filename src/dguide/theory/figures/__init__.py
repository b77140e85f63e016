"""The figures of the gallery: one module each, from the computation to the picture and what is to be said of it."""

from __future__ import annotations

from .base import TheoryFigure

__all__ = ["TheoryFigure"]
