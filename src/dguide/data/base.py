"""What a data set of token sequences is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .codecs.base import Codec
from .condition import Attribute

__all__ = ["Dataset", "Skipped", "Split"]


@dataclass(frozen=True)
class Split:
    """One part of a data set: sequences and what is known about them.

    Args:
        tokens: The sequences, [N, L] int64.
        labels: The class of each sequence under the first condition of the data set, [N] int64.
        properties: Numbers known of each sequence, by name, [N] float64.
    """

    tokens: Tensor
    labels: Tensor
    properties: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, rows: Tensor) -> Split:
        """Some of its sequences."""
        return Split(self.tokens[rows], self.labels[rows], {name: x[rows] for name, x in self.properties.items()})

    def some(self, most: int, seed: int = 0) -> Split:
        """At most so many of its sequences, in random order."""
        return self.take(torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:most])


@dataclass(frozen=True)
class Skipped:
    """Something that a source holds and a data set does not.

    Args:
        what: Where it stands: a file, a line of a table, an index.
        why: Why it was left out.
    """

    what: str
    why: str


@dataclass(frozen=True)
class Dataset:
    """Labelled token sequences, divided once and for all into a training and a held-out part.

    Args:
        name: What `dguide.data.load` finds it by.
        train: What models learn from.
        held_out: What they are judged on.
        codec: What a token stands for, and how a sequence is shown.
        conditions: What a model is told; the first is what `Split.labels` are the classes of.
        skipped: What the source holds besides, and why it was left out.
        synthetic: Whether it was made by a program instead of measured, which is said wherever it is shown.
    """

    name: str
    train: Split
    held_out: Split
    codec: Codec
    conditions: tuple[Attribute, ...]
    skipped: tuple[Skipped, ...] = ()
    synthetic: bool = False

    @property
    def length(self) -> int:
        """Number L of tokens in a sequence."""
        return self.codec.length

    @property
    def vocab_size(self) -> int:
        """Number V of token values; tokens lie in 0 .. V - 1."""
        return self.codec.vocab_size

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width (H, W) if a sequence is an image in row-major order, else None."""
        return self.codec.shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of class 0, 1, ... of the first condition."""
        return self.conditions[0].class_names

    @property
    def n_classes(self) -> int:
        """Number of classes of the first condition."""
        return len(self.class_names)

    @property
    def sizes(self) -> int | dict[str, int]:
        """What networks are told conditions by: the number of classes, or that of each condition if there are several.

        A condition that is a number has none.
        """
        if len(self.conditions) == 1 and self.n_classes:
            return self.n_classes
        return {condition.name: condition.n_classes for condition in self.conditions}

    def condition(self, split: Split) -> Tensor | dict[str, Tensor]:
        """What a model is told about the sequences of `split`: classes [N], or one tensor [N] by name of condition."""
        values = {condition.name: condition.of(split.labels, split.properties) for condition in self.conditions}
        return values[self.conditions[0].name] if isinstance(self.sizes, int) else values

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel from 0 (dark) to 1 (bright), [..., H, W] float32, of images [..., L] int64.

        Raises:
            ValueError: If the sequences of this data set are not images, or `tokens` has another length.
        """
        return self.codec.picture(tokens)

    def features(self, tokens: Tensor) -> NDArray[np.float64]:
        """The sequences [N, L] as an array [N, D] that classifiers and nearest-neighbour searches take."""
        return self.codec.features(tokens)
