"""Training of denoisers."""

from __future__ import annotations

from .config import SIZES, TrainConfig
from .loop import Trained, train
from .state import Evaluation

__all__ = ["SIZES", "Evaluation", "TrainConfig", "Trained", "train"]
