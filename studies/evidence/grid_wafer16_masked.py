"""The grid of the checkpoint wafer16-masked."""

from __future__ import annotations

from .grid import evidence

__all__ = ["EVIDENCE"]

EVIDENCE = evidence("grid-wafer16-masked")
