"""Compares settings of guidance: a table with intervals, advice, figures, and a search for the best."""

__all__ = ()
