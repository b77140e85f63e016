"""Evaluations with known truths, for tests of comparisons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dguide.evaluate import Evaluation
from dguide.evaluate.statistics.means import mean


def evaluations(
    shifts: Mapping[str, float], n: int, source: np.random.Generator, figures: int = 1, better: str = "lower"
) -> dict[str, Evaluation]:
    """Coupled settings: the mean of each is its shift, in every figure."""
    common = source.normal(size=(figures, n))
    return {
        label: Evaluation(
            "toy",
            True,
            tuple(
                mean(f"figure {k}", shift + common[k] + 0.5 * source.normal(size=n), better=better)
                for k in range(figures)
            ),
            n,
            0.0,
            calls=(16, 16),
            sampling_seconds=1.0,
        )
        for label, shift in shifts.items()
    }
