"""What block-causal models keep of the blocks before the present one."""

from __future__ import annotations

from .kept import prefix_of

__all__ = ["prefix_of"]
