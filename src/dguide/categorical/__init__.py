"""Categorical draws by inverse CDF, guided and plain."""

from .decoding import Decoding
from .guided import guided_draw
from .inverse import draw
from .law import normalise, tilt
from .rows import DrawRequest, Draws, LogitRows
from .vectorised import BadRow, at_token, chunks, decoded, log_law

__all__ = [
    "BadRow",
    "Decoding",
    "DrawRequest",
    "Draws",
    "LogitRows",
    "at_token",
    "chunks",
    "decoded",
    "draw",
    "guided_draw",
    "log_law",
    "normalise",
    "tilt",
]
