"""The grid of the checkpoint qm9-uniform."""

from __future__ import annotations

from .grid import evidence

__all__ = ["EVIDENCE"]

EVIDENCE = evidence("grid-qm9-uniform")
