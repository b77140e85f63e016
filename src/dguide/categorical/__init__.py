"""Categorical draws by inverse CDF, guided and plain."""

from .decoding import Decoding
from .extrapolated import Extrapolated, extrapolated
from .floor import Exits, Floor, FlooredRequest, FlooredSums, log_laws
from .floored import floored_sums
from .floored_step import Clocks, Combination, Leaving, floored_step, log_leave, steps_at_once
from .guided import guided_draw, guided_land, guided_log_z
from .inverse import draw
from .law import normalise, tilt
from .rows import DrawRequest, Draws, LogitRows
from .vectorised import BadRow, at_token, chunks, decoded, log_law

__all__ = [
    "BadRow",
    "Clocks",
    "Combination",
    "Decoding",
    "DrawRequest",
    "Draws",
    "Exits",
    "Extrapolated",
    "Floor",
    "FlooredRequest",
    "FlooredSums",
    "Leaving",
    "LogitRows",
    "at_token",
    "chunks",
    "decoded",
    "draw",
    "extrapolated",
    "floored_step",
    "floored_sums",
    "guided_draw",
    "guided_land",
    "guided_log_z",
    "log_law",
    "log_laws",
    "log_leave",
    "normalise",
    "steps_at_once",
    "tilt",
]
