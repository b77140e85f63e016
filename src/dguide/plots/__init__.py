"""Figures that several parts draw: samples, and what a model reads."""

__all__: list[str] = []
