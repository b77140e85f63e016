"""Figures of generated images: accuracy, distance to real images, coverage, diversity and copies."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
from ..statistics.estimate import Estimate, Rows, Statistic, estimate
from ..statistics.intervals import dependent_share, quantile, share
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

    Intervals account for the random choice of the generated images, and those of held-out images for their choice. The
    number of images of each class, the training images and the judge are fixed. The judge learns from the training
    images, the limit of near images comes from the validation, and held-out images are those of the test.

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
    matched = _Matched.of(dataset, Split(tokens.cpu(), labels.cpu()), seed)
    judge = judge or LearntFeatures.fit(dataset, seed=seed)
    figures = _ImageFigures(dataset, matched, judge, features or judge, repetitions, seed)
    sized = (*figures.distances(), *figures.neighbours()) if len(matched.equal) > NEIGHBOURS else matched.too_few()
    estimates = (*figures.accuracy(), *sized, figures.diversity(), *figures.memory())
    return tuple(each.noted(matched.mixture.note) for each in estimates)


@dataclass(frozen=True, eq=False)
class _Matched:
    """The sets of images for the comparison, with the proportions of the requested classes.

    Args:
        mixture: The requested classes and their numbers.
        drawn: All generated images.
        equal: A selection of the generated images, as many as `held_out`.
        rows: Which of the generated images these are.
        held_out: Held-out images of the test, at most as many of each class as generated ones.
        every_held_out: As many images of the test as the proportions allow, or all if none fit.
        validation: As many images of the validation as the proportions allow, or all if none fit.
        near: Training images, as many as `held_out`.
        train: As many training images as the proportions allow, up to a limit.
        groups: The combination of each image of `equal`, `held_out` and `train`.
    """

    mixture: Mixture
    drawn: Split
    equal: Split
    rows: Rows
    held_out: Split
    every_held_out: Split
    validation: Split
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
        every, chosen = (
            mixture.take(part, mixture.counts(len(part), part), seed)[0] for part in (real, dataset.validation)
        )
        rows = mixture.own(counts, seed)
        reference, reference_groups = mixture.take(train, mixture.counts(_MOST, train), seed)
        return cls(
            mixture,
            drawn,
            drawn.take(torch.from_numpy(rows)),
            rows,
            held_out,
            every if len(every) else real,
            chosen if len(chosen) else dataset.validation,
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

    def figure(
        self,
        name: str,
        own: Statistic,
        real: Statistic,
        better: str = "",
        note: str = "",
        bounds: tuple[float, float] = (0.0, math.inf),
        drawn: tuple[Split, Rows] | None = None,
    ) -> Estimate:
        """A figure of `drawn`, by default `equal`, beside that of held-out images, both within its possible values.

        The labels are requested, not random. So the halves have equally many images of each class.
        """
        split, members = drawn or (self.matched.equal, self.matched.rows)
        return _compared(
            *(
                estimate(
                    name,
                    statistic,
                    len(each),
                    better=better,
                    note=note or self.features.name,
                    bounds=bounds,
                    members=rows,
                    strata=each.labels.numpy(),
                    repetitions=self.repetitions,
                    seed=self.seed,
                )
                for statistic, each, rows in ((own, split, members), (real, self.matched.held_out, None))
                if len(each)
            )
        )

    def accuracy(self) -> tuple[Estimate, ...]:
        drawn, real = self.matched.drawn, self.matched.held_out
        given = drawn.labels < self.dataset.n_classes
        if not bool(given.any()):
            return ()
        real = real.take(torch.from_numpy(~self.matched.mixture.not_given[self.matched.groups[1]].any(1)))
        note = f"a network with {self.judge.held_out.value:.3f} of all held-out images, seed {self.judge.seed}"
        return (
            _compared(
                *(
                    share(
                        "accuracy on the asked class",
                        (self.judge.classes(some.tokens) == some.labels).numpy(),
                        better="higher",
                        note=note,
                        members=members,
                    )
                    for some, members in ((drawn.take(given), np.flatnonzero(given.numpy())), (real, None))
                    if len(some)
                )
            ),
        )

    def distances(self) -> tuple[Estimate, ...]:
        real = Normal.of(self.real)
        own, best, theirs = self.matched.groups
        return (
            self.figure(
                "Fréchet distance",
                lambda rows: real.distance(Normal.of(self.equal[rows])),
                lambda rows: real.distance(Normal.of(self.best[rows])),
                "lower",
            ),
            self.figure(
                "kernel distance",
                Kernel(self.real, self.equal, (theirs, own)).distance,
                Kernel(self.real, self.best, (theirs, best)).distance,
                "lower",
                bounds=(-math.inf, math.inf),
            ),
        )

    def neighbours(self) -> tuple[Estimate, ...]:
        near, note = self.features(self.matched.near.tokens), f"{self.features.name}, k = {NEIGHBOURS}"
        balls = [Balls(near, points, NEIGHBOURS) for points in (self.equal, self.best)]
        splits, members = (self.matched.equal, self.matched.held_out), (self.matched.rows, None)

        def dependent(name: str) -> Estimate:
            return _compared(
                *(
                    dependent_share(
                        name,
                        getattr(each, name),
                        len(near),
                        len(split),
                        fixed=True,
                        better="higher",
                        note=note,
                        members=rows,
                        strata=split.labels.numpy(),
                        repetitions=self.repetitions,
                        seed=self.seed,
                    )
                    for each, split, rows in zip(balls, splits, members, strict=True)
                )
            )

        return (
            _compared(
                *(
                    share("precision", each.times > 0, better="higher", note=note, members=rows)
                    for each, rows in zip(balls, members, strict=True)
                )
            ),
            dependent("recall"),
            self.figure("density", balls[0].density, balls[1].density, note=note),
            dependent("coverage"),
        )

    def diversity(self) -> Estimate:
        rows = torch.randperm(len(self.matched.drawn), generator=torch.Generator().manual_seed(self.seed))[:_MOST]
        drawn, labels = self.matched.drawn.take(rows), self.matched.train.labels.numpy()
        own = Diversity(self.real, labels, self.features(drawn.tokens), drawn.labels.numpy())
        best = Diversity(self.real, labels, self.best, self.matched.held_out.labels.numpy())
        return self.figure("diversity within a class", own.ratio, best.ratio, drawn=(drawn, rows.numpy()))

    def memory(self) -> tuple[Estimate, ...]:
        sets, train = (self.matched.drawn, self.matched.every_held_out), self.dataset.train
        pixels = PixelFeatures.of(self.dataset)
        points, chosen = pixels(train.tokens), pixels(self.matched.validation.tokens)
        memories = [Memory.of(points, chosen, pixels(split.tokens)) for split in sets]
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


def _compared(own: Estimate, real: Estimate | None = None) -> Estimate:
    """The figure of the samples beside that of held-out images, if there are any."""
    return own if real is None else own.beside(real)
