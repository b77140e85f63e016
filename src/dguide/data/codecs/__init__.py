"""What tokens stand for: pixels of an image, or words of a string."""

__all__ = ()
