"""All codecs, by name."""

from __future__ import annotations

from ...extension import kebab
from ...spec import Registry
from .base import Codec
from .learnt import Learnt
from .pixels import Pixels
from .strings import Strings
from .tokenised import Tokenised

__all__ = ["CODECS"]

CODECS: Registry[Codec] = Registry("codec", Codec, {kebab(cls): cls for cls in (Learnt, Pixels, Strings, Tokenised)})
"""All codecs, by name."""
