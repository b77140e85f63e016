"""Categorical draws by inverse CDF, guided and plain."""

from .decoding import Decoding
from .extrapolated import Extrapolated, extrapolated
from .floor import Exits, Floor, FlooredRequest, FlooredSums, log_laws
from .floored import floored_sums, leaps
from .floored_compiled import Clocks, leap
from .guided import guided_draw, guided_log_z
from .inverse import draw
from .law import normalise, tilt
from .rows import DrawRequest, Draws, LogitRows
from .vectorised import BadRow, at_token, chunks, decoded, log_law

__all__ = [
    "BadRow",
    "Clocks",
    "Decoding",
    "DrawRequest",
    "Draws",
    "Exits",
    "Extrapolated",
    "Floor",
    "FlooredRequest",
    "FlooredSums",
    "LogitRows",
    "at_token",
    "chunks",
    "decoded",
    "draw",
    "extrapolated",
    "floored_sums",
    "guided_draw",
    "guided_log_z",
    "leap",
    "leaps",
    "log_law",
    "log_laws",
    "normalise",
    "tilt",
]
