"""Figures that several parts draw: samples, and what a model reads."""

__all__ = ()
