"""What a metric is: figures about samples, each beside what real held-out data get."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from ..data import Dataset, Split
from .mixture import Mixture, requested_classes
from .statistics.estimate import Estimate

__all__ = ["Comparison", "Metric"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Samples, what was asked of them, and the real data that they are compared with.

    Args:
        dataset: The real data.
        tokens: The samples, [N, L] int64.
        condition: What was asked for, [N] by name of condition.
        repetitions: Number of samples of the bootstrap.
        seed: Of all that is random.
    """

    dataset: Dataset
    tokens: Tensor
    condition: Mapping[str, Tensor]
    repetitions: int = 200
    seed: int = 0

    @property
    def labels(self) -> Tensor:
        """What was asked of the first condition, [N]."""
        return self.condition[self.dataset.conditions[0].name]

    @property
    def options(self) -> dict[str, Any]:
        """`repetitions` and `seed`, as `estimate` and `bootstrap` take them."""
        return {"repetitions": self.repetitions, "seed": self.seed}

    @cached_property
    def held_out(self) -> Split:
        """Held-out data in the proportions in which classes were asked for, at most as many as samples.

        A class of which too few are held out is left aside (`Mixture.kept`).
        """
        real, count = self.dataset.held_out, len(self.tokens)
        classes = requested_classes(self.dataset, self.condition, count)
        mixture = Mixture.of(self.dataset, classes, count).kept(count, real)
        return mixture.take(real, mixture.counts(count, real, drawn=True), self.seed)[0]


class Metric(ABC):
    """One or several figures about samples.

    A new metric is a frozen dataclass; its fields are its options. It says which data it is for, and computes the
    figures.
    """

    def suits(self, dataset: Dataset) -> bool:
        """Whether it is for data of this kind."""
        return True

    @abstractmethod
    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        """The figures. A value of nan says that there is none."""
