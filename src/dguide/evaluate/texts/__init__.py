"""Evaluates generated strings and molecules."""

__all__ = ()
