"""Does a model fit what dguide takes it for? One module for each kind of question."""

from .record import Line, ModelCheck
from .run import check_model

__all__ = ["Line", "ModelCheck", "check_model"]
