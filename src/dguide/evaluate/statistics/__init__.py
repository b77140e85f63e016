"""Estimates with their intervals."""

__all__: list[str] = []
