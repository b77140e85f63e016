r"""Whether a distance rises with a parameter, for settings that share their random numbers.

With settings $j = 1, \dots, J$ at parameters $x_j$ and distances $F_j$ to the data, the trend is the slope of the
line of least squares,

$$b = \frac{\sum_j (x_j - \bar x) F_j}{\sum_j (x_j - \bar x)^2}.$$

All $F_j$ are computed on the same halves of the samples (`dguide.evaluate`), so that the interval of b, and those of
the steps $F_{j+1} - F_j$, use the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dguide.evaluate import Estimate
from dguide.evaluate.points.base import Points
from dguide.evaluate.points.distances import Normal

from .sums import Sums
from .tested import BOUNDED, CONFIRMED
from .tested import verdict as of_interval

__all__ = ["FIGURE", "Curve", "verdict"]

FIGURE = "Fréchet distance"
_EQUAL = 1e-9
"""Distances that differ by less are the same, up to rounding."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The distances of settings along a parameter.

    Attributes:
        at: the parameter of each setting, increasing, [J].
        points: the features of its samples, [N, D] each; sample i of all settings is one pair.
        real: of the real data.
        strata: the requested class of each pair, [N].
        repetitions: number of halves.
    """

    at: Sequence[float]
    points: Sequence[Points]
    real: Normal
    strata: NDArray[np.int64]
    repetitions: int = 600

    @cached_property
    def sums(self) -> Sums[int]:
        """Of Fréchet distances, by the number of the setting."""
        return Sums(lambda j, rows: self.real.distance(Normal.of(self.points[j][rows])), self.strata, self.repetitions)

    def distances(self) -> list[Estimate]:
        """The distance of each setting."""
        return [self.sums(FIGURE, [(1.0, j)], bounds=(0, np.inf)) for j in range(len(self.at))]

    def slope(self, level: float) -> Estimate:
        """The trend, in units of distance for the whole of the parameter's range from 0 to 1."""
        x = np.asarray(self.at) - np.mean(self.at)
        return self.sums(FIGURE, [(share, j) for j, share in enumerate(x / np.square(x).sum())], level)

    def steps(self, level: float) -> list[Estimate]:
        """The rise from each setting to the next one."""
        return [self.sums(FIGURE, [(-1.0, j), (1.0, j + 1)], level) for j in range(len(self.at) - 1)]


def verdict(slope: Estimate, steps: Sequence[Estimate]) -> str:
    """Of the hypothesis that the distance rises with the parameter.

    `confirmed` if the trend rises and no step falls, `bounded` if it rises and a step falls, `refuted` if it falls,
    else `undecided`; each by its interval.
    """
    said = of_interval(slope.low, slope.high, _EQUAL)
    falls = any(step.high < -_EQUAL for step in steps)
    return BOUNDED if said == CONFIRMED and falls else said
