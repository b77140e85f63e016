"""Intervals of figures that vary with two things at once: the run, and the examples that every run is tested on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...errors import bad
from .proportion import wilson
from .variance import t_quantile

__all__ = ["Crossed", "Part", "crossed"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Part:
    r"""One population of test examples, such as all parts with a defect.

    Args:
        values: What each of R runs says of each of n examples, [R, n].
        coefficient: The number c by which the mean of this population counts.
        reach: The largest distance of a value from the mean, such as 1 for differences of two decisions. Two examples,
            one in each direction by $1 / \sqrt{R}$ of it, are added to the n for the variance, and for it alone.
    """

    values: Floats
    coefficient: float = 1.0
    reach: float = 0.0

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def variance(self) -> float:
        """Variance of the mean that the choice of the examples makes, with the added examples."""
        apart = self.reach / math.sqrt(len(self.values))
        means = np.concatenate([self.values.mean(0), [self.mean + apart, self.mean - apart] if apart else []])
        return float(means.var(ddof=1) / len(means)) if len(means) > 1 else math.nan

    @property
    def shared(self) -> float:
        """Variance of the mean that is in the variance over examples and in that over runs: what is of neither."""
        runs, count = self.values.shape
        if min(runs, count) < 2:
            return 0.0
        left = self.values - self.values.mean(0) - self.values.mean(1, keepdims=True) + self.values.mean()
        return float(np.square(left).sum() / ((runs - 1) * (count - 1)) / (runs * count))


@dataclass(frozen=True)
class Crossed:
    """A figure with its 95 % interval, and the two sources of its variance.

    Args:
        value: The figure, a mean over runs.
        low: Lower end of the interval.
        high: Upper end.
        variance: Variance of the figure.
        quantile: Standard errors on each side of the interval, of Student's distribution.
        by_runs: Variance of the figure that the runs make.
        by_examples: Variance that the test examples make.
        runs: Number of runs.
        examples: Number of test examples of the smallest population.
    """

    value: float
    low: float
    high: float
    variance: float
    quantile: float
    by_runs: float
    by_examples: float
    runs: int
    examples: int

    def within(self, low: float, high: float) -> Crossed:
        """The same figure, its interval cut at the smallest and the largest possible value."""
        return replace(self, low=max(low, self.low), high=min(high, self.high))

    def as_share(self) -> Crossed:
        r"""The same share, or area under the ROC curve, with Wilson's interval for an effective number of examples.

        That number is $\theta (1 - \theta) / V$, but at most that of the smallest population: an average over runs does
        not make more examples.
        """
        effective, spread = float(self.examples), self.value * (1 - self.value)
        if spread > 0 and self.variance > 0:
            effective = min(effective, spread / self.variance)
        low, high = wilson(self.value, effective, self.quantile)
        return replace(self, low=low, high=high)


def crossed(parts: Sequence[Part], by_run: Floats | None = None) -> Crossed:
    r"""The figure $\theta = \sum_k c_k \bar y_k$ with an interval for other runs and other test examples.

    Every run r is tested on the same examples i. With $y_{ri}$ what it says of them, the variances over runs and over
    examples both hold what is of neither, so that it is taken off once,

    $$V = \frac{s^2(\theta_r)}{R}
    + \sum_k c_k^2 \left(\frac{s^2(\bar y_{\cdot i})}{n_k} - \frac{s_{ri}^2}{R\,n_k}\right),$$

    but V is at least each of the two. The interval is $\theta \pm t \sqrt{V}$, with Welch's and Satterthwaite's degrees
    of freedom. A few examples can agree by chance, and their variance is then too small: `Part.reach` widens it, as
    Bonett and Price add a trial in each direction to a difference of shares (`python -m studies.pilots` simulates it).

    Sources: Gallas, Bandos, Samuelson and Wagner, "A framework for random-effects ROC analysis", Communications in
    Statistics 38, 2009 (readers and cases); Bonett and Price as in `paired_shares`. SciPy and statsmodels have no
    crossed design.

    Args:
        parts: The populations of examples, with as many runs each.
        by_run: The figure of each run, [R], if it is not the sum of the means. The parts are then for the variance.

    Raises:
        ValueError: If a population has no example, or there are fewer than two runs.

    >>> import numpy as np
    >>> found = crossed([Part(np.array([[1.0, 0, 1, 1], [1, 0, 0, 1], [1, 0, 1, 1]]))]).as_share()
    >>> round(found.value, 3), 0 < found.low < found.value < found.high < 1
    (0.667, True)
    """
    runs, fewest = len(parts[0].values), min(each.values.shape[1] for each in parts)
    if fewest < 1 or runs < 2:
        raise bad("runs and test examples", f"{runs} and {fewest}", "at least 2 runs and 1 example of each kind")
    theta = sum(each.coefficient * each.values.mean(1) for each in parts) if by_run is None else by_run
    between = float(np.var(theta, ddof=1)) / runs
    sizes = np.array([each.coefficient**2 * each.variance for each in parts])
    examples = float(sizes.sum())
    shared = sum(each.coefficient**2 * each.shared for each in parts)
    total = max(between + examples - shared, between, examples)
    lost = between**2 / (runs - 1)
    for size, each in zip(sizes, parts, strict=True):
        lost += size**2 / max(1, each.values.shape[1] + 2 * (each.reach > 0) - 1)
    quantile = t_quantile(total**2 / lost if total > 0 else max(1, fewest - 1))
    value, reach = float(np.mean(theta)), quantile * math.sqrt(total)
    return Crossed(value, value - reach, value + reach, total, quantile, between, examples, runs, fewest)
