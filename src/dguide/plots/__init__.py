"""Figures of samples, and of the classification by a model."""

__all__ = ()
