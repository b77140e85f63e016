"""Theory made visible: random problems solved exactly, and what is learnt from them."""

from __future__ import annotations

from .summary import Correlation, Quartiles

__all__ = ["Correlation", "Quartiles"]
