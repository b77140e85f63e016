"""The figure that decides on the halves of the samples, kept so that any sum of cells has an interval later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dguide.evaluate import Estimate, estimate
from dguide.evaluate.statistics.estimate import Rows, Statistic

__all__ = ["Halving"]


@dataclass(frozen=True, eq=False)
class Halving:
    """Samples and their halves, the same for all cells, so that their figures are paired.

    Args:
        rows: the samples among all, [N].
        strata: the requested class of each of them, [N].
        repetitions: number of halves.
        seed: of the halves.
    """

    rows: Rows
    strata: NDArray[np.int64]
    repetitions: int = 200
    seed: int = 0

    def values(self, statistic: Statistic) -> list[float]:
        """The figure of all samples, and then of each half, in the order in which `difference` asks for them."""
        seen: list[float] = []

        def noted(some: Rows) -> float:
            seen.append(float(statistic(self.rows[some])))
            return seen[-1]

        self._estimate("", noted, 0.95, "")
        return seen

    def difference(
        self, name: str, values: Sequence[Sequence[float]], factors: Sequence[float], level: float, better: str = ""
    ) -> Estimate:
        """The sum of figures times their factors, from their `values`, with an interval."""
        sums = iter(np.dot(np.array(factors), np.array(values)).tolist())
        return self._estimate(name, lambda some: next(sums), level, better)

    def _estimate(self, name: str, statistic: Statistic, level: float, better: str) -> Estimate:
        options: dict[str, Any] = {"repetitions": self.repetitions, "seed": self.seed}
        return estimate(name, statistic, len(self.rows), better=better, strata=self.strata, level=level, **options)
