"""Quartiles and rank correlations over many problems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import bad

__all__ = ["Correlation", "Quartiles", "quartiles", "rank_correlation"]


@dataclass(frozen=True)
class Quartiles:
    """The quartiles of some numbers.

    Attributes:
        low, median, high: the 25 %, 50 % and 75 % quantiles.
        count: how many numbers there are.
    """

    low: float
    median: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


def quartiles(values: Sequence[float]) -> Quartiles:
    """The quartiles of `values`, interpolated linearly. Raises `ValueError` for no values."""
    if not values:
        raise bad("values", "none", "at least one")
    at = torch.tensor((0.25, 0.5, 0.75), dtype=torch.float64)
    low, median, high = torch.quantile(torch.tensor(values, dtype=torch.float64), at).tolist()
    return Quartiles(low, median, high, len(values))


@dataclass(frozen=True)
class Correlation:
    """A rank correlation of `count` pairs, with its 95 % interval."""

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> Correlation:
    r"""Spearman's $\rho$, with the interval $\tanh(\mathrm{artanh}\, \rho \pm 1.96 \sqrt{(1 + \rho^2 / 2) / (n - 3)})$.

    n is the number of pairs. Equal values get their mean rank. Source of the standard error: Bonett and Wright,
    Psychometrika 65 (2000).

    Raises:
        ValueError: for fewer than four pairs, or numbers that are all equal.
    """
    if len(x) != len(y) or len(x) < 4:
        raise bad("pairs", f"{len(x)} and {len(y)} numbers", "as many of both, at least 4")
    ranks = torch.stack((_ranks(x), _ranks(y)))
    if bool((ranks.std(-1) == 0).any()):
        raise bad("numbers to correlate", "all alike", "some that differ")
    rho = float(torch.corrcoef(ranks)[0, 1].clamp(-1 + 1e-12, 1 - 1e-12))
    error = 1.96 * math.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    return Correlation(rho, math.tanh(math.atanh(rho) - error), math.tanh(math.atanh(rho) + error), len(x))


def _ranks(values: Sequence[float]) -> Tensor:
    numbers = torch.tensor(values, dtype=torch.float64)
    below, equal = (numbers < numbers.unsqueeze(-1)), (numbers == numbers.unsqueeze(-1))
    return (below.double() + equal.double() / 2).sum(-1)
