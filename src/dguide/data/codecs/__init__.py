"""Codecs: the meaning of tokens, as pixels of an image or words of a string."""

__all__ = ()
