"""Data sets that packages carry or programs make."""

__all__: list[str] = []
