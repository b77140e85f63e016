"""Moments of parts merge to those of the whole."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from dguide.evaluate.points.distances import Moments, Normal, frechet_distance
from dguide.evaluate.points.memory import Memory


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("cuts", [[1, 2], [500], [3, 7, 800], []])
def test_parts_merge_to_the_whole(offset, cuts):
    random = np.random.default_rng(0)
    points = offset + random.normal(size=(1000, 6)) @ random.normal(size=(6, 6))
    found = reduce(Moments.merged, map(Moments.of, np.split(points, cuts))).normal()
    whole = Normal.of(points)
    assert found.mean == pytest.approx(whole.mean, rel=1e-12)
    assert found.covariance == pytest.approx(whole.covariance, rel=1e-10, abs=1e-10)
    real = offset + random.normal(size=(400, 6))
    assert Normal.of(real).distance(found) == pytest.approx(frechet_distance(real, points), rel=1e-10)


def test_distances_to_training_data_come_in_pieces():
    random = np.random.default_rng(1)
    training, validation, samples = (random.normal(size=(count, 5)) for count in (300, 60, 3000))
    whole = Memory.of(training, validation, samples)
    parts = Memory.of(training, validation, iter([samples[:2048], samples[2048:]]))
    assert (whole.samples == parts.samples).all()
    assert (whole.near == parts.near).all()
