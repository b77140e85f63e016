"""The plain pilot: trains a model on one's own data, and says whether guidance helps it, and which setting."""

__all__ = ()
