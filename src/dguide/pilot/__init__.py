"""Pilots: a small trial on one's own data that ends in a decision, in quality and in money."""

__all__: list[str] = []
