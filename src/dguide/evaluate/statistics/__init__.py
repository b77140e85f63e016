"""Estimates with their intervals."""

__all__ = ()
