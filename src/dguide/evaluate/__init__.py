"""Evaluates denoisers and samples."""

from __future__ import annotations

from .evaluation import Evaluation
from .images.classifier import Classifier
from .images.estimates import image_estimates
from .images.network import LearntFeatures
from .likelihood import Likelihood, likelihood
from .metric import Comparison, Metric
from .paired import paired_differences
from .points.bias import Bias, bias
from .points.distances import frechet_distance, kernel_distance
from .points.feature_sets import Features, InceptionFeatures, PixelFeatures
from .points.neighbours import Neighbourhood, PrecisionRecall, neighbourhood, precision_recall
from .pseudo_likelihood import pseudo_likelihood
from .reading.calibration import calibration_error, calibration_estimates, reliability
from .reading.classes import Reading, class_counts, hypotheses, read
from .reading.detection import Detection, Operating, defect_score, novelty_score
from .reading.temperature import fit_temperature, temperature_estimate
from .samples import METRICS, evaluate_samples
from .statistics.estimate import Estimate, estimate
from .statistics.proportion import Proportion, proportion
from .texts.molecules import molecule_estimates
from .texts.strings import string_estimates

__all__ = [
    "METRICS",
    "Bias",
    "Classifier",
    "Comparison",
    "Detection",
    "Estimate",
    "Evaluation",
    "Features",
    "InceptionFeatures",
    "LearntFeatures",
    "Likelihood",
    "Metric",
    "Neighbourhood",
    "Operating",
    "PixelFeatures",
    "PrecisionRecall",
    "Proportion",
    "Reading",
    "bias",
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
    "paired_differences",
    "precision_recall",
    "proportion",
    "pseudo_likelihood",
    "read",
    "reliability",
    "string_estimates",
    "temperature_estimate",
]
