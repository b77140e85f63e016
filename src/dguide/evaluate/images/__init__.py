"""Evaluates generated images."""

__all__ = ()
