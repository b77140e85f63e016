"""DiffusionGemma of transformers as a denoiser."""

from __future__ import annotations

from .denoiser import DiffusionGemma

__all__ = ["DiffusionGemma"]
