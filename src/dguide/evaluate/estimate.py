"""A figure with its interval, its sample size and what real data would get."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import bad

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
    strata: NDArray[np.int64] | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> Estimate:
    """The statistic of all `count` samples with its 95 % `bootstrap` interval; other arguments as in `Estimate`."""
    value = statistic(np.arange(count))
    low, high = bootstrap(statistic, count, value, strata=strata, repetitions=repetitions, seed=seed)
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
    r"""Interval of a statistic from its spread over samples drawn with replacement.

    With $\theta^*_b$ the statistic of the b-th such sample and $\tilde\theta^*$ their median, the interval is `value`
    plus the quantiles of $\theta^*_b - \tilde\theta^*$. Centred so, it does not inherit the bias that distances have
    in samples with repeated points.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.

    Args:
        statistic: Gives the figure of the samples at `rows`; may give nan where it has none.
        count: Number of samples.
        value: The figure of all samples.
        strata: Group of each sample, [count], if it was fixed beforehand how many each has, as with classes asked for
            in turn; samples are then drawn within each group, and how many it has does not vary.
        repetitions: Number of samples drawn; 0 for no interval.
        confidence: Of the interval.
        seed: Of the draws.

    Returns:
        Lower and upper end; nan twice if fewer than two figures are finite.

    Raises:
        ValueError: If there are no samples, or not one group for each.
    """
    if count < 1:
        raise bad("samples", count, "at least one")
    groups = np.zeros(count, dtype=np.int64) if strata is None else strata
    if groups.shape != (count,):
        raise bad("strata", list(groups.shape), f"[{count}], a group for each sample")
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    generator = np.random.default_rng(seed)
    found = np.array([statistic(_again(members, generator)) for _ in range(repetitions)])
    found = found[np.isfinite(found)]
    if len(found) < 2 or not math.isfinite(value):
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    low, high = np.quantile(found - np.median(found), [tail, 1 - tail])
    return float(value + low), float(value + high)


def _again(members: list[Rows], generator: np.random.Generator) -> Rows:
    """As many of each group as it has, drawn with replacement."""
    return np.concatenate([group[generator.integers(len(group), size=len(group))] for group in members])
