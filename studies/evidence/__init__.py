"""The studies of docs/results.md: what the papers say of guidance, tried on real data."""

from __future__ import annotations

from .evidence import NAMES, Evidence, NotMade, Scale, named, stored

__all__ = ["NAMES", "Evidence", "NotMade", "Scale", "named", "stored"]
