"""Variances of few terms with a trend."""

from __future__ import annotations

import math

import pytest
import torch

from dguide.evaluate.statistics.variance import moderated, successive, t_quantile


def test_successive_differences_give_the_variance_of_the_mean_whatever_the_trend() -> None:
    noise = torch.randn(6, 40_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    trend = torch.linspace(0, 0.1, 6, dtype=torch.float64).unsqueeze(1)
    variance, freedom = successive(noise + trend)
    assert float(variance.mean()) == pytest.approx(1 / 6, rel=0.02)
    assert float(variance.mean() ** 2 / variance.var()) == pytest.approx(freedom / 2, rel=0.05)
    none, unknown = successive(torch.zeros(1, 2))
    assert bool(none.isnan().all())
    assert math.isnan(unknown)


def test_moderation_finds_how_alike_the_variances_are() -> None:
    source = torch.Generator().manual_seed(0)
    true = 10 / torch.distributions.Chi2(torch.tensor(10.0, dtype=torch.float64)).sample((20_000,))
    raw = true * torch.randn(20_000, 4, generator=source, dtype=torch.float64).square().mean(1)
    found, freedom = moderated(raw, 4)
    assert freedom == pytest.approx(14, abs=1)
    assert (found - true).square().mean() < (raw - true).square().mean() / 2
    alike, all_of_it = moderated(torch.ones(5, dtype=torch.float64), 2)
    assert alike.tolist() == [1] * 5
    assert all_of_it == 12
    rare = torch.tensor([0.0, 0, 0, 3], dtype=torch.float64)
    assert float(moderated(rare, 2)[0].min()) > 0


def test_quantiles_of_student() -> None:
    assert t_quantile(1) == pytest.approx(12.706, abs=1e-3)
    assert t_quantile(1e9) == pytest.approx(1.96, abs=1e-3)
