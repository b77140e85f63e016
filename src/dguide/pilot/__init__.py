"""Trials that end in a decision: what guidance is worth on the data of a user, in quality and in money."""

__all__ = ()
