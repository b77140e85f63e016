"""Figures of readings: losses, temperature, areas under ROC curves, thresholds, calibration.

The claimed probabilities are those of a fixed list of 20,000 readings, and the classes are drawn by known probabilities
for each reading. So the true mean losses are sums over the list, exact but for rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch

from dguide.evaluate import Detection, Estimate, Reading, calibration_estimates, temperature_estimate
from dguide.evaluate.reading.calibration import calibration_chance, calibration_error
from dguide.evaluate.reading.comparison import log_loss_difference

from .case import Case

__all__ = ["CASES", "Law"]

Interval = tuple[float, float]
_UNIT = NormalDist()


@dataclass(frozen=True)
class Law:
    """Readings of C classes, and their true probabilities.

    Args:
        name: The law in words.
        classes: Number C of classes.
        spread: Standard deviation of the nats at which the probabilities are true.
        temperature: The temperature of the claimed nats.
        noise: Share of the sequences whose class is drawn at random from all.
    """

    name: str
    classes: int
    spread: float
    temperature: float = 1.0
    noise: float = 0.0
    count: int = 20_000

    def __post_init__(self) -> None:
        source = torch.Generator().manual_seed(0)
        nats = self.spread * torch.randn(self.count, self.classes, generator=source, dtype=torch.float64)
        object.__setattr__(self, "true", (1 - self.noise) * torch.softmax(-nats, -1) + self.noise / self.classes)
        flat = torch.full((self.classes,), -math.log(self.classes), dtype=torch.float64)
        read = Reading(self.temperature * nats, flat, torch.zeros(self.count), 1)
        object.__setattr__(self, "reading", read)

    true: torch.Tensor = None  # type: ignore[assignment]
    reading: Reading = None  # type: ignore[assignment]

    def draw(self, n: int, generator: np.random.Generator) -> tuple[Reading, torch.Tensor]:
        """n sequences and their classes."""
        rows = torch.from_numpy(generator.integers(self.count, size=n))
        above = torch.from_numpy(generator.random(n))[:, None] > self.true[rows].cumsum(-1)
        return self.reading.take(rows), above.sum(-1).clamp(max=self.classes - 1)

    def log_loss(self, temperature: float = 1.0) -> float:
        """The true mean log loss."""
        return -float((self.true * self.reading.tempered(temperature).log_probs).sum(-1).mean())

    def brier(self) -> float:
        """The true mean Brier score."""
        claimed = self.reading.log_probs.exp()
        return float((claimed.square().sum(-1) - 2 * (claimed * self.true).sum(-1) + 1).mean())

    def best_temperature(self) -> float:
        """The temperature of the least true mean log loss: without noise that at which the nats are true."""
        if self.noise == 0:
            return self.temperature
        low, high = math.log(0.01), math.log(100)
        for _ in range(60):
            thirds = low + (high - low) / 3, high - (high - low) / 3
            left, right = (self.log_loss(math.exp(each)) for each in thirds)
            low, high = (low, thirds[1]) if left < right else (thirds[0], high)
        return math.exp(low)


LAWS = (
    Law("10 classes, calibrated, 96.5 % read right", 10, 30.0),
    Law("3 classes, calibrated, 99.5 % read right", 3, 120.0),
    Law("5 classes, nats 3 times too large, 90 % read right", 5, 8.0, 3.0),
    Law("10 classes, nats 0.4 of what they should be, 95 % read right", 10, 20.0, 0.4),
    Law("10 classes, one in 50 labels at random", 10, 60.0, 1.0, 0.02),
    Law("4 classes, calibrated, 69 % read right", 4, 2.0),
)


def _ends(figure: Estimate) -> Interval:
    return figure.low, figure.high


def _losses(law: Law) -> list[Case]:
    def figure(place: int) -> object:
        def draw(n: int, generator: np.random.Generator) -> Interval:
            reading, labels = law.draw(n, generator)
            return _ends(calibration_estimates(reading.log_probs, labels, repetitions=0)[place])

        return draw

    def temperature(n: int, generator: np.random.Generator) -> Interval:
        return _ends(temperature_estimate(*law.draw(n, generator)))

    def difference(n: int, generator: np.random.Generator) -> Interval:
        reading, labels = law.draw(n, generator)
        return _ends(log_loss_difference(reading, reading.tempered(wanted), labels))

    wanted = 0.5 if law.temperature < 1 else 2.0
    return [
        Case("log loss", law.name, law.log_loss(), figure(1)),  # type: ignore[arg-type]
        Case("Brier score", law.name, law.brier(), figure(2)),  # type: ignore[arg-type]
        Case("temperature", law.name, law.best_temperature(), temperature),
        Case("difference in log loss", f"{law.name}, T = {wanted}", law.log_loss(wanted) - law.log_loss(), difference),
    ]


def _chance(law: Law) -> Case:
    """The error of true probabilities, less the ends of the range that is reported for it."""

    def draw(n: int, generator: np.random.Generator) -> Interval:
        reading, _ = law.draw(n, generator)
        labels = torch.from_numpy((generator.random(n)[:, None] > reading.log_probs.exp().cumsum(-1).numpy()).sum(-1))
        labels = labels.clamp(max=law.classes - 1)
        low, high = calibration_chance(reading.log_probs, seed=int(generator.integers(1 << 30)))
        error = calibration_error(reading.log_probs, labels)
        return low - error, high - error

    return Case("calibration error, range of true probabilities", law.name, 0.0, draw)


def _scores(area: float, spread: float, share: float, lost: bool, n: int, source: np.random.Generator) -> Detection:
    """Normal scores; with `lost` a part of the defects scores as what has none, and the others above all."""
    defect = np.arange(n) < round(share * n)
    scores = source.normal(size=n)
    if lost:
        scores = np.where(defect & (source.random(n) > 2 * (1 - area)), 50.0, scores)
    else:
        shift = _UNIT.inv_cdf(area) * math.hypot(1, spread)
        scores = np.where(defect, spread * scores + shift, scores)
    return Detection(scores, defect)


def _area(area: float, spread: float, share: float, lost: bool = False) -> Case:
    def draw(n: int, generator: np.random.Generator) -> Interval:
        return _ends(_scores(area, spread, share, lost, n, generator).area())

    kind = "some defects not seen" if lost else f"normal scores, those of defects spread {spread:g} times"
    name = f"area {area}, {share:.0%} defects, {kind}"
    return Case("area under the ROC curve", name, area, draw, (20, 50, 200, 1000) if share > 0.2 else (50, 200, 1000))


def _areas(first: float, second: float, correlation: float) -> Case:
    def draw(n: int, generator: np.random.Generator) -> Interval:
        defect, common = np.arange(n) < n // 4, generator.normal(size=n)
        scores = []
        for area in (first, second):
            noise = math.sqrt(correlation) * common + math.sqrt(1 - correlation) * generator.normal(size=n)
            scores.append(Detection(noise + math.sqrt(2) * _UNIT.inv_cdf(area) * defect, defect))
        return _ends(scores[0].difference(scores[1]))

    name = f"areas {first} and {second}, 25 % defects, correlation of scores {correlation}"
    return Case("difference of areas", name, first - second, draw)


def _threshold(confidence: float, most: float) -> Case:
    """From the true share of false alarms of the threshold to 1: contains the promised share if the promise is kept."""

    def draw(n: int, generator: np.random.Generator) -> Interval:
        scores = generator.random(n + 1)
        threshold = Detection(scores, np.arange(n + 1) == n).for_false_alarms(most, confidence)
        return (math.nan, math.nan) if threshold == math.inf else (1 - threshold, 1.0)

    name = f"at most {most:.0%} with {confidence:.0%} confidence"
    return Case("threshold", name, most, draw, (59, 100, 200, 1000) if most == 0.05 else (299, 400, 1000))


AREAS = ((0.99, 0.99), (0.99, 0.8), (0.95, 0.95), (0.95, 0.9), (0.8, 0.8))
CASES = (
    *(case for law in LAWS for case in _losses(law)),
    *map(_chance, LAWS[:2]),
    *(_area(area, spread, 0.5) for area in (0.8, 0.96, 0.99) for spread in (1, 3)),
    *(_area(area, 3, 0.1) for area in (0.96, 0.99)),
    *(_area(area, 1, 0.5, lost=True) for area in (0.96, 0.99)),
    *(_areas(*areas, correlation) for areas in AREAS for correlation in (0.3, 0.9)),
    _threshold(0.95, 0.05),
    _threshold(0.95, 0.01),
)
