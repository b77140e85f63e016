"""Evaluates samples by all metrics that apply to them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..data import Dataset, Strings
from ..devices import in_float32, on_cpu
from ..errors import bad, choose
from ..spec import Registry
from .evaluation import Evaluation
from .images.estimates import image_estimates
from .images.matched import NEIGHBOURS
from .images.network import LearntFeatures
from .metric import Comparison, Metric
from .points.feature_sets import Features, InceptionFeatures, PixelFeatures
from .statistics.estimate import Estimate
from .texts.junctions import Junctions
from .texts.molecules import molecule_estimates
from .texts.peptides import Peptides
from .texts.strings import Training, string_estimates
from .texts.words import Words

__all__ = ["FEATURES", "METRICS", "Images", "Molecules", "Texts", "check_count", "evaluate_samples", "suited"]

FEATURES = ("learnt", "pixels", "inception")
"""Names of the features to compare images."""


@dataclass(frozen=True)
class Images(Metric):
    """The figures of `image_estimates`.

    Args:
        features: One of `FEATURES`.
        weights: File of the Inception weights, only for the features `inception`.
    """

    features: str = "learnt"
    weights: Path | None = None
    fewest = NEIGHBOURS + 1

    def __post_init__(self) -> None:
        choose("features", self.features, FEATURES)
        if (self.features == "inception") != (self.weights is not None):
            given = "weights" if self.weights is not None else "no weights"
            raise bad(f"features {self.features}", given, "weights with inception, and with nothing else")

    def suits(self, dataset: Dataset) -> bool:
        return dataset.shape is not None

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        dataset, space = comparison.dataset, self._space(comparison.dataset)
        return image_estimates(dataset, comparison.tokens, comparison.labels, features=space, **comparison.options)

    def prepared(self, dataset: Dataset, seed: int) -> Metric:
        judge = LearntFeatures.fit(dataset, seed=seed)
        return _Judged(self.features, self.weights, judge, self._space(dataset) or judge)

    def _space(self, dataset: Dataset) -> Features | None:
        """The features; None for those of the learnt classifier."""
        if self.weights is not None:
            return InceptionFeatures.of(dataset, self.weights)
        return PixelFeatures.of(dataset) if self.features == "pixels" else None


@dataclass(frozen=True, eq=False)
class _Judged(Images):
    """`Images` with a judge that has learnt."""

    judge: LearntFeatures | None = None
    space: Features | None = None

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        return image_estimates(
            comparison.dataset,
            comparison.tokens,
            comparison.labels,
            judge=self.judge,
            features=self.space,
            **comparison.options,
        )


@dataclass(frozen=True)
class Molecules(Metric):
    """The figures of `molecule_estimates`."""

    def suits(self, dataset: Dataset) -> bool:
        return isinstance(dataset.codec, Strings) and dataset.codec.split == "smiles"

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        return molecule_estimates(comparison.dataset, comparison.tokens, comparison.condition, **comparison.options)


@dataclass(frozen=True)
class Texts(Metric):
    """The figures of `string_estimates`."""

    def suits(self, dataset: Dataset) -> bool:
        return dataset.shape is None and not Molecules().suits(dataset)

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        return self._estimates(comparison, None)

    def prepared(self, dataset: Dataset, seed: int) -> Metric:
        return _Learnt(Training.of(dataset, seed))

    def _estimates(self, comparison: Comparison, training: Training | None) -> Sequence[Estimate]:
        dataset, tokens, labels = comparison.dataset, comparison.tokens, comparison.labels
        return string_estimates(dataset, tokens, labels, training=training, **comparison.options)


@dataclass(frozen=True, eq=False)
class _Learnt(Texts):
    """`Texts` that know the training data."""

    training: Training | None = None

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        return self._estimates(comparison, self.training)


METRICS: Registry[Metric] = Registry(
    "metric",
    Metric,
    {
        "images": Images,
        "junctions": Junctions,
        "molecules": Molecules,
        "peptides": Peptides,
        "texts": Texts,
        "words": Words,
    },
)
"""All metrics, by name. Each data set uses those that suit it."""


@on_cpu
@in_float32
def evaluate_samples(
    dataset: Dataset,
    tokens: Tensor,
    condition: Mapping[str, Tensor],
    *,
    metrics: Sequence[Metric] = (),
    features: str | None = None,
    weights: str | Path | None = None,
    repetitions: int = 200,
    seed: int = 0,
    calls: tuple[int, int] | None = None,
    settings: Mapping[str, Any] | None = None,
    sampling_seconds: float | None = None,
) -> Evaluation:
    """Computes all figures that apply to the samples.

    Args:
        dataset: The real data.
        tokens: Samples, [N, L] int64.
        condition: The requested values, [N] by name of condition, at least for the first condition.
        metrics: The metrics; by default all of `METRICS` that suit the data.
        features: Option `features` of `Images`, if no metrics are given; None for the default.
        weights: Option `weights` of `Images`, in the same way.
        repetitions: Number of halves for an interval (`halves`); 0 for intervals of shares only.
        seed: Seed of all random numbers.
        calls: Network calls per batch, stored with the figures.
        settings: Settings of sampling, stored with the figures.
        sampling_seconds: Time of sampling, stored with the figures.

    Raises:
        ValueError: If the samples are not of this data set, a metric or an option does not fit its kind, or two metrics
            give figures of one name.
        dguide.errors.MissingExtra: If a package that a figure needs is not installed.
    """
    began = time.perf_counter()
    dataset.codec.check(tokens)
    comparison = Comparison(dataset, tokens, condition, repetitions, seed)
    estimates = [
        each for metric in suited(dataset, metrics, features, weights) for each in _estimates(metric, comparison)
    ]
    twice = [name for name, count in Counter(each.name for each in estimates).items() if count > 1]
    if twice:
        raise bad("figures", f"two of the name {twice[0]!r}", "different names", "Choose the metrics with --metric.")
    seconds = time.perf_counter() - began
    name, made = dataset.name, dataset.synthetic
    return Evaluation(name, made, tuple(estimates), len(tokens), seconds, calls, settings or {}, sampling_seconds)


def _estimates(metric: Metric, comparison: Comparison) -> list[Estimate]:
    """The figures of a metric. Raises `ValueError` if they are something else."""
    given: Any = metric(comparison)
    what, expected = f"figures of {type(metric).__name__}", "a list of Estimate, as dguide.evaluate.estimate makes them"
    if not isinstance(given, Sequence) or not all(isinstance(each, Estimate) for each in given):
        raise bad(what, repr(given)[:200], expected)
    for each in given:
        numbers = {name: getattr(each, name) for name in ("value", "low", "high", "best")}
        wrong = {name: value for name, value in numbers.items() if not isinstance(value, float | int)}
        if wrong:
            name, value = next(iter(wrong.items()))
            raise bad(f"{name} of {each.name}", f"{type(value).__name__} {value}", "a float", "Convert it by float().")
    return list(given)


def check_count(metrics: Sequence[Metric], count: int) -> None:
    """Raises `ValueError` if there are too few samples for a metric."""
    for metric in metrics:
        if count < metric.fewest:
            raise bad("samples", count, f"at least {metric.fewest}, for the figures of {type(metric).__name__}")


def suited(
    dataset: Dataset,
    metrics: Sequence[Metric] = (),
    features: str | None = None,
    weights: str | Path | None = None,
) -> Sequence[Metric]:
    """The metrics for samples of this data set. Arguments and errors are as in `evaluate_samples`."""
    images = Images().suits(dataset)
    if (features is not None or weights is not None) and (metrics or not images):
        remedy = "Leave it out." if not images else "Write images:features=NAME instead."
        raise bad("features", features or weights, "none for strings" if not images else "none beside metrics", remedy)
    known = [make() for make in METRICS.values() if make is not Images]
    known = [Images(features or "learnt", None if weights is None else Path(weights)), *known]
    for metric in metrics:
        if not metric.suits(dataset):
            fit = ", ".join(METRICS.name_of(type(each)) for each in known if each.suits(dataset))
            raise bad("metric", METRICS.write(metric), f"one for {dataset.name}: {fit}")
    return metrics or [each for each in known if each.suits(dataset)]
