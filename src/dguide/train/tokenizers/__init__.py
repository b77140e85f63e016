"""The training of tokenizers of images."""

__all__ = ()
