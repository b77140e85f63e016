"""Figures of single pictures against values that are known in another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from dguide.errors import InputError
from dguide.evaluate.reconstructions.fidelity import MOST_DB, decibels, fidelity, perplexity, similarity


def noise(count: int, side: int, channels: int, seed: int = 0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, side, side + 4, channels), generator=source, dtype=torch.uint8)


def by_scipy(one: Tensor, two: Tensor) -> float:
    """The index of a picture [H, W] by the Gaussian filter of SciPy, over places where the window fits."""
    x, y = one.numpy(), two.numpy()

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, 1.5, truncate=3.4)[5:-5, 5:-5]  # 3.4 sigma: five pixels on each side

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    index = (2 * mx * my + 1e-4) * (2 * both + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    return float(index.mean())


@pytest.mark.parametrize("channels", [1, 3])
def test_similarity_is_that_of_another_implementation(channels: int) -> None:
    real = noise(3, 24, channels).permute(0, 3, 1, 2).double() / 255
    drawn = (real + 0.2 * noise(3, 24, channels, 1).permute(0, 3, 1, 2).double() / 255).clamp(0, 1)
    expected = [
        np.mean([by_scipy(*pair) for pair in zip(*each, strict=True)]) for each in zip(real, drawn, strict=True)
    ]
    assert similarity(real, drawn).tolist() == pytest.approx(expected, abs=1e-12)
    assert 0.5 < expected[0] < 0.99


@pytest.mark.parametrize("side", [1, 2, 8, 11, 40])
def test_similarity_of_flat_pictures_is_known_at_any_size(side: int) -> None:
    a, b = torch.full((1, 1, side, side), 0.3).double(), torch.full((1, 1, side, side), 0.5).double()
    assert float(similarity(a, b)) == pytest.approx((2 * 0.15 + 1e-4) / (0.09 + 0.25 + 1e-4))
    assert float(similarity(a, a)) == pytest.approx(1)


def test_a_lost_spot_is_seen_where_it_is_and_hardly_in_the_mean() -> None:
    real = torch.full((2, 64, 48, 1), 100, dtype=torch.uint8)
    real[1, 30:34, 8:16] = 250
    drawn = torch.full_like(real, 100)
    found = fidelity(real, drawn)
    assert found.noise[0] == MOST_DB
    assert found.error[1] == pytest.approx(32 * 150 / 255 / (64 * 48))
    assert found.local[1] == pytest.approx(0.5**0.5 * 150 / 255)
    assert abs(found.place[1] - [28, 8]).max() <= 2
    assert found.place[1, 1] == 8
    assert float(decibels(found.square[1])) == pytest.approx(-10 * math.log10(32 * (150 / 255) ** 2 / (64 * 48)))
    joined = type(found).joined([found, found])
    assert joined.place.shape == (4, 2)
    with pytest.raises(InputError, match=r"reconstructions: got torch.uint8 \[1, 64, 48, 1\]"):
        fidelity(real, drawn[:1])


def test_perplexity_counts_codes_that_are_used_alike() -> None:
    assert perplexity(torch.arange(7).repeat(3)) == pytest.approx(7)
    assert perplexity(torch.tensor([[4, 4], [4, 4]])) == pytest.approx(1)
    assert 1 < perplexity(torch.tensor([0, 0, 0, 5])) < 2
