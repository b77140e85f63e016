"""Parts of an extension that do not fit together are refused before sampling, and not sampled from silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from dguide import (
    Ancestral,
    Constant,
    FirstHitting,
    Interval,
    Masked,
    Normalized,
    Piecewise,
    Power,
    RampUp,
    Sine,
    V,
    sample,
)
from dguide.exact import Problem
from dguide.guidance import RateGuidance, Schedule
from dguide.guidance.verify import verify_schedule
from dguide.noise import Cosine, Geometric, Linear, Polynomial
from dguide.samplers import RateSampler


@dataclass(frozen=True, eq=False)
class Own(RateGuidance):
    weight: Any
    keeps_pace = False

    def __post_init__(self) -> None:
        self._accept_weight()

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return tilted + log_z


class Halved(Own):
    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return 0.5 * tilted + log_z


class Concave(Own):
    """Its rate is not convex in w, which `FirstHitting` relies on."""

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return tilted - 4 * log_z


class Silent(RateGuidance):
    weight = Constant(1.0)

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return tilted


@dataclass(frozen=True)
class Wavy(Schedule):
    top: float
    means: float = 1.0
    bends: tuple[float, ...] = (0.5,)

    def __call__(self, level: Tensor) -> Tensor:
        return self.top * (level.double() - 0.5) ** 2

    def average(self, low: Tensor, high: Tensor) -> Tensor:
        area = ((high.double() - 0.5) ** 3 - (low.double() - 0.5) ** 3) / 3
        return self.top * torch.where(high > low, self.means * area / (high - low), (low.double() - 0.5) ** 2)

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return self.bends


class Undeclared(Schedule):
    def __init__(self) -> None:
        pass

    def __call__(self, level: Tensor) -> Tensor:
        return torch.ones_like(level)

    def average(self, low: Tensor, high: Tensor) -> Tensor:
        return torch.ones_like(low)


class Probabilities(Ancestral):
    def log_stay(self, log_intensity: Tensor) -> Tensor:
        return torch.exp(-torch.exp(log_intensity))


class NoPromise(RateSampler):
    def log_stay(self, log_intensity: Tensor) -> Tensor:
        return -torch.exp(log_intensity)


class BadTime(Polynomial):
    def time(self, level: Tensor) -> Tensor:
        return level


class BadSlope(Polynomial):
    def slope(self, time: Tensor) -> Tensor:
        return -super().slope(time)


class BadAlpha(Polynomial):
    def alpha(self, time: Tensor) -> Tensor:
        return 1 - time


class Rising(Polynomial):
    def alpha(self, time: Tensor) -> Tensor:
        return super().level(time)

    def level(self, time: Tensor) -> Tensor:
        return super().alpha(time)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"guidance": Halved(1.0)}, r"Halved.log_intensity: got .*, expected tilted and a term that depends on log_z"),
        ({"guidance": Silent()}, r"Silent.keeps_pace: got nothing, expected a class attribute.*declare keeps_pace"),
        ({"guidance": Own(Wavy(2.0, means=1.2))}, r"Wavy.average from m = 0 to 0.5: got 0.2, expected 0.1666"),
        ({"guidance": Own(Wavy(2.0, means=float("nan")))}, r"Wavy.average.*got nan"),
        ({"guidance": Own(Wavy(2.0, bends=()))}, r"Wavy.breakpoints: got a weight that turns from m = 0 to 1"),
        ({"sampler": Probabilities(3)}, r"Probabilities.log_stay: got .* expected log-probabilities, at most 0"),
        ({"sampler": NoPromise(3)}, r"NoPromise.guarantee: got nothing"),
        ({"process": Masked(2, noise=BadTime(3.0))}, "BadTime.time: got times with levels"),
        ({"process": Masked(2, noise=BadSlope(3.0))}, "BadSlope.slope: .* the derivative of level"),
        ({"process": Masked(2, noise=BadAlpha(3.0))}, "BadAlpha.level: .* 1 - alpha"),
        ({"process": Masked(2, noise=Rising(3.0))}, "Rising.level: .* rise from 0"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_sampling(changes: dict[str, Any], message: str) -> None:
    problem = Problem(Masked(2), torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5]))
    given: dict[str, Any] = {"process": problem.process, "guidance": Own(1.0), "sampler": Ancestral(3)} | changes
    with pytest.raises(ValueError, match=message):
        sample(problem.oracle(), length=1, condition=torch.zeros(2, dtype=torch.int64), **given)


def test_a_schedule_is_a_dataclass() -> None:
    with pytest.raises(ValueError, match="Undeclared: got a class that is no dataclass"):
        verify_schedule(Undeclared())


def test_what_fits_together_is_accepted() -> None:
    verify_schedule(Wavy(2.0))
    for noise in (Polynomial(0.01), Polynomial(50.0), Geometric(1e-9, 300.0), Cosine(), Linear()):
        noise.verify()
    for schedule in (
        Interval(2.0, 0.2, 0.7),
        RampUp(3.0, 0.1, 0.1),
        V(1.0),
        Sine(2.0),
        Power(1.0, 0.3),
        Power(1.0, 9.0),
    ):
        verify_schedule(schedule)


def test_first_hitting_notices_a_rate_above_its_bound() -> None:
    problem = Problem(Masked(2), torch.tensor([[0.7, 0.1], [0.1, 0.1]]), torch.full((2, 2), 0.25))
    weight = Piecewise(((0.0, 3.0), (1.0, -1.0)))
    labels = torch.zeros(2000, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"FirstHitting with Concave: got an exit rate above its bound.*convex in w"):
        sample(
            problem.oracle(),
            process=problem.process,
            length=2,
            condition=labels,
            guidance=Concave(weight),
            sampler=FirstHitting(),
        )


def test_a_mechanism_with_the_values_of_a_verified_one_is_not_verified_again() -> None:
    seen = []

    @dataclass(frozen=True, eq=False)
    class Watched(Normalized):
        share: float = 1.0

        def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
            seen.append(self.share)
            return tilted

    each = torch.ones(2, dtype=torch.float64)
    for weight, share in ((1.0, 1.0), (1.0, 1.0), (1.0, 0.5), (each, 1.0), (each, 1.0)):
        before = len(seen)
        Watched(weight, share).verify()
        seen.append(len(seen) > before)
    assert [known for known in seen if isinstance(known, bool)] == [True, False, True, True, True]
