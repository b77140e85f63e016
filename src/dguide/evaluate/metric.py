"""The interface of metrics: figures of samples, each with the value for real held-out data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from torch import Tensor

from ..data import Dataset, Split
from .mixture import Mixture, requested_classes
from .statistics.estimate import Estimate

__all__ = ["Comparison", "Metric"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Samples, their requested conditions, and the real data for the comparison.

    Args:
        dataset: The real data.
        tokens: The samples, [N, L] int64.
        condition: The requested values, [N] by name of condition.
        repetitions: Number of halves for an interval (`halves`); 0 for intervals of shares only.
        seed: Seed of all random numbers.
    """

    dataset: Dataset
    tokens: Tensor
    condition: Mapping[str, Tensor]
    repetitions: int = 200
    seed: int = 0

    @property
    def labels(self) -> Tensor:
        """The requested values of the first condition, [N]."""
        return self.condition[self.dataset.conditions[0].name]

    @property
    def options(self) -> dict[str, Any]:
        """`repetitions` and `seed`, as arguments of `estimate`."""
        return {"repetitions": self.repetitions, "seed": self.seed}

    @cached_property
    def held_out(self) -> Split:
        """Held-out data with the proportions of the requested classes, at most as many as samples.

        Classes with too few held-out sequences are omitted (`Mixture.kept`).
        """
        real, count = self.dataset.test, len(self.tokens)
        classes = requested_classes(self.dataset, self.condition, count)
        mixture = Mixture.of(self.dataset, classes, count).kept(count, real)
        return mixture.take(real, mixture.counts(count, real, drawn=True), self.seed)[0]


class Metric(ABC):
    """A metric: computes one or several figures of samples.

    A new metric is a frozen dataclass; its fields are its options. It defines its kind of data, and computes the
    figures.
    """

    fewest: ClassVar[int] = 1
    """Number of samples without which there are no figures."""

    def suits(self, dataset: Dataset) -> bool:
        """Whether the metric applies to this data set."""
        return True

    def prepared(self, dataset: Dataset, seed: int) -> Metric:
        """The same metric for many sets of samples of one data set: what it learns from the data, it learns now.

        Args:
            dataset: The real data of all `Comparison`s.
            seed: Their seed.
        """
        return self

    @abstractmethod
    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        """The figures. A value of nan means that the figure does not exist."""
