"""Theory made visible: random problems solved exactly, and what is learnt from them."""

from __future__ import annotations

__all__: list[str] = []
