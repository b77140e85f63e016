"""The grid of the checkpoint digits-uniform."""

from __future__ import annotations

from .grid import evidence

__all__ = ["EVIDENCE"]

EVIDENCE = evidence("grid-digits-uniform")
