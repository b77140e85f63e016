"""Training of denoisers."""

from __future__ import annotations

from .config import SIZES, TrainConfig
from .denoisers import train
from .loop import MEASURED_ANEW, Diverged, Trained
from .objective import loss
from .state import Evaluation

__all__ = ["MEASURED_ANEW", "SIZES", "Diverged", "Evaluation", "TrainConfig", "Trained", "loss", "train"]
