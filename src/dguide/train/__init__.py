"""Training of denoisers."""

from __future__ import annotations

from .config import SIZES, TrainConfig
from .loop import Diverged, Trained, train
from .objective import loss
from .state import Evaluation

__all__ = ["SIZES", "Diverged", "Evaluation", "TrainConfig", "Trained", "loss", "train"]
