"""How much a figure varies from one set of samples to another, seen between disjoint halves of the set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import bad

__all__ = ["Halves", "OfMembers", "Rows", "Statistic", "halves", "members_of", "of_members"]

_STREAM = 1
"""Of the seed: the samples themselves may be selected by its plain generator, and halves must not repeat that."""

Rows = NDArray[np.int64]
"""Indices of samples."""
Statistic = Callable[[Rows], float]
"""A figure of the samples at some rows."""


@dataclass(frozen=True)
class Halves:
    r"""The spread of a figure between disjoint halves.

    Args:
        variance: Variance of the figure of a half; nan if it is unknown.
        mean: Mean of the figure over the halves.
        size: Number of samples of a half.
        count: Number of all samples.
        freedom: Degrees of freedom of `variance`.
    """

    variance: float
    mean: float
    size: int
    count: int
    freedom: float

    @property
    def deviation(self) -> float:
        """Standard deviation of the figure of all samples, if the variance falls as one over their number."""
        return math.sqrt(self.variance * self.size / self.count)


def halves(
    statistic: Statistic,
    count: int,
    *,
    strata: NDArray[np.int64] | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> Halves:
    r"""Variance of a figure $\theta$ of half of the samples, without a model of the figure,

    $$V_{1/2} = \tfrac12 \operatorname{mean} (\theta_A - \theta_B)^2$$

    over random pairs of disjoint halves A and B. Both are independent sets of samples, and no sample counts twice. So
    the mean is right for every figure, whether or not it depends on neighbours, on pairs or on different items. The
    variance of all samples is taken as $V_{1/2} / 2$. This is exact for means. A distance of nearly zero falls faster,
    as $V_{1/2} / 4$; its interval is too wide then, never too narrow.

    It must not be used for the smallest or largest value of the samples, or for quantiles of values with ties.

    Sources: McCarthy, "Pseudo-replication: half samples", Review of the International Statistical Institute 37, 1969;
    Politis and Romano, "Large sample confidence regions based on subsamples under minimal assumptions", Annals of
    Statistics 22, 1994. Own code, since SciPy resamples only with replacement.

    Args:
        statistic: Gives the figure for the samples at `rows`, all different; nan if it does not exist.
        count: Number of samples.
        strata: Group of each sample, [count], if the sizes of the groups are fixed, as for requested classes. The
            halves have equally many of each group; groups of one sample are joined to one.
        repetitions: Number of halves; fewer than two for no variance.
        seed: Seed of the halves.

    Raises:
        ValueError: If there are no samples, or not one group for each sample.
    """
    members = members_of(count, strata)
    alone = [group for group in members if len(group) == 1]
    members = [group for group in members if len(group) > 1]
    members += [np.concatenate(alone)] if len(alone) > 1 else []
    generator = np.random.default_rng([_STREAM, seed])
    pairs = []
    for _ in range(repetitions // 2 if members else 0):
        orders = [generator.permutation(group) for group in members]
        one = np.concatenate([order[: len(order) // 2] for order in orders])
        two = np.concatenate([order[len(order) // 2 : len(order) // 2 * 2] for order in orders])
        pairs.append((statistic(one), statistic(two)))
    size = sum(len(group) // 2 for group in members)
    found = np.array(pairs).reshape(-1, 2)
    found = found[np.isfinite(found).all(1)]
    # A figure that only some of the halves have says little about the others.
    if len(found) == 0 or 2 * len(found) < len(pairs):
        return Halves(math.nan, math.nan, size, count, math.nan)
    independent = sum(len(group) - 1 for group in members)
    freedom = 1 / (1 / independent + 1 / len(found))
    return Halves(float(np.square(found[:, 0] - found[:, 1]).mean() / 2), float(found.mean()), size, count, freedom)


def members_of(count: int, strata: NDArray[np.int64] | None) -> list[Rows]:
    """The samples of each group. Raises `ValueError` as `halves`."""
    if count < 1:
        raise bad("samples", count, "at least one")
    groups = np.zeros(count, dtype=np.int64) if strata is None else strata
    if groups.shape != (count,):
        raise bad("strata", list(groups.shape), f"[{count}], a group for each sample")
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]


@dataclass(frozen=True, eq=False)
class OfMembers:
    """A figure of some of the samples, by rows of all samples.

    Args:
        statistic: The figure, by rows of the members.
        members: The row of each member among all samples, [n].
    """

    statistic: Statistic
    members: Rows

    def __call__(self, rows: Rows) -> float:
        """The figure of those members that are at `rows`."""
        return self.statistic(np.flatnonzero(np.isin(self.members, rows)))


def of_members(statistic: Statistic, members: Rows | None) -> Statistic:
    """A statistic of things as one of samples, by their rows; `members` is the sample of each thing, or all if None."""
    return statistic if members is None else OfMembers(statistic, members)
