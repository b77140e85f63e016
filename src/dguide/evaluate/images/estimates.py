"""Figures of generated images: accuracy, distance to real images, coverage, diversity and copies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from ...data import Dataset, Split
from ...errors import bad
from ..mixture import Counts
from ..points.base import Points, pieces
from ..points.distances import Kernel, Moments, Normal
from ..points.diversity import Diversity
from ..points.feature_sets import Features, PixelFeatures, image_codec
from ..points.memory import Memory, copies
from ..points.neighbours import Balls
from ..statistics.estimate import Estimate, Rows, Statistic, estimate
from ..statistics.intervals import dependent_share, quantile, share
from .matched import MOST, NEIGHBOURS, Matched, decoded
from .network import LearntFeatures

__all__ = ["image_estimates"]

ALL = "Fréchet distance of all samples"


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
    diversity at most 5,000 images. More generated images than that also get a Fréchet distance of all of them, as
    papers give it for 50,000.

    Intervals account for the random choice of the generated images, and those of held-out images for their choice. The
    number of images of each class, the training images and the judge are fixed. The judge learns from the training
    images, the limit of near images comes from the validation, and held-out images are those of the test.

    If the tokens are codes of a tokenizer, the real images are the original ones, and `Estimate.rebuilt` is the figure
    of the same held-out images after the tokenizer encoded and decoded them.

    Args:
        dataset: The real data.
        tokens: Generated images, [N, L] int64.
        labels: The requested classes, [N] int64; the number of classes means "not given".
        judge: A classifier of images; by default it is trained on the training images first.
        features: The features for distances; by default those of `judge`.
        repetitions: Number of halves for an interval (`halves`); 0 for intervals of shares only.
        seed: Seed of the choice of real images, of the halves, and of a default `judge`.

    Raises:
        ValueError: If the data are not images, the tokens or the labels do not fit them, or there are no more than
            `NEIGHBOURS` generated images.
    """
    image_codec(dataset).check(tokens)
    if tokens.dim() != 2 or labels.shape != (len(tokens),):
        got = f"{list(labels.shape)} of tokens {list(tokens.shape)}"
        raise bad("labels", got, "[N], one for each of tokens [N, L]")
    matched = Matched.of(dataset, decoded(dataset, Split(tokens.cpu(), labels.cpu())), seed)
    judge = judge or LearntFeatures.fit(dataset, seed=seed)
    figures = _ImageFigures(dataset, matched, judge, features or judge, repetitions, seed)
    sized = (*figures.distances(), *figures.neighbours()) if len(matched.equal) > NEIGHBOURS else matched.too_few()
    estimates = (*figures.accuracy(), *sized, figures.diversity(), *figures.memory())
    return tuple(each.noted(matched.mixture.note) for each in estimates)


@dataclass(frozen=True, eq=False)
class _Set:
    """Images with their points, their combinations and, of the samples, their rows among all of them."""

    split: Split
    points: Points
    groups: Counts
    members: Rows | None = None


class _ImageFigures:
    """Computes the figures of a set of images, of held-out images and, with a tokenizer, of what it makes of these."""

    def __init__(
        self,
        dataset: Dataset,
        matched: Matched,
        judge: LearntFeatures,
        features: Features,
        repetitions: int,
        seed: int,
    ) -> None:
        self.dataset, self.matched, self.judge, self.features = dataset, matched, judge, features
        self.repetitions, self.seed = repetitions, seed
        own, theirs, self.groups = matched.groups
        self.real = self._points(matched.train)
        self.held = [
            _Set(split, self._points(split), theirs) for split in _and_rebuilt(dataset, matched.held_out) if len(split)
        ]
        self.sets = [_Set(matched.equal, self._points(matched.equal), own, matched.rows), *self.held]

    def _points(self, split: Split) -> Points:
        return self.features(split.originals) if len(split) else np.empty((0, 1))

    def figure(
        self,
        name: str,
        statistic: Callable[[_Set], Statistic],
        better: str = "",
        note: str = "",
        bounds: tuple[float, float] = (0.0, math.inf),
        drawn: _Set | None = None,
    ) -> Estimate:
        """A figure of `drawn`, by default `equal`, beside that of held-out images, both within its possible values.

        The labels are requested, not random. So the halves have equally many images of each class.
        """
        return _compared(
            *(
                estimate(
                    name,
                    statistic(each),
                    len(each.split),
                    better=better,
                    note=note or self.features.name,
                    bounds=bounds,
                    members=each.members,
                    strata=each.split.labels.numpy(),
                    repetitions=self.repetitions,
                    seed=self.seed,
                )
                for each in (drawn or self.sets[0], *self.held)
            )
        )

    def accuracy(self) -> tuple[Estimate, ...]:
        drawn = self.matched.drawn
        given = drawn.labels < self.dataset.n_classes
        if not bool(given.any()):
            return ()
        told = torch.from_numpy(~self.matched.mixture.not_given[self.matched.groups[1]].any(1))
        note = f"a network with {self.judge.held_out.value:.3f} of all held-out images, seed {self.judge.seed}"
        held = ((each.split.take(told), None) for each in self.held)
        return (
            _compared(
                *(
                    share(
                        "accuracy on the asked class",
                        (self.judge.classes(some.originals) == some.labels).numpy(),
                        better="higher",
                        note=note,
                        members=members,
                    )
                    for some, members in ((drawn.take(given), np.flatnonzero(given.numpy())), *held)
                    if len(some)
                )
            ),
        )

    def distances(self) -> tuple[Estimate, ...]:
        real = Normal.of(self.real)

        def frechet(each: _Set) -> Statistic:
            return lambda rows: real.distance(Normal.of(each.points[rows])) if len(rows) > 1 else math.nan

        def kernel(each: _Set) -> Statistic:
            return Kernel(self.real, each.points, (self.groups, each.groups)).distance

        return (
            self.figure("Fréchet distance", frechet, "lower"),
            *self._of_all(real),
            self.figure("kernel distance", kernel, "lower", bounds=(-math.inf, math.inf)),
        )

    def _of_all(self, real: Normal) -> tuple[Estimate, ...]:
        """The Fréchet distance of all samples, as papers give it for 50,000, if there are more than `MOST`."""
        drawn = self.matched.drawn
        if len(drawn) <= MOST:
            return ()
        moments = reduce(Moments.merged, (Moments.of(self.features(some)) for some in pieces(drawn.originals)))
        note = f"{self.features.name}, to training images; it has no interval, and none of held-out data"
        value = real.distance(moments.normal())
        return (Estimate(ALL, value, math.nan, math.nan, len(drawn), better="lower", note=note),)

    def neighbours(self) -> tuple[Estimate, ...]:
        near, note = self.features(self.matched.near.originals), f"{self.features.name}, k = {NEIGHBOURS}"
        balls = [Balls(near, each.points, NEIGHBOURS) for each in self.sets]
        density = iter(balls)

        def dependent(name: str) -> Estimate:
            return _compared(
                *(
                    dependent_share(
                        name,
                        getattr(each, name),
                        len(near),
                        len(some.split),
                        fixed=True,
                        better="higher",
                        note=note,
                        members=some.members,
                        strata=some.split.labels.numpy(),
                        repetitions=self.repetitions,
                        seed=self.seed,
                    )
                    for each, some in zip(balls, self.sets, strict=True)
                )
            )

        return (
            _compared(
                *(
                    share("precision", each.times > 0, better="higher", note=note, members=some.members)
                    for each, some in zip(balls, self.sets, strict=True)
                )
            ),
            dependent("recall"),
            self.figure("density", lambda _: next(density).density, note=note),
            dependent("coverage"),
        )

    def diversity(self) -> Estimate:
        rows = torch.randperm(len(self.matched.drawn), generator=torch.Generator().manual_seed(self.seed))[:MOST]
        drawn, labels = self.matched.drawn.take(rows), self.matched.train.labels.numpy()

        def ratio(each: _Set) -> Statistic:
            return Diversity(self.real, labels, each.points, each.split.labels.numpy()).ratio

        some = _Set(drawn, self._points(drawn), self.matched.mixture.groups[rows.numpy()], rows.numpy())
        return self.figure("diversity within a class", ratio, drawn=some)

    def memory(self) -> tuple[Estimate, ...]:
        sets, train = (self.matched.drawn, *_and_rebuilt(self.dataset, self.matched.every_held_out)), self.dataset.train
        pixels = PixelFeatures.of(self.dataset)
        points, chosen = pixels(train.originals), pixels(self.matched.validation.originals)
        memories = [Memory.of(points, chosen, map(pixels, pieces(split.originals))) for split in sets]
        copied = [copies(train.tokens, split.tokens) for split in sets]
        note = f"pixels; {100 * memories[0].expected:.1f} % of new images"
        return (
            _compared(
                *(share("copies of training images", each, better="lower", note="tokens") for each in copied),
            ),
            _compared(
                *(
                    share("near a training image", memory.near | each, better="lower", note=note)
                    for memory, each in zip(memories, copied, strict=True)
                )
            ),
            _compared(
                *(
                    quantile(
                        "distance to the nearest training image",
                        memory.relative,
                        50,
                        note="pixels, median over that of validation images",
                    )
                    for memory in memories
                )
            ),
        )


def _and_rebuilt(dataset: Dataset, held_out: Split) -> list[Split]:
    """Held-out images and, with a tokenizer, what it makes of them."""
    return [held_out] if held_out.images is None else [held_out, decoded(dataset, held_out)]


def _compared(own: Estimate, real: Estimate | None = None, rebuilt: Estimate | None = None) -> Estimate:
    """The figure of the samples beside those of held-out images, if there are any."""
    compared = own if real is None else own.beside(real)
    return compared if rebuilt is None else replace(compared, rebuilt=rebuilt.value)
