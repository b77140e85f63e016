"""Guidance schedules without a bend: cosine waves and powers of the noise level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..errors import bad
from .schedule import Schedule

__all__ = ["Cosine", "Power", "Sine"]


@dataclass(frozen=True)
class _Wave(Schedule):
    """w(m) = mean (1 + sign cos(pi m))."""

    average_weight: float
    _sign: ClassVar[float]

    def __call__(self, level: Tensor) -> Tensor:
        return self.average_weight * (1 + self._sign * torch.cos(math.pi * level.double()))

    def average(self, low: Tensor, high: Tensor) -> Tensor:
        low, high = low.double(), high.double()
        wave = torch.cos(math.pi * (low + high) / 2) * torch.sinc((high - low) / 2)
        return self.average_weight * (1 + self._sign * wave)


class Cosine(_Wave):
    """w(m) = mean (1 + cos pi m): late, smoothly.
    >>> float(Cosine(1.0)(torch.tensor(0.5)))
    1.0
    """

    _sign = 1.0


class Sine(_Wave):
    """w(m) = mean (1 - cos pi m): early, smoothly.
    >>> float(Sine(1.0)(torch.tensor(0.0)))
    0.0
    """

    _sign = -1.0


@dataclass(frozen=True)
class Power(Schedule):
    """w(m) = mean (1 + p) (1 - m)^p, p >= 0: the larger p, the later.
    >>> float(Power(1.0, p=1.0)(torch.tensor(0.25)))
    1.5
    """

    average_weight: float
    p: float

    def _check_arguments(self) -> None:
        if not (math.isfinite(self.p) and self.p >= 0):
            raise bad("Power p", self.p, "a finite number of at least 0")

    def __call__(self, level: Tensor) -> Tensor:
        return self.average_weight * (1 + self.p) * (1 - level.double()) ** self.p

    def average(self, low: Tensor, high: Tensor) -> Tensor:
        low, high = torch.broadcast_tensors(low.double(), high.double())
        area = (1 - low) ** (1 + self.p) - (1 - high) ** (1 + self.p)
        return torch.where(high > low, self.average_weight * area / (high - low), self(low))
