"""A figure with its interval, its sample size and what real data would get."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ...errors import bad

__all__ = ["Estimate", "Rows", "bootstrap", "estimate"]

Rows = NDArray[np.int64]
"""Indices of the samples that a figure is of, repeated or not."""


@dataclass(frozen=True)
class Estimate:
    """A figure about a set of samples.

    Args:
        name: What it is.
        value: Its value for all samples.
        low: Lower end of the interval; nan if there is none.
        high: Upper end of the interval.
        count: Number of samples it rests on.
        best: What real held-out data, as many of them, get; nan if nobody knows.
        better: "higher", "lower", or "" where neither is better.
        note: What else it depends on, such as the features.
    """

    name: str
    value: float
    low: float
    high: float
    count: int
    best: float = math.nan
    better: str = ""
    note: str = ""


def estimate(
    name: str,
    statistic: Callable[[Rows], float],
    count: int,
    *,
    best: float = math.nan,
    better: str = "",
    note: str = "",
    bounds: tuple[float, float] = (-math.inf, math.inf),
    strata: NDArray[np.int64] | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> Estimate:
    """The statistic of all `count` samples with its 95 % `bootstrap` interval, which ends at the `bounds` of what the
    figure can be; other arguments as in `Estimate`."""
    value = statistic(np.arange(count))
    interval = bootstrap(statistic, count, value, strata=strata, repetitions=repetitions, seed=seed)
    low, high = (float(end) for end in np.clip(interval, *bounds))
    return Estimate(name, value, low, high, count, best, better, note)


def bootstrap(
    statistic: Callable[[Rows], float],
    count: int,
    value: float,
    *,
    strata: NDArray[np.int64] | None = None,
    repetitions: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    r"""Interval of a statistic from its spread over half-samples, each of whose members stands there twice.

    With $s$ the standard deviation of the statistic over such draws, the interval is `value` $\pm z s$ with z the
    quantile of the normal law, 1.96 for 95 %. Within a group of n samples n / 2 are drawn without replacement and
    counted twice; if n is odd, (n - 1) / 2 are counted twice and another once, or, with probability 1/4, (n - 3) / 2
    twice and another thrice. The groups keep their sizes, and the variance of a mean is exactly that of its usual
    estimate however few a group has. Groups of one sample are drawn from as one group.

    Distances change with the number of different samples, which is half of all here and does not vary: for them the
    interval is less wide than by draws with replacement, though still wider than it has to be (at a distance of zero
    up to twice; so are recall and coverage).

    Source: Antal and Tille, "A new resampling method for sampling designs without replacement: the doubled half
    bootstrap", Computational Statistics 29, 2014.

    Args:
        statistic: Gives the figure of the samples at `rows`; may give nan where it has none.
        count: Number of samples.
        value: The figure of all samples.
        strata: Group of each sample, [count], if it was fixed beforehand how many each has, as with classes asked for
            in turn; samples are then drawn within each group, and how many it has does not vary.
        repetitions: Number of half-samples drawn; 0 for no interval.
        confidence: Of the interval.
        seed: Of the draws.

    Returns:
        Lower and upper end; nan twice if fewer than two figures are finite, or every group has one sample only.

    Raises:
        ValueError: If there are no samples, or not one group for each.
    """
    if count < 1:
        raise bad("samples", count, "at least one")
    groups = np.zeros(count, dtype=np.int64) if strata is None else strata
    if groups.shape != (count,):
        raise bad("strata", list(groups.shape), f"[{count}], a group for each sample")
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    if not math.isfinite(value) or max(len(group) for group in members) < 2:
        return math.nan, math.nan
    alone = [group for group in members if len(group) == 1]
    members = [group for group in members if len(group) > 1] + ([np.concatenate(alone)] if alone else [])
    generator = np.random.default_rng(seed)
    figures = np.array([statistic(_half(members, generator)) for _ in range(repetitions)])
    figures = figures[np.isfinite(figures)]
    if len(figures) < 2:
        return math.nan, math.nan
    reach = NormalDist().inv_cdf(0.5 + confidence / 2) * float(figures.std(ddof=1))
    return value - reach, value + reach


def _half(members: list[Rows], generator: np.random.Generator) -> Rows:
    """As many of each group as it has, half of them twice."""
    rows = []
    for group in members:
        order, odd = generator.permutation(group), len(group) % 2
        thrice = odd and len(group) > 1 and generator.random() < 0.25
        twice = len(group) // 2 - (1 if thrice else 0)
        rows += [order[:twice], order[:twice], order[twice : twice + 1].repeat(3 if thrice else odd)]
    return np.concatenate(rows)
