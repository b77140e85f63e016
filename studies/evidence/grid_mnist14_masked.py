"""The grid of the checkpoint mnist14-masked."""

from __future__ import annotations

from .grid import evidence

__all__ = ["EVIDENCE"]

EVIDENCE = evidence("grid-mnist14-masked")
