r"""Whether a distance rises with a parameter, for settings that share their random numbers.

With settings $j = 1, \dots, J$ at parameters $x_j$ and distances $F_j$ to the data, the trend is the slope of the
line of least squares,

$$b = \frac{\sum_j (x_j - \bar x) F_j}{\sum_j (x_j - \bar x)^2}.$$

All $F_j$ are computed on the same halves of the samples (`dguide.evaluate`), so that the interval of b, and those of
the steps $F_{j+1} - F_j$, use the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dguide.evaluate import Estimate, estimate
from dguide.evaluate.points.base import Points
from dguide.evaluate.points.distances import Normal
from dguide.evaluate.statistics.estimate import Rows

__all__ = ["Curve", "verdict"]

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
    _known: dict[tuple[int, bytes], float] = field(default_factory=dict)

    def distance(self, setting: int, rows: Rows) -> float:
        """The Fréchet distance of some of the samples; all figures ask for the same halves, which are kept."""
        key = setting, rows.tobytes()
        if key not in self._known:
            self._known[key] = self.real.distance(Normal.of(self.points[setting][rows]))
        return self._known[key]

    def distances(self) -> list[Estimate]:
        """The distance of each setting."""
        return [self._combined({j: 1.0}, 0.95, (0, np.inf)) for j in range(len(self.at))]

    def slope(self, level: float) -> Estimate:
        """The trend, in units of distance for the whole of the parameter's range from 0 to 1."""
        x = np.asarray(self.at) - np.mean(self.at)
        return self._combined(dict(enumerate(x / np.square(x).sum())), level)

    def steps(self, level: float) -> list[Estimate]:
        """The rise from each setting to the next one."""
        return [self._combined({j: -1.0, j + 1: 1.0}, level) for j in range(len(self.at) - 1)]

    def _combined(
        self, shares: dict[int, float], level: float, bounds: tuple[float, float] = (-np.inf, np.inf)
    ) -> Estimate:
        def statistic(rows: Rows) -> float:
            return sum(share * self.distance(setting, rows) for setting, share in shares.items())

        return estimate(
            "Fréchet distance",
            statistic,
            len(self.strata),
            better="lower",
            bounds=bounds,
            strata=self.strata,
            repetitions=self.repetitions,
            level=level,
        )


def verdict(slope: Estimate, steps: Sequence[Estimate]) -> str:
    """Of the hypothesis that the distance rises with the parameter.

    `confirmed` if the trend rises and no step falls, `bounded` if it rises and a step falls, `refuted` if it falls,
    else `undecided`; each by its interval.
    """
    if slope.low > _EQUAL:
        return "bounded" if any(step.high < -_EQUAL for step in steps) else "confirmed"
    return "refuted" if slope.high < -_EQUAL else "undecided"
