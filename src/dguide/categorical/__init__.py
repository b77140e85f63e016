"""Categorical draws by inverse CDF, guided and plain."""

from .decoding import Decoding
from .guided import guided_draw
from .inverse import draw
from .law import normalise, tilt
from .rows import Draws, Rows
from .vectorised import BadRow

__all__ = ["BadRow", "Decoding", "Draws", "Rows", "draw", "guided_draw", "normalise", "tilt"]
