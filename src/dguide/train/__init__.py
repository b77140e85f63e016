"""Training of denoisers, and of tokenizers of images."""

from __future__ import annotations

from .config import SIZES, TrainConfig
from .denoisers import train
from .loop import MEASURED_ANEW, Diverged, Trained
from .objective import loss
from .state import Evaluation
from .tokenizers.config import TokenizerConfig
from .tokenizers.task import train_tokenizer

__all__ = [
    "MEASURED_ANEW",
    "SIZES",
    "Diverged",
    "Evaluation",
    "TokenizerConfig",
    "TrainConfig",
    "Trained",
    "loss",
    "train",
    "train_tokenizer",
]
