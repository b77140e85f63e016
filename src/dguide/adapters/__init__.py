"""Models of others as denoisers, and checks that they fit."""

from __future__ import annotations

from .adapt import Adapted, adapt
from .antibody import Antibodies, antibodies
from .check import Line, ModelCheck, check_model
from .convention import Convention
from .given import Given
from .maskgit import MaskGITFiles
from .presets import CONVENTIONS
from .published import ImageModel, Published, opened
from .registry import MODELS
from .source import PublishedSource

__all__ = [
    "CONVENTIONS",
    "MODELS",
    "Adapted",
    "Antibodies",
    "Convention",
    "Given",
    "ImageModel",
    "Line",
    "MaskGITFiles",
    "ModelCheck",
    "Published",
    "PublishedSource",
    "adapt",
    "antibodies",
    "check_model",
    "opened",
]
