"""Samplers along a grid of times."""

__all__: list[str] = []
