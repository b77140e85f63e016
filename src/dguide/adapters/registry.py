"""The models of others that dguide opens by name."""

from __future__ import annotations

from ..spec import Registry
from .hf import Pretrained
from .maskgit import MaskGITFiles
from .published import Published

__all__ = ["LANGUAGE_MODELS", "MODELS"]

MODELS: Registry[Published] = Registry("model", Published, {"maskgit": MaskGITFiles})
"""All published models that are opened from their files, by name."""

LANGUAGE_MODELS: Registry[Pretrained] = Registry("language model", Pretrained, {"hf": Pretrained})
"""Language models that are opened from their files, by name."""
