"""The same samples judged in several ways, and the difference of two settings by each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dguide.data import Dataset, Split
from dguide.evaluate import (
    Classifier,
    Estimate,
    Evaluation,
    Features,
    LearntFeatures,
    PixelFeatures,
    image_estimates,
    paired_differences,
)
from dguide.evaluate.statistics.intervals import share
from studies.evidence.tested import turned

__all__ = ["DECIDES", "FIGURES", "Judges", "averaged", "differences"]

DISTANCE, KERNEL = "Fréchet distance", "kernel distance"
SEEN, OTHER, UNSEEN = "network", "network of another seed", "network that saw no training image"
DECIDES = f"{DISTANCE}, pixels"
FIGURES = (
    DECIDES,
    f"{KERNEL}, pixels",
    *(f"{name}, {network}" for name in (DISTANCE, KERNEL) for network in (SEEN, OTHER, UNSEEN)),
    *(f"{name}, {SEEN}" for name in ("precision", "recall", "density", "coverage", "accuracy")),
    f"accuracy, {UNSEEN}",
    "accuracy, support vector machine",
)
"""The figures, the one that decides first."""

HALVES = 100
"""Number of halves for the interval of a difference."""


@dataclass(frozen=True, eq=False)
class Judges:
    """All that looks at samples: pixels, three networks, a support vector machine.

    Attributes:
        dataset: the real data; samples are compared with its training part.
        features: by their name in `FIGURES`.
        machine: a classifier without a network.
    """

    dataset: Dataset
    features: dict[str, LearntFeatures]
    machine: Classifier

    @classmethod
    def fit(cls, dataset: Dataset, seen: int) -> Judges:
        """Trains the networks on `seen` images each, with repetitions."""
        held_out = (dataset.validation, dataset.test)
        other = Split(torch.cat([part.tokens for part in held_out]), torch.cat([part.labels for part in held_out]))
        networks = {
            SEEN: LearntFeatures.fit(dataset, seen=seen),
            OTHER: LearntFeatures.fit(dataset, seen=seen, seed=1),
            UNSEEN: LearntFeatures.fit(replace(dataset, train=other, test=dataset.train), seen=seen),
        }
        return cls(dataset, networks, Classifier.fit(dataset))

    def __call__(self, tokens: Tensor, labels: Tensor, figures: Sequence[str] = FIGURES) -> Evaluation:
        """The figures of samples [N, L] of the classes `labels` [N], without intervals: those of differences count."""
        first = self.features[SEEN]
        spaces: dict[str, tuple[LearntFeatures, Features]] = {"pixels": (first, PixelFeatures.of(self.dataset))}
        spaces |= {name: (network, network) for name, network in self.features.items()}
        found = [
            replace(each, name=f"{each.name.removesuffix(' on the asked class')}, {name}")
            for name, (judge, features) in spaces.items()
            if any(figure.endswith(f", {name}") for figure in figures)
            for each in image_estimates(self.dataset, tokens, labels, judge=judge, features=features, repetitions=0)
        ]
        hits = (self.machine.predict(tokens) == labels).numpy()
        found.append(share("accuracy, support vector machine", hits, better="higher"))
        by_name = {each.name: each for each in found}
        return Evaluation(self.dataset.name, False, tuple(by_name[name] for name in figures), len(tokens), 0.0)


def differences(
    first: Sequence[Evaluation], second: Sequence[Evaluation], labels: Tensor, level: float
) -> list[Estimate]:
    """How much better the first setting is than the second one by each figure: pairs of equal seed, mean over seeds."""
    by_seed = [
        paired_differences(one, two, strata=labels.numpy(), level=level, repetitions=HALVES)
        for one, two in zip(first, second, strict=True)
    ]
    return [averaged([turned(each) for each in figure]) for figure in zip(*by_seed, strict=True)]


def averaged(estimates: Sequence[Estimate]) -> Estimate:
    r"""The mean of a figure over independent sets of samples.

    The distance of each end from the mean is the root of the sum of the squared distances of the sets, divided by their
    number.

    Source: Zou and Donner, Statistics in Medicine 27, 2008.
    """
    count = len(estimates)
    value = sum(each.value for each in estimates) / count
    low = value - math.hypot(*(each.value - each.low for each in estimates)) / count
    high = value + math.hypot(*(each.high - each.value for each in estimates)) / count
    return replace(estimates[0], value=value, low=low, high=high, count=sum(each.count for each in estimates))
