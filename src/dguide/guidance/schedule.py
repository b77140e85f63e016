r"""Guidance schedules: how the weight w depends on the noise level.

A schedule is a function of the noise level $m = 1 - \alpha(t)$ (m = 1 is noise, m = 0 data), so that another noise
schedule changes nothing else; with $\alpha = 1 - t$, m is t. Schedules are compared at equal mean
$\int_0^1 w(m)\, dm$. Theory (arXiv 2507.08965, Section 4): strong guidance early, near m = 1, harms; late guidance
helps.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

from ..devices import on_cpu
from ..errors import bad, in_tensor, number
from ..extension import Extensible, final, takes_tensors
from ..spec import text_of
from .weight import checked_weight, one_each

__all__ = [
    "Constant",
    "Interval",
    "InverseLinear",
    "InverseV",
    "Linear",
    "PerSample",
    "Piecewise",
    "RampUp",
    "Schedule",
    "V",
]

Knots: TypeAlias = tuple[tuple[float, float], ...]


class Schedule(Extensible, ABC):
    """A guidance weight as a function of the noise level: callable on tensors, with a mean.

    A new schedule is a frozen dataclass whose first field scales it, with `__call__`, `average` and, where w jumps,
    bends or turns, `breakpoints`. `__call__` and `average` are overridden together.

    >>> RampUp(1.0).scaled_to(3.0).mean()
    3.0
    """

    together = (("__call__", "average"),)

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        takes_tensors(cls, "__call__", "average")

    @abstractmethod
    def __call__(self, level: Tensor) -> Tensor:
        """The weight w at noise `level` (any shape, in [0, 1])."""

    @abstractmethod
    def average(self, low: Tensor, high: Tensor) -> Tensor:
        """The mean of w over noise levels from `low` to `high`; w itself where the two are equal."""

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Levels inside (0, 1), increasing, between which w is smooth and monotone."""
        return ()

    @final
    @on_cpu
    def mean(self) -> float:
        r"""$\int_0^1 w(m)\, dm$."""
        return float(self.average(torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)))

    @final
    def scaled_to(self, mean: float) -> Schedule:
        """The same shape with another mean. Raises `ValueError` if a mean of zero would have to be scaled."""
        own, mean = self.mean(), number(f"{self}.scaled_to mean", mean)
        if own == 0 and mean != 0:
            raise bad(f"{self}.scaled_to", f"mean {mean} asked of a schedule whose mean is 0", "a mean that can scale")
        return self._times(mean / own if own else 1.0)

    @final
    def per_sample(self, factor: Tensor) -> PerSample:
        """This schedule times one number for each sample, `factor` [B], as the weight of a mechanism."""
        return PerSample(self, factor)

    def _times(self, factor: float) -> Schedule:
        first, *rest = [getattr(self, f.name) for f in fields(self)]  # type: ignore[arg-type]
        return type(self)(_scale(first, factor), *rest)  # type: ignore[call-arg]

    @on_cpu
    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            what, value = f"{type(self).__name__} {f.name}", getattr(self, f.name)
            if isinstance(value, Tensor) or (f.type == "float" and not isinstance(value, Real) and in_tensor(value)):
                got = f"a tensor of shape {list(value.shape)}" if isinstance(value, Tensor) else repr(value)
                each = "tensor [B]" if isinstance(value, Tensor) else "torch.tensor([...])"
                remedy = f"One weight for each sample: {type(self).__name__}(1.0, ...).per_sample({each})."
                raise bad(what, got, "a number", remedy)
            if f.type == "float":
                object.__setattr__(self, f.name, number(what, value))
        self._check_arguments()
        first = getattr(self, fields(self)[0].name)  # type: ignore[arg-type]
        if isinstance(first, float) and not math.isfinite(first):
            raise bad(f"weights of {self}", first, "finite numbers of at least -1")
        levels = torch.tensor((0.0, *self.breakpoints, 1.0), dtype=torch.float64)
        weights = self(levels)
        # Below -1 a token that the conditional forbids would be preferred.
        if not bool(torch.isfinite(weights).all()) or float(weights.min()) < -1:
            raise bad(f"weights of {self}", weights.tolist(), "finite numbers of at least -1")

    def _check_arguments(self) -> None:
        """Refuse arguments besides the weight that make no schedule."""

    def __str__(self) -> str:
        """String form that `parse_schedule` reads back, as in ``ramp-up:2.0,left=0.0,right=0.3``."""
        return text_of(self)


@dataclass(frozen=True, eq=False)
class PerSample:
    """A schedule times a number for each sample, $w_i(m) = f_i w(m)$: the result of `Schedule.per_sample`.

    Args:
        schedule: $w(m)$.
        factor: $f_i$, [B]; kept in float64.

    Raises:
        ValueError: If the factors are no tensor [B], or a weight is not finite or below -1.

    >>> RampUp(1.0).per_sample(torch.tensor([0.0, 2.0])).at(torch.tensor(0.5), torch.arange(2)).tolist()
    [0.0, 1.0]
    """

    schedule: Schedule
    factor: Tensor

    def __post_init__(self) -> None:
        what = f"{self.schedule}.per_sample"
        object.__setattr__(self, "factor", one_each(what, self.factor, "a tensor [B], one number for each sample"))
        for factor in (float(self.factor.min()), float(self.factor.max())):  # w is linear in the factor
            self.schedule._times(factor)  # refuses weights that are not finite or below -1

    def __len__(self) -> int:
        return len(self.factor)

    def __str__(self) -> str:
        return f"{self.schedule} times one number for each sample"

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Those of the schedule."""
        return self.schedule.breakpoints

    def at(self, level: Tensor, sample: Tensor) -> Tensor:
        """The weights at noise `level` for the samples with indices `sample`."""
        return self.schedule(level) * self.factor.to(sample.device)[sample]

    def over(self, low: Tensor, high: Tensor, sample: Tensor) -> Tensor:
        """The mean weights over noise levels from `low` to `high` for the samples with indices `sample`."""
        return self.schedule.average(low, high).to(sample.device) * self.factor.to(sample.device)[sample]


def _scale(first: float | Knots, factor: float) -> object:
    return tuple((m, w * factor) for m, w in first) if isinstance(first, tuple) else first * factor


class _Broken(Schedule):
    """Schedules that are straight between knots (m, w); two knots at one level are a jump.

    At a jump the value nearer to data (smaller m) holds, unless that is zero.
    """

    @abstractmethod
    def _knots(self) -> Knots: ...

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return tuple(sorted({m for m, _ in self._knots() if 0 < m < 1}))

    def _segments(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        knots = torch.tensor(self._knots(), dtype=torch.float64, device=like.device)
        left, right = knots[:-1], knots[1:]
        keep = right[:, 0] > left[:, 0]
        return left[keep, 0], right[keep, 0], left[keep, 1], right[keep, 1]

    def __call__(self, level: Tensor) -> Tensor:
        a, b, wa, wb = self._segments(level)
        m = level.double().unsqueeze(-1)
        values = wa + (wb - wa) * (m - a) / (b - a)
        inside = (m >= a) & (m <= b)
        # Of the two segments that meet at a jump, the first that is not zero speaks.
        rank = inside.to(torch.int8) + (inside & (values != 0)).to(torch.int8)
        return values.gather(-1, rank.argmax(-1, keepdim=True)).squeeze(-1)

    def average(self, low: Tensor, high: Tensor) -> Tensor:
        a, b, wa, wb = self._segments(low)
        low, high = torch.broadcast_tensors(low.double(), high.double())
        start = torch.maximum(low.unsqueeze(-1), a)
        stop = torch.minimum(high.unsqueeze(-1), b)
        middle = wa + (wb - wa) * ((start + stop) / 2 - a) / (b - a)
        width = (high - low).unsqueeze(-1)
        share = torch.where(width > 0, (stop - start).clamp_min(0) / width, 0.0)
        return torch.where(high > low, (share * middle).sum(-1), self(low))


@dataclass(frozen=True)
class Constant(_Broken):
    """w everywhere.
    >>> float(Constant(2.0)(torch.tensor(0.5)))
    2.0
    """

    weight: float

    def _check_arguments(self) -> None:
        checked_weight("Constant weight", self.weight)

    def _knots(self) -> Knots:
        return (0.0, self.weight), (1.0, self.weight)


@dataclass(frozen=True)
class Interval(_Broken):
    """w on `left` <= m <= `right`, zero elsewhere (limited-interval guidance, arXiv 2404.07724).
    >>> float(Interval(2.0, left=0.25, right=0.75)(torch.tensor(0.5)))
    2.0
    """

    weight: float
    left: float
    right: float

    def _check_arguments(self) -> None:
        if not 0 <= self.left < self.right <= 1:
            raise bad("Interval(left, right)", (self.left, self.right), "0 <= left < right <= 1")

    def _knots(self) -> Knots:
        w = self.weight
        return (0.0, 0.0), (self.left, 0.0), (self.left, w), (self.right, w), (self.right, 0.0), (1.0, 0.0)


@dataclass(frozen=True)
class RampUp(_Broken):
    """From 0 at m = 1 linearly to w at `right`, flat down to `left`, linearly back to 0 at m = 0.

    With left = 0 it stays w to the end; with right = 1 it starts at w; with left = right = 1 it is the inverse ramp.
    >>> float(RampUp(2.0)(torch.tensor(0.5)))
    1.0
    """

    weight: float
    left: float = 0.0
    right: float = 0.0

    def _check_arguments(self) -> None:
        if not 0 <= self.left <= self.right <= 1:
            raise bad("RampUp(left, right)", (self.left, self.right), "0 <= left <= right <= 1")

    def _knots(self) -> Knots:
        w = self.weight
        start = ((0.0, 0.0),) if self.left > 0 else ()
        stop = ((1.0, 0.0),) if self.right < 1 else ()
        return (*start, (self.left, w), (self.right, w), *stop)


@dataclass(frozen=True)
class Piecewise(_Broken):
    """Straight lines between `knots` (m, w), m non-decreasing from 0 to 1; a level given twice is a jump.
    >>> float(Piecewise(((0.0, 3.0), (1.0, 1.0)))(torch.tensor(0.5)))
    2.0
    """

    knots: Sequence[tuple[float, float]]

    def _check_arguments(self) -> None:
        try:
            knots = tuple((float(m), float(w)) for m, w in self.knots)
        except (TypeError, ValueError) as error:
            raise bad("Piecewise knots", repr(self.knots), "pairs (m, w) of numbers") from error
        levels = [m for m, _ in knots]
        if (
            not all(math.isfinite(m) for m in levels)
            or len(knots) < 2
            or levels[0] != 0
            or levels[-1] != 1
            or levels != sorted(levels)
        ):
            raise bad("Piecewise levels", levels, "non-decreasing from 0 to 1, both ends included")
        if any(levels.count(m) > 2 for m in levels) or levels[1] == 0 or levels[-2] == 1:
            raise bad("Piecewise levels", levels, "each inner level at most twice (a jump), the ends once")
        # Both sides of a jump count, of which a call sees one.
        if not all(math.isfinite(w) and w >= -1 for _, w in knots):
            raise bad("Piecewise weights", [w for _, w in knots], "finite numbers of at least -1")
        object.__setattr__(self, "knots", knots)

    def _knots(self) -> Knots:
        return tuple(self.knots)


@dataclass(frozen=True)
class _Shape(_Broken):
    """A fixed shape of mean 1, times the mean."""

    average_weight: float
    _unit: ClassVar[Knots]

    def _knots(self) -> Knots:
        return tuple((m, self.average_weight * w) for m, w in self._unit)


class Linear(_Shape):
    """w(m) = 2 mean (1 - m): the ramp from nothing at noise to its most at data.
    >>> float(Linear(1.0)(torch.tensor(0.25)))
    1.5
    """

    _unit = (0.0, 2.0), (1.0, 0.0)


class InverseLinear(_Shape):
    """w(m) = 2 mean m: strong early, the wrong way round.
    >>> float(InverseLinear(1.0)(torch.tensor(0.25)))
    0.5
    """

    _unit = (0.0, 0.0), (1.0, 2.0)


class V(_Shape):
    """w(m) = 2 mean |2m - 1|: strong at both ends, nothing in the middle.
    >>> float(V(1.0)(torch.tensor(0.5)))
    0.0
    """

    _unit = (0.0, 2.0), (0.5, 0.0), (1.0, 2.0)


class InverseV(_Shape):
    """w(m) = 2 mean (1 - |2m - 1|): strong in the middle, nothing at both ends.
    >>> float(InverseV(1.0)(torch.tensor(0.5)))
    2.0
    """

    _unit = (0.0, 0.0), (0.5, 2.0), (1.0, 0.0)
