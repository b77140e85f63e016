"""A denoiser as a classifier."""

__all__: list[str] = []
