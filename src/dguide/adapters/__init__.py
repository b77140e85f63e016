"""Models of others as denoisers, and checks that they fit."""

from .adapt import Adapted, adapt
from .check import Line, ModelCheck, check_model
from .convention import Convention
from .presets import CONVENTIONS

__all__ = ["CONVENTIONS", "Adapted", "Convention", "Line", "ModelCheck", "adapt", "check_model"]
