"""Samples of whatever kind, judged as befits them: images, molecules or other strings."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..data import Dataset, Strings
from ..errors import bad, choose
from .evaluation import Evaluation
from .images.estimates import image_estimates
from .points.feature_sets import Features, InceptionFeatures, PixelFeatures
from .statistics.estimate import Estimate
from .texts.molecules import molecule_estimates
from .texts.strings import string_estimates

__all__ = ["FEATURES", "evaluate_samples"]

FEATURES = ("learnt", "pixels", "inception")
"""Names of the spaces in which images are compared."""


def evaluate_samples(
    dataset: Dataset,
    tokens: Tensor,
    condition: Mapping[str, Tensor],
    *,
    features: str | None = None,
    weights: str | Path | None = None,
    repetitions: int = 200,
    seed: int = 0,
    calls: tuple[int, int] | None = None,
    settings: Mapping[str, Any] | None = None,
    sampling_seconds: float | None = None,
) -> Evaluation:
    """All figures there are for samples of this kind.

    Args:
        dataset: What is real.
        tokens: Samples, [N, L] int64.
        condition: What was asked for, [N] by name of condition, that of the first condition at least.
        features: One of `FEATURES`, images only; None for learnt ones.
        weights: File of the Inception weights, for those features only.
        repetitions: Number of samples of the bootstrap.
        seed: Of all that is random here.
        calls: What a batch of the samples took, to be kept with the figures.
        settings: How they were drawn, likewise.
        sampling_seconds: What that took, likewise.

    Raises:
        ValueError: If the samples are not of this data set, or an option does not fit its kind.
        dguide.errors.MissingExtra: If a package that a figure needs is not installed.
    """
    began = time.perf_counter()
    dataset.codec.check(tokens)
    labels = condition[dataset.conditions[0].name]
    options: dict[str, Any] = {"repetitions": repetitions, "seed": seed}
    found: tuple[Estimate, ...]
    if dataset.shape is not None:
        space = _features(dataset, features or "learnt", weights)
        found = image_estimates(dataset, tokens, labels, features=space, **options)
    elif features is not None or weights is not None:
        raise bad("features", features or weights, "none for strings", "Leave it out.")
    elif isinstance(dataset.codec, Strings) and dataset.codec.split == "smiles":
        found = molecule_estimates(dataset, tokens, condition, **options)
    else:
        found = string_estimates(dataset, tokens, labels, **options)
    seconds = time.perf_counter() - began
    name, made = dataset.name, dataset.synthetic
    return Evaluation(name, made, found, len(tokens), seconds, calls, settings or {}, sampling_seconds)


def _features(dataset: Dataset, name: str, weights: str | Path | None) -> Features | None:
    """The features of that name; None for those that the judge learns."""
    choose("features", name, FEATURES)
    if (name == "inception") != (weights is not None):
        given = "weights" if weights is not None else "no weights"
        raise bad(f"features {name}", given, "weights with inception, and with nothing else")
    if weights is not None:
        return InceptionFeatures.of(dataset, weights)
    return PixelFeatures.of(dataset) if name == "pixels" else None
