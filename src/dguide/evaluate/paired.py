"""Differences between the figures of two sets of samples that were drawn from equal seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import bad
from .evaluation import Evaluation
from .statistics.estimate import Estimate, Rows, Statistic, estimate
from .statistics.halves import OfMembers
from .statistics.intervals import Hits
from .statistics.means import Values, mean
from .statistics.proportion import paired_shares

__all__ = ["paired_differences"]


def paired_differences(
    first: Evaluation,
    second: Evaluation,
    *,
    strata: NDArray[np.int64] | None = None,
    repetitions: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    r"""Each figure of the first set minus that of the second one, with an interval that uses the pairs.

    Sample i of both sets has the same random numbers and the same requested condition. So both figures share a part of
    their chance, most of it if the guidance is nearly the same. The interval of a share is that of `paired_shares`,
    that of a mean `mean_interval` of the differences. Other figures are computed on the same halves of the pairs
    (`halves`).

    Args:
        first: Figures from `evaluate_samples`.
        second: Figures of as many samples, by the same metrics, options and seed. `repetitions` of 0 are enough there.
        strata: The requested class of each pair, [N], if their numbers are fixed.
        repetitions: Number of halves; 0 for intervals of shares and means only.
        seed: Seed of the halves.
        level: Confidence level of the intervals. For m differences that shall all hold together with 95 %, take
            1 - 0.05 / m (Bonferroni).

    Raises:
        ValueError: If the sets have different numbers of samples, or are compared with different data.
    """
    for what, mine, theirs in (
        ("samples of the second set", first.samples, second.samples),
        ("data of the second set", first.data, second.data),
    ):
        if mine != theirs:
            raise bad(what, theirs, f"{mine}, as in the first set", "Draw both sets with the same options and seed.")
    other = {each.name: each for each in second.estimates}
    found = []
    for one in first.estimates:
        two = other.get(one.name)
        if two is None or one.statistic is None or two.statistic is None:
            continue
        match one.statistic, two.statistic:
            case Hits() as hits, Hits() as their_hits if np.array_equal(hits.members, their_hits.members):
                found.append(_shares(one, hits.hits, their_hits.hits, level))
            case Values() as values, Values() as their_values if np.array_equal(values.members, their_values.members):
                groups = None if strata is None else strata[values.members]
                apart = values.values - their_values.values
                found.append(mean(one.name, apart, better=one.better, note=one.note, strata=groups, level=level))
            case own, others:
                statistic, members = _difference(own, others, first.samples)
                found.append(
                    estimate(
                        one.name,
                        statistic,
                        len(members),
                        better=one.better,
                        note=one.note,
                        strata=None if strata is None else strata[members],
                        repetitions=repetitions,
                        seed=seed,
                        level=level,
                    )
                )
    return tuple(found)


def _difference(first: Statistic, second: Statistic, samples: int) -> tuple[Statistic, Rows]:
    """The difference of two figures, by rows of the samples that both are about, and which these are."""
    members = np.arange(samples)
    match first, second:
        case OfMembers() as one, OfMembers() as two if np.array_equal(one.members, two.members):
            first, second, members = one.statistic, two.statistic, one.members

    def difference(rows: Rows) -> float:
        return first(rows) - second(rows)

    return difference, members


def _shares(figure: Estimate, first: NDArray[np.bool_], second: NDArray[np.bool_], level: float) -> Estimate:
    low, high = paired_shares(first, second, level=level)
    value = float(first.mean() - second.mean())
    return Estimate(figure.name, value, low, high, len(first), better=figure.better, note=figure.note, level=level)
