"""The search for the best setting."""

__all__ = ()
