"""The grid of the checkpoint digits-masked."""

from __future__ import annotations

from .grid import evidence

__all__ = ["EVIDENCE"]

EVIDENCE = evidence("grid-digits-masked")
