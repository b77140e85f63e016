"""What the pilot on a rare class says to its reader, in English and Japanese."""

__all__ = ()
