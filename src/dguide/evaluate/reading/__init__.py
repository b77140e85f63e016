"""A denoiser as a classifier."""

__all__ = ()
