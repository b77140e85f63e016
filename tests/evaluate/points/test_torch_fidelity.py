"""What torch-fidelity 0.4.0 makes of the same numbers: pixels of the digits, and their squares.

Its figures were computed once by its functions `fid_statistics_to_metric`, `kid_features_to_metric` (one subset of all
points) and `prc_features_to_metric`, and stand here, since the package needs a torchvision that fits this torch.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from dguide.evaluate import frechet_distance, kernel_distance, precision_recall
from tests.evaluate.real import DIGITS


def real_and_held_out() -> tuple[np.ndarray, np.ndarray]:
    """All digits in the order of the source, but those of the test part, and these."""
    tokens = torch.from_numpy(load_digits().data).long().clamp(max=15)
    test = {tuple(row) for row in DIGITS.test.tokens.tolist()}
    held = torch.tensor([tuple(row) in test for row in tokens.tolist()])
    return DIGITS.features(tokens[~held]), DIGITS.features(tokens[held])


REAL, HELD_OUT = real_and_held_out()


@pytest.mark.parametrize(
    ("power", "frechet", "kernel", "precision", "recall"),
    [
        (1, 0.08306203411412838, 0.0005449838853173183, 0.7799443006515503, 0.9526462554931641),
        (2, 0.6331084553057362, 0.03255570171781308, 0.470752090215683, 0.89415043592453),
    ],
)
def test_figures_are_those_of_torch_fidelity(
    power: int, frechet: float, kernel: float, precision: float, recall: float
) -> None:
    points = HELD_OUT**power
    same_number = REAL[: len(points)]
    assert frechet_distance(REAL, points) == pytest.approx(frechet, rel=1e-5)
    assert kernel_distance(same_number, points) == pytest.approx(kernel, rel=1e-6)
    found = precision_recall(same_number, points, neighbours=3)
    assert (found.precision, found.recall) == pytest.approx((precision, recall), rel=1e-6)
