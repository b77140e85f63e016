"""Draws on a CUDA device by Triton kernels. What names a kernel is loaded with the first draw."""

__all__ = ()
