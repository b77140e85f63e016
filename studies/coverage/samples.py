"""Figures of samples: shares, means, distances, neighbours, different items, pairs.

Figures that depend on the number of samples have one case for each number: the truth is the mean of the figure over
independent sets of this number, from `_LARGE` sets. Its error is then below a tenth of an interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from dguide.evaluate import Estimate, Evaluation, estimate, paired_differences, proportion
from dguide.evaluate.points.distances import Kernel, Normal
from dguide.evaluate.points.neighbours import Balls
from dguide.evaluate.statistics.intervals import dependent_share, distinct_share, jackknife, quantile, share
from dguide.evaluate.statistics.means import mean
from dguide.evaluate.texts.ngrams import divergence

from .case import Case

__all__ = ["CASES", "at"]

_LARGE, _WIDTH, _K = 1000, 64, 5
Figure = Callable[[int, np.random.Generator, int], Estimate]
"""A figure of n new samples, with an interval from so many halves."""


def _points(n: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """64 features that lie near a surface of eight dimensions, as those of images do."""
    axes = np.random.default_rng(5).normal(size=(8, _WIDTH))
    return np.tanh(generator.normal(size=(n, 8)) @ axes / 3) + 0.1 * generator.normal(size=(n, _WIDTH))


@cache
def _real(n: int) -> NDArray[np.float64]:
    return _points(n, np.random.default_rng(1))


def _frechet(n: int, generator: np.random.Generator, halves: int) -> Estimate:
    real, drawn = Normal.of(_real(1000)), _points(n, generator)
    figure = lambda rows: real.distance(Normal.of(drawn[rows]))  # noqa: E731
    return estimate("Fréchet distance", figure, n, bounds=(0, math.inf), repetitions=halves)


def _kernel(n: int, generator: np.random.Generator, halves: int) -> Estimate:
    return estimate("kernel", Kernel(_real(400), _points(n, generator)).distance, n, repetitions=halves)


def _ball(name: str, n: int, generator: np.random.Generator, halves: int) -> Estimate:
    balls = Balls(_real(n), _points(n, generator), _K)
    return dependent_share(name, getattr(balls, name), n, n, fixed=True, repetitions=halves)


def _density(n: int, generator: np.random.Generator, halves: int) -> Estimate:
    balls = Balls(_real(n), _points(n, generator), _K)
    return estimate("density", balls.density, n, bounds=(0, math.inf), repetitions=halves)


def _zipf(kinds: int) -> NDArray[np.float64]:
    law = 1 / np.arange(1, kinds + 1)
    found: NDArray[np.float64] = law / law.sum()
    return found


def _unique(n: int, generator: np.random.Generator, halves: int) -> Estimate:
    return distinct_share("unique", generator.choice(3000, n, p=_zipf(3000)), repetitions=halves)


def _grams(order: int, kinds: int, n: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """The numbers of the n-grams of `order` tokens in n sequences of 20 tokens."""
    drawn = generator.choice(kinds, (n, 20), p=_zipf(kinds))
    return sum(drawn[:, i : 21 - order + i] * kinds**i for i in range(order))


def _distinct(order: int, kinds: int, n: int, generator: np.random.Generator, halves: int) -> Estimate:
    drawn = _grams(order, kinds, n, generator)
    figure = lambda rows: len(np.unique(drawn[rows])) / drawn[rows].size  # noqa: E731
    return dependent_share(f"distinct-{order}", figure, drawn.size, n, repetitions=halves)


def _divergence(order: int, kinds: int, n: int, generator: np.random.Generator, halves: int) -> Estimate:
    drawn, law = _grams(order, kinds, n, generator), _zipf(kinds)
    for _ in range(order - 1):
        law = np.multiply.outer(_zipf(kinds), law).ravel()
    figure = lambda rows: divergence(np.bincount(drawn[rows].ravel(), minlength=len(law)) / drawn[rows].size, law)  # noqa: E731
    return estimate("divergence", figure, n, bounds=(0, 1), repetitions=halves)


def _diversity(n: int, generator: np.random.Generator, halves: int) -> Estimate:
    """Mean Tanimoto distance of pairs of fingerprints: 64 bits, each set with a probability of the class, of three."""
    chances = np.random.default_rng(7).beta(0.5, 1.5, (3, 64))
    bits = (generator.random((n, 64)) < chances[generator.integers(3, size=n)]).astype(float)
    common, sizes = bits @ bits.T, bits.sum(1)
    union = sizes[:, None] + sizes - common
    distances = 1 - np.divide(common, union, out=np.ones_like(common), where=union > 0)
    np.fill_diagonal(distances, 0.0)
    sums = distances.sum(1)
    value, left_out = sums.sum() / (n * (n - 1)), (sums.sum() - 2 * sums) / ((n - 1) * (n - 2))
    found = jackknife("internal diversity", float(value), left_out, bounds=(0, 1))
    return found


def at(name: str, law: str, figure: Figure, n: int) -> Case:
    """The case of a figure that depends on the number of samples, at one number."""

    @cache
    def truth() -> float:
        generator = np.random.default_rng([9, n])
        return float(np.mean([figure(n, generator, 0).value for _ in range(_LARGE)]))

    def draw(count: int, generator: np.random.Generator) -> tuple[float, float]:
        # The truth is computed when it is first needed: 0 stands for it.
        found = figure(count, generator, 200)
        return found.low - truth(), found.high - truth()

    return Case(name, law, 0.0, draw, (n,))


def _share(p: float) -> Case:
    def draw(n: int, generator: np.random.Generator) -> tuple[float, float]:
        found = proportion(int(generator.binomial(n, p)), n)
        return found.low, found.high

    return Case("share", f"probability {p}", p, draw)


def _mean(law: str, truth: float, values: Callable[[int, np.random.Generator], NDArray[np.float64]]) -> Case:
    def draw(n: int, generator: np.random.Generator) -> tuple[float, float]:
        drawn = values(n, generator)
        found = mean("mean", drawn)
        return found.low, found.high

    return Case("mean of a property", law, truth, draw, (3, 4, 20, 50, 200, 1000))


def _quantile(percent: float) -> Case:
    def draw(n: int, generator: np.random.Generator) -> tuple[float, float]:
        found = quantile("quantile", generator.exponential(size=n), percent)
        return found.low, found.high

    return Case(f"{percent:g} % quantile", "exponential", -math.log(1 - percent / 100), draw)


def _difference(p: float) -> Case:
    """A perfect model beside as many held-out data: the difference of the shares is zero."""

    def draw(n: int, generator: np.random.Generator) -> tuple[float, float]:
        own, real = (share("share", generator.random(n) < p) for _ in range(2))
        return own.beside(real).difference

    return Case("samples - held-out data", f"share of {p}, perfect model", 0.0, draw)


def _perfect(name: str, figure: Figure) -> Case:
    def draw(n: int, generator: np.random.Generator) -> tuple[float, float]:
        own, real = (figure(n, generator, 200) for _ in range(2))
        return own.beside(real).difference

    return Case("samples - held-out data", f"{name}, perfect model", 0.0, draw, (20, 50, 200))


def _pairs(shift: float, n: int, generator: np.random.Generator) -> tuple[Evaluation, Evaluation]:
    """A share and a mean of two sets whose samples share most of their chance."""
    common = generator.normal(size=n)
    sets = (common + 0.3 * generator.normal(size=n) + part for part in (shift, 0.0))

    def evaluation(x: NDArray[np.float64]) -> Evaluation:
        figures = (share("share", x > 0), mean("mean", x))
        return Evaluation("toy", True, figures, n, 0.0)

    first, second = map(evaluation, sets)
    return first, second


def _paired(name: str, shift: float, truth: float) -> Case:
    def draw(n: int, generator: np.random.Generator) -> tuple[float, float]:
        found = {each.name: each for each in paired_differences(*_pairs(shift, n, generator))}[name]
        return found.low, found.high

    return Case("paired difference", f"{name}, shift of {shift}", truth, draw)


def _above(shift: float) -> float:
    """Share of normal numbers of variance 1.09 above zero, with a shift, minus that without."""
    return math.erf(shift / math.sqrt(2 * 1.09)) / 2


_SIZED: tuple[tuple[str, str, Figure, tuple[int, ...]], ...] = (
    ("Fréchet distance", "64 features, model = data", _frechet, (20, 50, 200, 1000)),
    ("kernel distance", "64 features, model = data", _kernel, (20, 50, 200, 1000)),
    ("recall", "64 features, model = data", partial(_ball, "recall"), (20, 50, 200, 500)),
    ("coverage", "64 features, model = data", partial(_ball, "coverage"), (20, 50, 200, 500)),
    ("density", "64 features, model = data", _density, (20, 50, 200)),
    ("unique", "3,000 items, Zipf", _unique, (20, 50, 200, 1000)),
    ("internal diversity", "fingerprints of three families", _diversity, (20, 50, 200, 1000)),
    ("distinct-1", "20 of 3,000 tokens each, Zipf", partial(_distinct, 1, 3000), (20, 50, 200, 1000)),
    *(
        (f"distinct-{order}", "20 of 100 tokens each, Zipf", partial(_distinct, order, 100), (20, 50, 200, 1000))
        for order in (2, 3, 4)
    ),
    ("1-gram divergence", "20 of 300 tokens each, Zipf", partial(_divergence, 1, 300), (20, 50, 200, 1000)),
    *(
        (f"{order}-gram divergence", "20 of 12 tokens each, Zipf", partial(_divergence, order, 12), (20, 50, 200, 1000))
        for order in (2, 3, 4)
    ),
)
CASES = (
    *(_share(p) for p in (0.5, 0.9, 0.99)),
    _mean("normal", 0.0, lambda n, generator: generator.normal(size=n)),
    _mean("exponential", 1.0, lambda n, generator: generator.exponential(size=n)),
    _mean("lognormal", math.exp(0.5), lambda n, generator: generator.lognormal(size=n)),
    _mean("Student's, 3 degrees of freedom", 0.0, lambda n, generator: generator.standard_t(3, size=n)),
    _mean("counts of rings, binomial 6, 0.3", 1.8, lambda n, generator: generator.binomial(6, 0.3, n).astype(float)),
    *(_quantile(percent) for percent in (10, 50, 90)),
    *(at(name, law, figure, n) for name, law, figure, sizes in _SIZED for n in sizes),
    *(_difference(p) for p in (0.5, 0.9, 0.99)),
    _perfect("Fréchet distance", _frechet),
    _perfect("recall", partial(_ball, "recall")),
    _perfect("unique", _unique),
    *(_paired("share", shift, _above(shift)) for shift in (0.0, 0.3)),
    *(_paired("mean", shift, shift) for shift in (0.0, 0.3)),
)
