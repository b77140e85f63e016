"""Figures of generated images: accuracy, distance to real images, coverage, diversity and copies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...data import Dataset, Split
from ...errors import bad
from ..mixture import Counts, Mixture, requested_classes
from ..points.distances import Kernel, Normal
from ..points.diversity import Diversity
from ..points.feature_sets import Features, PixelFeatures, image_codec
from ..points.memory import Memory, copies
from ..points.neighbours import Balls
from ..statistics.estimate import Estimate, Rows, estimate
from ..statistics.intervals import share
from .network import LearntFeatures

__all__ = ["image_estimates"]

NEIGHBOURS = 5
"""The k of precision, recall, density and coverage, as in Naeem et al. (arXiv 2002.09797)."""
_MOST = 5000
"""Largest number of training images for distances, and of generated images for diversity."""
SIZED = ("Fréchet distance", "kernel distance", "precision", "recall", "density", "coverage")
"""Figures that depend on the number of images."""


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
    """Compares generated images with the training images. Computes the same figures for held-out images.

    Real images are selected with the proportions of the requested classes. Classes with too few held-out images are
    omitted (`Mixture.kept`); the notes name them. Distances, precision, recall, density and coverage depend on the
    number of images. So they use as many generated images as there are held-out images in these proportions, if that
    is fewer; `Estimate.count` is this number. These figures are nan for no more than `NEIGHBOURS` images. Fréchet and
    kernel distance use at most 5,000 training images, the neighbours as many training images as generated ones, and
    diversity at most 5,000 images.

    Intervals account only for the random choice of the generated images. The number of images of each class, the real
    images, and the radii of the balls around generated images are fixed.

    Args:
        dataset: The real data.
        tokens: Generated images, [N, L] int64.
        labels: The requested classes, [N] int64; the number of classes means "not given".
        judge: A classifier of images; by default it is trained on the training images first.
        features: The features for distances; by default those of `judge`.
        repetitions: Number of samples of the bootstrap; 0 for intervals of shares only.
        seed: Seed of the choice of real images, of the bootstrap, and of a default `judge`.

    Raises:
        ValueError: If the data are not images, the tokens or the labels do not fit them, or there are no more than
            `NEIGHBOURS` generated images.
    """
    image_codec(dataset).check(tokens)
    if tokens.dim() != 2 or labels.shape != (len(tokens),):
        got = f"{list(labels.shape)} of tokens {list(tokens.shape)}"
        raise bad("labels", got, "[N], one for each of tokens [N, L]")
    matched = _Matched.of(dataset, Split(tokens.cpu(), labels.cpu()), seed)
    judge = judge or LearntFeatures.fit(dataset, seed=seed)
    figures = _ImageFigures(dataset, matched, judge, features or judge, repetitions, seed)
    sized = (*figures.distances(), *figures.neighbours()) if len(matched.equal) > NEIGHBOURS else matched.too_few()
    estimates = (*figures.accuracy(), *sized, figures.diversity(), *figures.memory())
    return tuple(replace(each, note="; ".join(filter(None, (each.note, matched.mixture.note)))) for each in estimates)


@dataclass(frozen=True, eq=False)
class _Matched:
    """The sets of images for the comparison, with the proportions of the requested classes.

    Args:
        mixture: The requested classes and their numbers.
        drawn: All generated images.
        equal: A selection of the generated images, as many as `held_out`.
        held_out: Held-out images, at most as many of each class as generated ones.
        every_held_out: As many held-out images as the proportions allow, or all if none fit.
        near: Training images, as many as `held_out`.
        train: As many training images as the proportions allow, up to a limit.
        groups: The combination of each image of `equal`, `held_out` and `train`.
    """

    mixture: Mixture
    drawn: Split
    equal: Split
    held_out: Split
    every_held_out: Split
    near: Split
    train: Split
    groups: tuple[Counts, Counts, Counts]

    @classmethod
    def of(cls, dataset: Dataset, drawn: Split, seed: int) -> _Matched:
        classes = requested_classes(dataset, {dataset.conditions[0].name: drawn.labels}, len(drawn))
        if len(drawn) <= NEIGHBOURS:
            expected = f"at least {NEIGHBOURS + 1}, one more than neighbours that are sought"
            raise bad("samples", len(drawn), expected)
        real, train = dataset.test, dataset.train
        mixture = Mixture.of(dataset, classes, len(drawn)).kept(len(drawn), real, train)
        counts = mixture.counts(len(drawn), real, train, drawn=True)
        held_out, held_out_groups = mixture.take(real, counts, seed)
        every, _ = mixture.take(real, mixture.counts(len(real), real), seed)
        rows = mixture.own(counts, seed)
        reference, reference_groups = mixture.take(train, mixture.counts(_MOST, train), seed)
        return cls(
            mixture,
            drawn,
            drawn.take(torch.from_numpy(rows)),
            held_out,
            every if len(every) else real,
            mixture.take(train, counts, seed)[0],
            reference,
            (mixture.groups[rows], held_out_groups, reference_groups),
        )

    def too_few(self) -> tuple[Estimate, ...]:
        """The figures in `SIZED` as nan, for too few images."""
        note = f"more than {NEIGHBOURS} held-out and training images of the requested classes are needed"
        nothing = (math.nan, math.nan, math.nan)
        return tuple(Estimate(name, *nothing, len(self.equal), note=note) for name in SIZED)


class _ImageFigures:
    """Computes the figures of a set of images."""

    def __init__(
        self,
        dataset: Dataset,
        matched: _Matched,
        judge: LearntFeatures,
        features: Features,
        repetitions: int,
        seed: int,
    ) -> None:
        self.dataset, self.matched, self.judge, self.features = dataset, matched, judge, features
        self.repetitions, self.seed = repetitions, seed
        self.real, self.best, self.equal = (
            features(split.tokens) if len(split) else np.empty((0, 1))
            for split in (matched.train, matched.held_out, matched.equal)
        )
        self.all_best = np.arange(len(self.best))

    def figure(
        self,
        name: str,
        statistic: Callable[[Rows], float],
        drawn: Split,
        best: float,
        better: str = "",
        note: str = "",
        bounds: tuple[float, float] = (0.0, math.inf),
    ) -> Estimate:
        """An estimate with an interval within the possible values of the figure.

        The labels are requested, not random. So the bootstrap keeps the number of images of each class.
        """
        return estimate(
            name,
            statistic,
            len(drawn),
            best=best,
            better=better,
            note=note or self.features.name,
            bounds=bounds,
            strata=drawn.labels.numpy(),
            repetitions=self.repetitions,
            seed=self.seed,
        )

    def accuracy(self) -> tuple[Estimate, ...]:
        drawn, real = self.matched.drawn, self.matched.held_out
        given = drawn.labels < self.dataset.n_classes
        if not bool(given.any()):
            return ()
        hits = self.judge.classes(drawn.tokens[given]) == drawn.labels[given]
        real = real.take(torch.from_numpy(~self.matched.mixture.not_given[self.matched.groups[1]].any(1)))
        best = float((self.judge.classes(real.tokens) == real.labels).double().mean()) if len(real) else math.nan
        note = f"a network with {self.judge.held_out.value:.3f} of all held-out images, seed {self.judge.seed}"
        return (share("accuracy on the asked class", hits.numpy(), best=best, better="higher", note=note),)

    def distances(self) -> tuple[Estimate, ...]:
        drawn, real = self.matched.equal, Normal.of(self.real)
        own, best, theirs = self.matched.groups
        kernel = Kernel(self.real, self.equal, (theirs, own))
        return (
            self.figure(
                "Fréchet distance",
                lambda rows: real.distance(Normal.of(self.equal[rows])),
                drawn,
                real.distance(Normal.of(self.best)),
                "lower",
            ),
            self.figure(
                "kernel distance",
                kernel.distance,
                drawn,
                Kernel(self.real, self.best, (theirs, best)).distance(self.all_best),
                "lower",
                bounds=(-math.inf, math.inf),
            ),
        )

    def neighbours(self) -> tuple[Estimate, ...]:
        near, drawn = self.features(self.matched.near.tokens), self.matched.equal
        own, best = Balls(near, self.equal, NEIGHBOURS), Balls(near, self.best, NEIGHBOURS)
        recall, density, coverage = (f(self.all_best) for f in (best.recall, best.density, best.coverage))
        note, inside = f"{self.features.name}, k = {NEIGHBOURS}", own.times > 0
        return (
            share("precision", inside, best=best.precision(self.all_best), better="higher", note=note),
            self.figure("recall", own.recall, drawn, recall, "higher", note, (0, 1)),
            self.figure("density", own.density, drawn, density, "", note),
            self.figure("coverage", own.coverage, drawn, coverage, "higher", note, (0, 1)),
        )

    def diversity(self) -> Estimate:
        drawn, labels = self.matched.drawn.some(_MOST, self.seed), self.matched.train.labels.numpy()
        own = Diversity(self.real, labels, self.features(drawn.tokens), drawn.labels.numpy())
        best = Diversity(self.real, labels, self.best, self.matched.held_out.labels.numpy())
        return self.figure("diversity within a class", own.ratio, drawn, best.ratio(self.all_best))

    def memory(self) -> tuple[Estimate, ...]:
        drawn, held_out, train = self.matched.drawn, self.matched.every_held_out, self.dataset.train
        pixels = PixelFeatures.of(self.dataset)
        memory = Memory.of(*(pixels(split.tokens) for split in (train, held_out, drawn)))
        copied, repeated = (copies(train.tokens, split.tokens) for split in (drawn, held_out))
        near, best, relative = memory.near | copied, memory.held_out_near | repeated, memory.relative
        return (
            share("copies of training images", copied, best=float(repeated.mean()), better="lower", note="tokens"),
            share("near a training image", near, best=float(best.mean()), better="lower", note="pixels"),
            self.figure(
                "distance to the nearest training image",
                lambda rows: float(np.median(relative[rows])),
                drawn,
                1.0,
                note="pixels, median over that of held-out images",
            ),
        )
