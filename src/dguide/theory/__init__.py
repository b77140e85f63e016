"""Exact studies of guidance on random problems, and the figures of `dguide theory`."""

from __future__ import annotations

from .summary import Correlation, Quartiles

__all__ = ["Correlation", "Quartiles"]
