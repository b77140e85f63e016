"""Judges the samples of each setting: by the metrics of `dguide.evaluate`, and by values that a user computes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data import Dataset
from ...denoiser import Condition
from ...errors import bad
from ...evaluate import Estimate, Evaluation, Metric, evaluate_samples
from ...evaluate.samples import check_count, suited
from ...evaluate.statistics.intervals import share
from ...evaluate.statistics.means import mean

__all__ = ["Judge", "PerSample"]

_FEW = 64
"""Held-out sequences that are judged to learn the names of the figures."""


@dataclass(frozen=True)
class PerSample:
    """A figure of your own: a value for each sample, of which the mean counts; a share for values true and false.

    Args:
        name: Name of the figure.
        values: A function of tokens [N, L] and their condition that returns [N] numbers.
        better: "higher", "lower", or "" if neither is better.

    >>> ones = PerSample("ones", lambda tokens, condition: (tokens == 1).double().mean(1), better="higher")
    >>> ones.estimate(torch.tensor([[1, 1], [1, 0], [0, 0]]), None).value
    0.5
    """

    name: str
    values: Callable[[Tensor, Condition], Tensor]
    better: Literal["higher", "lower", ""] = "higher"

    def estimate(self, tokens: Tensor, condition: Condition, strata: NDArray[np.int64] | None = None) -> Estimate:
        """The figure of samples. Raises `ValueError` if there is not one finite number for each."""
        found: Any = torch.as_tensor(self.values(tokens, condition))
        fits = found.shape == (len(tokens),) and not found.is_complex()
        if not fits or not bool(torch.isfinite(found).all()):
            got = f"{found.dtype} {list(found.shape)}" + (", not all of them finite" if fits else "")
            raise bad(f"values of {self.name}", got, f"[{len(tokens)}] finite numbers")
        if found.dtype == torch.bool:
            return share(self.name, found.cpu().numpy(), better=self.better)
        return mean(self.name, found.cpu().double().numpy(), better=self.better, strata=strata)


@dataclass(frozen=True, eq=False)
class Judge:
    """What samples are compared with, and by which figures.

    Args:
        data: Name of the data.
        synthetic: Whether a program generated them.
        dataset: The real data; None if `own` needs none.
        metrics: Metrics of `dguide.evaluate`, which suit the data.
        own: Figures of a user.
        repetitions: Number of halves for an interval.
        seed: Seed of all random numbers.
    """

    data: str
    synthetic: bool
    dataset: Dataset | None
    metrics: tuple[Metric, ...]
    own: tuple[PerSample, ...]
    repetitions: int = 200
    seed: int = 0

    @classmethod
    def of(
        cls,
        dataset: Dataset | None,
        metrics: Sequence[Metric | PerSample] = (),
        repetitions: int = 200,
        seed: int = 0,
    ) -> Judge:
        """The judge by these metrics; by default all that suit the data.

        Raises:
            ValueError: If there is nothing to judge by, or a metric needs data or does not suit them.
        """
        own = tuple(each for each in metrics if isinstance(each, PerSample))
        theirs = tuple(each for each in metrics if isinstance(each, Metric))
        if dataset is None and (theirs or not own):
            raise bad("data", "none", "a Dataset to compare with, or metrics of the kind PerSample only")
        chosen = () if dataset is None or (own and not theirs) else tuple(suited(dataset, theirs))
        name, made = ("", False) if dataset is None else (dataset.name, dataset.synthetic)
        return cls(name, made, dataset, chosen, own, repetitions, seed)

    def check_count(self, count: int) -> None:
        """Raises `ValueError` if so many samples are too few for a metric."""
        check_count(self.metrics, count)

    @cached_property
    def ready(self) -> tuple[Metric, ...]:
        """The metrics with what they learn from the data, which takes seconds."""
        if self.dataset is None:
            return ()
        return tuple(each.prepared(self.dataset, self.seed) for each in self.metrics)

    @cached_property
    def better(self) -> Mapping[str, str]:
        """The names of all figures, and which direction of each is better; held-out data are judged to learn them."""
        known = [(each.name, str(each.better)) for each in self.own]
        if self.dataset is not None and self.metrics:
            few = self.dataset.test.some(_FEW, self.seed)
            told = self._named(self.dataset.condition(few))
            found = evaluate_samples(self.dataset, few.tokens, told, metrics=self.ready, repetitions=0, seed=self.seed)
            known += [(each.name, each.better) for each in found.estimates]
        if len(dict(known)) < len(known):
            raise bad("figures", ", ".join(name for name, _ in known), "different names")
        return dict(known)

    def direction(self, figure: str) -> Literal["higher", "lower"]:
        """Which direction of a figure is better. Raises `ValueError` if neither is."""
        better = self.better[figure]
        if not better:
            expected = "one to search the best of"
            raise bad(f"figure {figure}", "one of which neither direction is better", expected)
        return "higher" if better == "higher" else "lower"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all figures."""
        return tuple(self.better)

    def strata(self, condition: Condition) -> NDArray[np.int64] | None:
        """The requested class of each sample, if samples are told classes."""
        if self.dataset is None:
            plain = isinstance(condition, Tensor) and condition.dim() == 1 and not condition.is_floating_point()
            return condition.cpu().numpy() if plain and isinstance(condition, Tensor) else None
        first = self.dataset.conditions[0]
        return self._named(condition)[first.name].cpu().numpy() if first.n_classes else None

    def __call__(
        self,
        tokens: Tensor,
        condition: Condition,
        *,
        calls: tuple[int, int],
        seconds: float,
        settings: Mapping[str, Any],
        intervals: bool = True,
    ) -> Evaluation:
        """The figures of all samples [N, L] of a setting, with their condition, and with intervals or without."""
        began = time.perf_counter()
        strata = self.strata(condition)
        own = tuple(each.estimate(tokens, condition, strata) for each in self.own)
        if self.dataset is None or not self.metrics:
            spent = time.perf_counter() - began
            return Evaluation(self.data, self.synthetic, own, len(tokens), spent, calls, settings, seconds)
        found = evaluate_samples(
            self.dataset,
            tokens,
            self._named(condition),
            metrics=self.ready,
            repetitions=self.repetitions if intervals else 0,
            seed=self.seed,
            calls=calls,
            settings=settings,
            sampling_seconds=seconds,
        )
        return replace(found, estimates=(*found.estimates, *own))

    def _named(self, condition: Condition) -> dict[str, Tensor]:
        """The condition by name: a bare tensor is the first condition of the data."""
        assert self.dataset is not None
        known = {each.name for each in self.dataset.conditions}
        if isinstance(condition, Tensor):
            return {self.dataset.conditions[0].name: condition}
        if not isinstance(condition, dict) or not set(condition) & known:
            expected = f"the classes of {self.dataset.conditions[0].name} [N], or values by name"
            raise bad("condition", type(condition).__name__, expected)
        return {name: values for name, values in condition.items() if name in known}
