"""Data sets of token sequences."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import bad
from .codecs.base import Codec
from .codecs.learnt import Learnt
from .codecs.pixels import Pixels
from .codecs.registry import CODECS
from .condition import CONDITIONS, Attribute
from .pictures import Pictures

__all__ = ["Dataset", "Skipped", "Split"]


@dataclass(frozen=True)
class Split:
    """One part of a data set: sequences with their labels and properties.

    Args:
        tokens: The sequences, [N, L] int64.
        labels: The class of each sequence under the first condition of the data set, [N] int64.
        properties: Numbers that describe each sequence, by name, [N] float64.
        places: Where each sequence stands in the source, such as a file or a line; empty if that is not known.
        images: The pictures that the sequences stand for, if these are not the pictures of the tokens.
    """

    tokens: Tensor
    labels: Tensor
    properties: Mapping[str, Tensor] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    images: Pictures | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def originals(self) -> Tensor | Pictures:
        """What samples are compared with: the pictures if they are not those of the tokens, else the tokens."""
        return self.tokens if self.images is None else self.images

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Tokens, labels and the properties in the order of their names, with their names."""
        yield "tokens", self.tokens
        yield "labels", self.labels
        yield from ((f"property {name}", self.properties[name]) for name in sorted(self.properties))

    def take(self, rows: Tensor) -> Split:
        """The sequences at `rows`."""
        properties = {name: x[rows] for name, x in self.properties.items()}
        kept = torch.arange(len(self))[rows].tolist() if self.places else []
        places = tuple(self.places[row] for row in kept)
        images = None if self.images is None else self.images.take(rows)
        return Split(self.tokens[rows], self.labels[rows], properties, places, images)

    def joined(self, other: Split) -> Split:
        """These sequences and then the others, which have the same properties."""
        properties = {name: torch.cat([x, other.properties[name]]) for name, x in self.properties.items()}
        tokens, labels = torch.cat([self.tokens, other.tokens]), torch.cat([self.labels, other.labels])
        images = None if self.images is None or other.images is None else self.images.joined(other.images)
        return Split(tokens, labels, properties, self.places + other.places, images)

    def parts(self, part: Tensor) -> tuple[Split, Split, Split]:
        """Training, validation and test, from the number of the part of each sequence, [N] int64 (`holdout`)."""
        train, validation, test = (self.take(part == code) for code in range(3))
        return train, validation, test

    def some(self, most: int, seed: int = 0) -> Split:
        """At most `most` of the sequences, in random order."""
        return self.take(torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))[:most])


@dataclass(frozen=True)
class Skipped:
    """An entry of a source that is not in the data set.

    Args:
        what: Its place: a file, a line of a table, an index.
        why: The reason.
    """

    what: str
    why: str


@dataclass(frozen=True)
class Dataset:
    """Labelled token sequences, divided into fixed parts: training, validation and test.

    Args:
        name: Its name for `dguide.data.load`.
        train: The part to learn from.
        validation: The part to choose with: the best weights, a temperature, a threshold.
        test: The part to report on. Nothing is fitted to it or chosen by it.
        codec: The meaning of a token, and how to show a sequence.
        conditions: The conditions of a model; `Split.labels` are the classes of the first one.
        skipped: Entries of the source that are not in the data set, with reasons.
        synthetic: Whether a program generated the data. All output says so.
        licence: What the owner of the data asks of those who use them; empty if nothing is known.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    codec: Codec
    conditions: tuple[Attribute, ...]
    skipped: tuple[Skipped, ...] = ()
    synthetic: bool = False
    licence: str = ""

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
        """Rows and columns of the tokens of images in row-major order; None for other sequences."""
        return self.codec.shape

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal: the three parts, the codec and the conditions, but not the name.

        Raises:
            ValueError: If nothing could import the codec or a condition elsewhere.
        """
        sha256 = hashlib.sha256()
        codec = CODECS.describe(self.codec)
        if isinstance(self.codec, Pixels):
            del codec["bits"]  # the tokens tell it, and digests of before there was this field hold
        if isinstance(self.codec, Learnt):
            del codec["bits"], codec["folder"]  # the tokenizer has a digest, wherever it is
        meaning = [codec, [CONDITIONS.describe(each) for each in self.conditions]]
        sha256.update(json.dumps(meaning, sort_keys=True).encode())
        for split in (self.train, self.validation, self.test):
            for name, values in split.named():
                numbers = np.ascontiguousarray(values.cpu().numpy())
                little = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False)
                sha256.update(f"{name} {little.dtype} {little.shape}".encode())
                sha256.update(little.data)
        return sha256.hexdigest()

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of class 0, 1, ... of the first condition."""
        return self.conditions[0].class_names

    @property
    def n_classes(self) -> int:
        """Number of classes of the first condition."""
        return len(self.class_names)

    @property
    def sizes(self) -> int | dict[str, int]:
        """The number of classes; or, for several conditions or a number, the number of classes by name of condition.

        A condition that is a number has 0 classes.
        """
        if len(self.conditions) == 1 and self.n_classes:
            return self.n_classes
        return {condition.name: condition.n_classes for condition in self.conditions}

    def values(self, split: Split) -> dict[str, Tensor]:
        """The conditions of the sequences in `split`: one tensor [N] by name, also if there is one condition only."""
        return {condition.name: condition.of(split.labels, split.properties) for condition in self.conditions}

    def condition(self, split: Split) -> Tensor | dict[str, Tensor]:
        """The conditions of the sequences in `split`: classes [N], or one tensor [N] by name of condition."""
        values = self.values(split)
        return values[self.conditions[0].name] if isinstance(self.sizes, int) else values

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel from 0 (dark) to 1 (bright), [..., H, W] float32, of images [..., L] int64.

        Raises:
            ValueError: If the sequences of this data set are not images, or `tokens` has another length.
        """
        return self.codec.picture(tokens)

    def features(self, images: Tensor | Pictures) -> NDArray[np.float64]:
        """Images as an array [N, D] for classifiers and nearest-neighbour searches.

        Args:
            images: Sequences [N, L]; or the pictures of some, as of `Split.originals`, if a tokenizer made these.

        Raises:
            ValueError: If they are no images.
        """
        if isinstance(images, Tensor):
            return self.codec.features(images)
        if isinstance(self.codec, Learnt):
            return self.codec.features(images)
        raise bad("images", "pictures", f"tokens, as {type(self.codec).__name__} has no other pictures")
