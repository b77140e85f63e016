"""Samplers along a grid of times."""

__all__ = ()
