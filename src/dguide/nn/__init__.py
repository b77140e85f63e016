"""Denoising networks."""

from __future__ import annotations

from dguide.nn.transformer import DiffusionTransformer

__all__ = ["DiffusionTransformer"]
