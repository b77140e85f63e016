"""Other people's models as denoisers."""

from __future__ import annotations

from .maskgit import MaskGITFiles
from .published import Adapted, Published, opened
from .registry import MODELS
from .source import PublishedSource

__all__ = ["MODELS", "Adapted", "MaskGITFiles", "Published", "PublishedSource", "opened"]
