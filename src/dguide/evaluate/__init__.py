"""How good denoisers and samples are."""

from __future__ import annotations

from .images import Classifier, PrecisionRecall, frechet_distance, precision_recall
from .likelihood import Likelihood, likelihood
from .proportion import Proportion, proportion

__all__ = [
    "Classifier",
    "Likelihood",
    "PrecisionRecall",
    "Proportion",
    "frechet_distance",
    "likelihood",
    "precision_recall",
    "proportion",
]
