"""How good denoisers and samples are."""

from __future__ import annotations

from .bias import Bias, bias
from .classifier import Classifier
from .distances import frechet_distance, kernel_distance
from .estimate import Estimate, bootstrap, estimate
from .evaluation import Evaluation
from .features import Features, InceptionFeatures, PixelFeatures
from .images import evaluate_images, image_estimates
from .likelihood import Likelihood, likelihood
from .molecules import molecule_estimates
from .neighbours import Neighbourhood, PrecisionRecall, neighbourhood, precision_recall
from .network import LearntFeatures
from .proportion import Proportion, proportion
from .samples import evaluate_samples
from .strings import string_estimates

__all__ = [
    "Bias",
    "Classifier",
    "Estimate",
    "Evaluation",
    "Features",
    "InceptionFeatures",
    "LearntFeatures",
    "Likelihood",
    "Neighbourhood",
    "PixelFeatures",
    "PrecisionRecall",
    "Proportion",
    "bias",
    "bootstrap",
    "estimate",
    "evaluate_images",
    "evaluate_samples",
    "frechet_distance",
    "image_estimates",
    "kernel_distance",
    "likelihood",
    "molecule_estimates",
    "neighbourhood",
    "precision_recall",
    "proportion",
    "string_estimates",
]
