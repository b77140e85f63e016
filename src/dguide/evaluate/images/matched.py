"""The sets of images that are compared, with the proportions of the requested classes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from ...data import Dataset, Learnt, Split
from ...errors import bad
from ..mixture import Counts, Mixture, requested_classes
from ..statistics.estimate import Estimate, Rows

__all__ = ["MOST", "NEIGHBOURS", "SIZED", "Matched", "decoded"]

NEIGHBOURS = 5
"""The k of precision, recall, density and coverage, as in Naeem et al. (arXiv 2002.09797)."""
MOST = 5000
"""Largest number of training images for distances, and of generated images for diversity."""
SIZED = ("Fréchet distance", "kernel distance", "precision", "recall", "density", "coverage")
"""Figures that depend on the number of images."""


@dataclass(frozen=True, eq=False)
class Matched:
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
    def of(cls, dataset: Dataset, drawn: Split, seed: int) -> Matched:
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
        reference, reference_groups = mixture.take(train, mixture.counts(MOST, train), seed)
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


def decoded(dataset: Dataset, split: Split) -> Split:
    """The sequences with the pictures that a tokenizer makes of their tokens; as they are if there is no tokenizer."""
    codec = dataset.codec
    return replace(split, images=codec.decoded(split.tokens)) if isinstance(codec, Learnt) else split
