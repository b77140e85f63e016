"""How good generated images are: do they show what was asked, do they look real, do they cover what is real, are they
new."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, from_numpy

from ..data import Dataset
from ..errors import bad
from .distances import Kernel, Normal
from .diversity import Diversity
from .estimate import Estimate, Rows, estimate
from .evaluation import Evaluation
from .features import Features, PixelFeatures, image_codec
from .memory import QUANTILE, Memory, copies
from .neighbours import Balls
from .network import LearntFeatures
from .proportion import Proportion, proportion
from .strata import in_proportion, shares

__all__ = ["evaluate_images", "image_estimates"]

NEIGHBOURS = 5
"""The k of precision, recall, density and coverage, as Naeem et al. have it."""
_MOST = 5000
"""The most training images that distances are measured to."""


def evaluate_images(
    dataset: Dataset,
    tokens: Tensor,
    labels: Tensor,
    *,
    judge: LearntFeatures | None = None,
    features: Features | None = None,
    repetitions: int = 200,
    seed: int = 0,
    calls: tuple[int, int] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Evaluation:
    """`image_estimates` with what else is to be known: how the images were drawn, and how long judging them took."""
    began = time.perf_counter()
    found = image_estimates(dataset, tokens, labels, judge=judge, features=features, repetitions=repetitions, seed=seed)
    seconds = time.perf_counter() - began
    return Evaluation(dataset.name, dataset.synthetic, found, len(tokens), seconds, calls, settings or {})


def image_estimates(
    dataset: Dataset,
    tokens: Tensor,
    labels: Tensor,
    *,
    judge: LearntFeatures | None = None,
    features: Features | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    """Figures of generated images against the training images, and what held-out images get in their place.

    Real images are chosen in the proportions in which classes were asked for. Distances, precision, recall, density and
    coverage depend on how many images there are: they are of as many generated images as there are held-out ones in
    these proportions, if that is fewer; `Estimate.count` says how many. Fréchet and kernel distance are those to at
    most 5,000 training images, neighbours are sought in as many training images as generated ones.

    Intervals are what the choice of the generated images alone brings: the number of each class, the real images and
    the radii of the balls around generated ones stay as they are.

    Args:
        dataset: What is real.
        tokens: Generated images, [N, L] int64.
        labels: The classes asked for, [N] int64; the number of classes is "not told".
        judge: Says which class an image shows; by default it learns that from the training images first.
        features: Where distances are measured; by default in what the judge learnt.
        repetitions: Number of samples of the bootstrap; 0 for no intervals but those of shares.
        seed: Of the choice of real images, the bootstrap and a judge that is not passed.

    Raises:
        ValueError: If the data are no images, the tokens or the labels are not theirs, or there are no more images than
            neighbours.
    """
    image_codec(dataset).check(tokens)
    if tokens.dim() != 2 or labels.shape != (len(tokens),):
        got = f"{list(labels.shape)} of tokens {list(tokens.shape)}"
        raise bad("labels", got, "[N], one for each of tokens [N, L]")
    chosen = _Choice.of(dataset, tokens.cpu(), labels.cpu(), np.random.default_rng(seed))
    judge = judge or LearntFeatures.fit(dataset, seed=seed)
    bench = _Bench(dataset, chosen, judge, features or judge, repetitions, seed)
    return (*bench.accuracy(), *bench.distances(), *bench.neighbours(), bench.diversity(), *bench.memory())


@dataclass(frozen=True, eq=False)
class _Choice:
    """Which images are compared with which: all generated ones, and rows of them and of the real ones."""

    tokens: Tensor
    labels: Tensor
    equal: Rows
    """Of the generated ones, as many as held-out ones stand for them."""
    near: Rows
    """Of the training images, as many again."""
    train: Rows
    held_out: Rows
    every_held_out: Rows
    """All held-out images that fit in the proportions."""

    @classmethod
    def of(cls, dataset: Dataset, tokens: Tensor, labels: Tensor, generator: np.random.Generator) -> _Choice:
        train, held_out = dataset.train.labels, dataset.held_out.labels
        wanted = shares(labels, train, dataset.n_classes)
        every = in_proportion(held_out, wanted, len(held_out), generator)
        asked = np.bincount(labels.numpy(), minlength=dataset.n_classes + 1) / len(labels)
        best = in_proportion(held_out, wanted, len(tokens), generator)
        equal = in_proportion(labels, asked, len(best), generator)
        near = in_proportion(train, wanted, len(equal), generator)
        for what, rows in (("samples", equal), ("held-out images", best), ("training images", near)):
            if len(rows) <= NEIGHBOURS:
                expected = f"at least {NEIGHBOURS + 1}, one more than neighbours that are sought"
                raise bad(f"{what} of the classes asked for", len(rows), expected)
        return cls(tokens, labels, equal, near, in_proportion(train, wanted, _MOST, generator), best, every)


class _Bench:
    """What all figures of a set of images share."""

    def __init__(
        self,
        dataset: Dataset,
        chosen: _Choice,
        judge: LearntFeatures,
        features: Features,
        repetitions: int,
        seed: int,
    ) -> None:
        self.dataset, self.chosen, self.judge, self.features = dataset, chosen, judge, features
        self.repetitions, self.seed = repetitions, seed
        self.train, self.held_out = dataset.train.tokens, dataset.held_out.tokens
        self.generated = features(chosen.tokens)
        self.equal, self.equal_labels = self.generated[chosen.equal], chosen.labels[chosen.equal]
        self.real = features(self.train[chosen.train])
        self.best = features(self.held_out[chosen.held_out])

    def figure(
        self,
        name: str,
        statistic: Callable[[Rows], float],
        labels: Tensor,
        best: float,
        better: str = "",
        note: str = "",
        bounds: tuple[float, float] = (0.0, math.inf),
    ) -> Estimate:
        """An estimate whose interval stays within the values that the figure can have.

        Labels are asked for, not drawn: the bootstrap draws images anew, how many there are of each class stays.
        """
        found = estimate(
            name,
            statistic,
            len(labels),
            best=best,
            better=better,
            note=note or self.features.name,
            strata=labels.numpy(),
            repetitions=self.repetitions,
            seed=self.seed,
        )
        low, high = np.clip((found.low, found.high), *bounds)
        return replace(found, low=float(low), high=float(high))

    def accuracy(self) -> tuple[Estimate, ...]:
        told = self.chosen.labels < self.dataset.n_classes
        if not bool(told.any()):
            return ()
        rows = from_numpy(self.chosen.held_out)
        real = self.dataset.held_out
        hits = self.judge.classes(self.chosen.tokens[told]) == self.chosen.labels[told]
        best = self.judge.classes(real.tokens[rows]) == real.labels[rows]
        note = f"a network with {self.judge.held_out.value:.3f} of all held-out images, seed {self.judge.seed}"
        found = proportion(int(hits.sum()), len(hits))
        return (_share("accuracy on the asked class", found, float(best.float().mean()), "higher", note),)

    def distances(self) -> tuple[Estimate, ...]:
        real, everything = Normal.of(self.real), np.arange(len(self.best))
        kernel, best = Kernel(self.real, self.equal), Kernel(self.real, self.best).distance(everything)
        return (
            self.figure(
                "Fréchet distance",
                lambda rows: real.distance(Normal.of(self.equal[rows])),
                self.equal_labels,
                real.distance(Normal.of(self.best)),
                "lower",
            ),
            self.figure(
                "kernel distance", kernel.distance, self.equal_labels, best, "lower", bounds=(-math.inf, math.inf)
            ),
        )

    def neighbours(self) -> tuple[Estimate, ...]:
        near, labels = self.features(self.train[self.chosen.near]), self.equal_labels
        everything = np.arange(len(self.best))
        balls, best = Balls(near, self.equal, NEIGHBOURS), Balls(near, self.best, NEIGHBOURS)
        inside = proportion(int((balls.times > 0).sum()), len(self.equal))
        note = f"{self.features.name}, k = {NEIGHBOURS}"
        return (
            _share("precision", inside, best.precision(everything), "higher", note),
            self.figure("recall", balls.recall, labels, best.recall(everything), "higher", note, (0, 1)),
            self.figure("density", balls.density, labels, best.density(everything), "", note),
            self.figure("coverage", balls.coverage, labels, best.coverage(everything), "higher", note, (0, 1)),
        )

    def diversity(self) -> Estimate:
        real = self.dataset.train.labels[self.chosen.train].numpy()
        held_out = self.dataset.held_out.labels[self.chosen.held_out].numpy()
        own = Diversity(self.real, real, self.generated, self.chosen.labels.numpy())
        best = Diversity(self.real, real, self.best, held_out).ratio(np.arange(len(self.best)))
        return self.figure("diversity within a class", own.ratio, self.chosen.labels, best)

    def memory(self) -> tuple[Estimate, ...]:
        pixels, held_out = PixelFeatures.of(self.dataset), self.held_out[self.chosen.every_held_out]
        found = Memory.of(pixels(self.train), pixels(held_out), pixels(self.chosen.tokens))
        copied, count = copies(self.train, self.chosen.tokens), len(self.chosen.tokens)
        best, relative = float(copies(self.train, held_out).mean()), found.relative
        return (
            _share("copies of training images", proportion(int(copied.sum()), count), best, "lower", "tokens"),
            _share("near a training image", proportion(int(found.near.sum()), count), QUANTILE, "lower", "pixels"),
            self.figure(
                "distance to the nearest training image",
                lambda rows: float(np.median(relative[rows])),
                self.chosen.labels,
                1.0,
                note="pixels, median over that of held-out images",
            ),
        )


def _share(name: str, found: Proportion, best: float, better: str, note: str) -> Estimate:
    return Estimate(name, found.value, found.low, found.high, found.count, best, better, note)
