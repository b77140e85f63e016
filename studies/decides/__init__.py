"""What decides which mechanism and schedule win: signals before sampling, the rule, and its score."""

from __future__ import annotations

__all__: list[str] = []
