"""Sums of the figures of settings whose samples are pairs: sample i of each has the same random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dguide.evaluate import Estimate, estimate
from dguide.evaluate.statistics.estimate import Rows

__all__ = ["Sums"]

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Sums(Generic[K]):
    """Sums with intervals from the same halves of the samples of all settings (`dguide.evaluate`).

    Attributes:
        figure: of a setting, for some of its samples. It is computed once for each half, whatever asks for it.
        strata: the requested class of each pair, [N].
        repetitions: number of halves.
        better: "higher" or "lower".
    """

    figure: Callable[[K, Rows], float]
    strata: NDArray[np.int64]
    repetitions: int
    better: str = "lower"
    _known: dict[tuple[K, bytes], float] = field(default_factory=dict, repr=False)

    def __call__(
        self,
        name: str,
        terms: Iterable[tuple[float, K]],
        level: float = 0.95,
        bounds: tuple[float, float] = (-math.inf, math.inf),
    ) -> Estimate:
        """The sum of the figures of some settings, each times its factor."""
        terms = tuple(terms)
        return estimate(
            name,
            lambda rows: sum(factor * self._of(setting, rows) for factor, setting in terms),
            len(self.strata),
            better=self.better,
            bounds=bounds,
            strata=self.strata,
            repetitions=self.repetitions,
            level=level,
        )

    def _of(self, setting: K, rows: Rows) -> float:
        key = setting, rows.tobytes()
        if key not in self._known:
            self._known[key] = self.figure(setting, rows)
        return self._known[key]
