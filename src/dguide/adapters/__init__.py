"""Models of others as denoisers, and checks that they fit."""

from __future__ import annotations

from .adapt import Adapted, adapt
from .amused import Amused
from .antibody import Antibodies, antibodies
from .check import Line, ModelCheck, check_model
from .convention import Convention
from .diffusion_gemma import DiffusionGemma
from .given import Given
from .hf import FAMILIES, Generated, Pretrained, Streamer, UntilEnd, family_of, generate, language_model
from .maskgit import MaskGITFiles
from .presets import CONVENTIONS
from .published import ImageModel, Published, opened
from .registry import LANGUAGE_MODELS, MODELS
from .source import PublishedSource

__all__ = [
    "CONVENTIONS",
    "FAMILIES",
    "LANGUAGE_MODELS",
    "MODELS",
    "Adapted",
    "Amused",
    "Antibodies",
    "Convention",
    "DiffusionGemma",
    "Generated",
    "Given",
    "ImageModel",
    "Line",
    "MaskGITFiles",
    "ModelCheck",
    "Pretrained",
    "Published",
    "PublishedSource",
    "Streamer",
    "UntilEnd",
    "adapt",
    "antibodies",
    "check_model",
    "family_of",
    "generate",
    "language_model",
    "opened",
]
