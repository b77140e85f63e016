"""Training of denoisers."""

from __future__ import annotations

from .config import TrainConfig
from .loop import Trained, train
from .state import Evaluation

__all__ = ["Evaluation", "TrainConfig", "Trained", "train"]
