"""The class-conditional Halton-MaskGIT transformer, whose codes the autoencoder of LlamaGen decodes."""

from __future__ import annotations

from .files import MaskGITFiles, load
from .transformer import MaskGIT, Sizes

__all__ = ["MaskGIT", "MaskGITFiles", "Sizes", "load"]
