"""Uses a denoiser as a classifier."""

__all__ = ()
