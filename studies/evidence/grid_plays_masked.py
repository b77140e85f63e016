"""The grid of the checkpoint plays-masked."""

from __future__ import annotations

from .grid import evidence

__all__ = ["EVIDENCE"]

EVIDENCE = evidence("grid-plays-masked")
