"""Data sets that packages carry or programs make."""

__all__ = ()
