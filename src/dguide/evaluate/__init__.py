"""How good denoisers and samples are."""

from __future__ import annotations

from .bias import Bias, bias
from .calibration import calibration_error, calibration_estimates, reliability
from .classifier import Classifier
from .detection import Detection, Operating, defect_score, novelty_score
from .distances import frechet_distance, kernel_distance
from .estimate import Estimate, bootstrap, estimate
from .evaluation import Evaluation
from .features import Features, InceptionFeatures, PixelFeatures
from .images import image_estimates
from .likelihood import Likelihood, likelihood
from .molecules import molecule_estimates
from .neighbours import Neighbourhood, PrecisionRecall, neighbourhood, precision_recall
from .network import LearntFeatures
from .proportion import Proportion, proportion
from .reading import Reading, class_counts, fit_temperature, hypotheses, read
from .samples import evaluate_samples
from .strings import string_estimates

__all__ = [
    "Bias",
    "Classifier",
    "Detection",
    "Estimate",
    "Evaluation",
    "Features",
    "InceptionFeatures",
    "LearntFeatures",
    "Likelihood",
    "Neighbourhood",
    "Operating",
    "PixelFeatures",
    "PrecisionRecall",
    "Proportion",
    "Reading",
    "bias",
    "bootstrap",
    "calibration_error",
    "calibration_estimates",
    "class_counts",
    "defect_score",
    "estimate",
    "evaluate_samples",
    "fit_temperature",
    "frechet_distance",
    "hypotheses",
    "image_estimates",
    "kernel_distance",
    "likelihood",
    "molecule_estimates",
    "neighbourhood",
    "novelty_score",
    "precision_recall",
    "proportion",
    "read",
    "reliability",
    "string_estimates",
]
