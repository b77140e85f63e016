r"""Noise schedules: how fast tokens are corrupted.

The forward process keeps a token clean until time t with probability $\alpha(t)$, where t = 0 is data
($\alpha = 1$) and t = 1 is noise ($\alpha = 0$):

$$q(x_t \mid x_0) = \alpha(t)\, 1[x_t = x_0] + (1 - \alpha(t))\, \pi(x_t).$$

The noise level is $m(t) = 1 - \alpha(t)$. Both are computed without cancellation, so that each keeps its relative
precision where it is small. All functions take and return float64 tensors of any shape.

Sources: linear and cosine, Chang et al. (MaskGIT, arXiv 2202.04200); polynomial and geometric, Shi et al. (MD4,
arXiv 2406.04329, Table 4), the geometric one rescaled here so that it reaches both ends.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from .errors import bad, number
from .extension import kebab, takes_tensors
from .spec import Registry, text_of

__all__ = ["NOISES", "Cosine", "Geometric", "Linear", "Noise", "Polynomial", "parse"]


class Noise(ABC):
    r"""A noise schedule $\alpha(t)$, decreasing from 1 at t = 0 to 0 at t = 1.

    A new schedule supplies four formulas: `alpha`, `level`, `slope` and `time`.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        takes_tensors(cls, "alpha", "level", "slope", "time")

    @abstractmethod
    def alpha(self, time: Tensor) -> Tensor:
        r"""Probability $\alpha(t)$ that a token is still clean at `time` (any shape, in [0, 1])."""

    @abstractmethod
    def level(self, time: Tensor) -> Tensor:
        r"""Noise level $m(t) = 1 - \alpha(t)$, precise also where it is small."""

    @abstractmethod
    def slope(self, time: Tensor) -> Tensor:
        r"""Rate of corruption $m'(t) = -\alpha'(t) \ge 0$ per unit of time."""

    @abstractmethod
    def time(self, level: Tensor) -> Tensor:
        r"""The time t at which $m(t)$ is `level` (any shape, in [0, 1])."""

    def verify(self) -> None:
        """Raise `ValueError` if the four formulas do not fit each other, at 65 times and levels."""
        name, grid = type(self).__name__, torch.linspace(0, 1, 65, dtype=torch.float64)
        alpha, level = self.alpha(grid), self.level(grid)
        if not torch.allclose(alpha + level, torch.ones_like(grid)):
            raise bad(f"{name}.level", level.tolist(), "1 - alpha")
        if not torch.allclose(level[[0, -1]], grid[[0, -1]]) or bool((level.diff() < 0).any()):
            raise bad(f"{name}.level", level.tolist(), "values that rise from 0 at t = 0 to 1 at t = 1")
        again = self.level(self.time(grid))
        if not torch.allclose(again, grid, atol=1e-6):
            raise bad(f"{name}.time", f"times with levels {again.tolist()}", f"times with levels {grid.tolist()}")
        middle = (grid[1:] + grid[:-1]) / 2
        risen, slope = level.diff(), self.slope(middle) * grid.diff()
        smooth = risen < 0.1  # in the others the slope may vary too much for one of its values to stand for it
        if not torch.allclose(slope[smooth], risen[smooth], rtol=0.5, atol=1e-3):
            raise bad(f"{name}.slope", self.slope(middle).tolist(), "the derivative of level")

    def _to_floats(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, f.name, number(f"{type(self).__name__} {f.name}", getattr(self, f.name)))

    def __str__(self) -> str:
        """String form that `parse` reads back, as in ``polynomial:2.0``."""
        return text_of(self)


@dataclass(frozen=True)
class Linear(Noise):
    r"""$\alpha(t) = 1 - t$.

    >>> Linear().level(torch.tensor([0.25])).tolist()
    [0.25]
    """

    def alpha(self, time: Tensor) -> Tensor:
        return 1 - time

    def level(self, time: Tensor) -> Tensor:
        return time

    def slope(self, time: Tensor) -> Tensor:
        return torch.ones_like(time)

    def time(self, level: Tensor) -> Tensor:
        return level


@dataclass(frozen=True)
class Cosine(Noise):
    r"""$\alpha(t) = 1 - \sin(\pi t / 2)$: the masked fraction falls slowly first, fast at the end.

    >>> str(Cosine()), float(Cosine().alpha(torch.tensor(1.0)))
    ('cosine', 0.0)
    """

    def alpha(self, time: Tensor) -> Tensor:
        return 2 * torch.sin(math.pi / 4 * (1 - time)) ** 2

    def level(self, time: Tensor) -> Tensor:
        return torch.sin(math.pi / 2 * time)

    def slope(self, time: Tensor) -> Tensor:
        return math.pi / 2 * torch.sin(math.pi / 2 * (1 - time))

    def time(self, level: Tensor) -> Tensor:
        return 2 / math.pi * torch.asin(level)


@dataclass(frozen=True)
class Polynomial(Noise):
    r"""$\alpha(t) = 1 - t^p$ with `power` p > 0.

    >>> Polynomial(power=2.0).level(torch.tensor([0.5])).tolist()
    [0.25]
    """

    power: float = 2.0

    def __post_init__(self) -> None:
        self._to_floats()
        if not (math.isfinite(self.power) and self.power > 0):
            raise bad("Polynomial power", self.power, "a finite number above 0")

    def alpha(self, time: Tensor) -> Tensor:
        return -torch.expm1(self.power * torch.log(time))

    def level(self, time: Tensor) -> Tensor:
        return time**self.power

    def slope(self, time: Tensor) -> Tensor:
        return self.power * time ** (self.power - 1)

    def time(self, level: Tensor) -> Tensor:
        return level ** (1 / self.power)


@dataclass(frozen=True)
class Geometric(Noise):
    r"""$\alpha(t)$ proportional to $e^{-\beta(t)} - e^{-\beta_1}$ with $\beta(t) = \beta_0^{1-t}\, \beta_1^t$.

    The published form, $\alpha = e^{-\beta(t)}$, starts below 1 and ends above 0; the affine rescaling here makes
    $\alpha(0) = 1$ and $\alpha(1) = 0$ exactly. `low` is $\beta_0$, `high` is $\beta_1$.

    >>> float(Geometric().alpha(torch.tensor(0.0, dtype=torch.float64)))
    1.0
    """

    low: float = 1e-5
    high: float = 20.0

    def __post_init__(self) -> None:
        self._to_floats()
        if not (0 < self.low < self.high < math.inf):
            raise bad("Geometric(low, high)", (self.low, self.high), "0 < low < high < infinity")

    @property
    def _ratio(self) -> float:
        return math.log(self.high / self.low)

    @property
    def _span(self) -> float:
        return -math.exp(-self.low) * math.expm1(self.low - self.high)

    def alpha(self, time: Tensor) -> Tensor:
        # high - beta(t), without cancellation at t = 1.
        remaining = -self.high * torch.expm1(-self._ratio * (1 - time))
        return (-torch.exp(remaining - self.high) * torch.expm1(-remaining) / self._span).clamp(0, 1)

    def level(self, time: Tensor) -> Tensor:
        grown = self.low * torch.expm1(self._ratio * time)
        return (-math.exp(-self.low) * torch.expm1(-grown) / self._span).clamp(0, 1)

    def slope(self, time: Tensor) -> Tensor:
        beta = self.low * torch.exp(self._ratio * time)
        return self._ratio * beta * torch.exp(-beta) / self._span

    def time(self, level: Tensor) -> Tensor:
        grown = -torch.log1p(-level * self._span * math.exp(self.low))
        late = torch.log1p(grown / self.low) / self._ratio
        remaining = torch.logaddexp(torch.zeros_like(level), torch.log((1 - level) * self._span) + self.high)
        early = 1 + torch.log1p(-remaining / self.high) / self._ratio
        return torch.where(level < 0.5, late, early).clamp(0, 1)


NOISES: Registry[Noise] = Registry(
    "noise schedule", Noise, {kebab(cls): cls for cls in (Linear, Cosine, Polynomial, Geometric)}, named=False
)
"""All noise schedules, by name."""


def parse(text: str) -> Noise:
    """Read a noise schedule from its string form: ``linear``, ``polynomial:2.0``, ``geometric:1e-5,20``.

    Raises `ValueError` for an unknown name (listing those there are) or arguments that do not fit.
    """
    return NOISES.read(text)
