"""The arms of a pilot: what each adds to the few real examples of the rare class before a classifier learns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data import Codec, Dataset, Learnt, Pictures, Pixels, Source
from ...data.codecs.learnt import brightness
from ...data.sources import from_pixels
from ...errors import bad
from .ordinary import Ordinary

__all__ = ["BASELINES", "Arm", "Training", "Way", "arms", "as_pictures", "balance", "compose", "mixes", "parts"]

Way: TypeAlias = Literal["whole", "filled"]
_AT_ONCE = 256
"""Samples that are made pictures at once."""


@dataclass(frozen=True)
class Arm:
    """What is added to the training part.

    Args:
        name: Its name in tables, unique in a pilot.
        moved: Which examples ordinary augmentation changes: "no", "rare" or "all".
        repeated: Share of the added examples that are real ones of the rare class again.
        drawn: Name of the setting of the generated examples, which are the rest; empty for none.
        way: Whether they are whole samples, or defects filled into good parts.
    """

    name: str
    moved: Literal["no", "rare", "all"] = "no"
    repeated: float = 0.0
    drawn: str = ""
    way: Way = "whole"

    @property
    def adds(self) -> bool:
        """Whether it adds examples."""
        return self.repeated > 0 or bool(self.drawn)


NOTHING = Arm("none")
OVERSAMPLED = Arm("oversampling", repeated=1.0)
BASELINES = (Arm("ordinary, rare class", "rare", 1.0), Arm("ordinary, all classes", "all", 1.0))
"""Ordinary augmentation, which generation has to beat."""


def arms(settings: Sequence[str], ways: Sequence[Way]) -> tuple[Arm, ...]:
    """All arms: without generation, and with each setting alone and beside ordinary augmentation.

    Beside ordinary augmentation, half of the added examples are generated, and half are real ones again. So the rare
    class has as many examples as in each other arm.

    Args:
        settings: Names of the settings that draw examples.
        ways: Whether they are whole samples, filled into good parts, or both.
    """
    found = [NOTHING, OVERSAMPLED, *BASELINES]
    for way in ways:
        for name in settings:
            title = name if way == "whole" else f"{name}, filled in"
            found.append(Arm(title, drawn=name, way=way))
            found.append(Arm(f"{title} + ordinary", "all", 0.5, name, way))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Training:
    """What a classifier learns from.

    Args:
        images: The pictures, N of them.
        labels: Their classes, [N] int64.
        moved: Which of them ordinary augmentation changes, [N] bool.
        ordinary: The augmentation.
    """

    images: Pictures
    labels: Tensor
    moved: Tensor
    ordinary: Ordinary


def balance(data: Dataset, rare: int) -> int:
    """How many examples the rare class lacks to the mean of the other classes of the training part; at least 1."""
    counts = torch.bincount(data.train.labels, minlength=data.n_classes)
    others = (int(counts.sum()) - int(counts[rare])) / max(1, data.n_classes - 1)
    return max(1, round(others) - int(counts[rare]))


def parts(data: Dataset) -> tuple[Pictures, Pictures, Pictures]:
    """The pictures of the three parts: those of the source if a tokenizer made the tokens, else those of the tokens.

    Raises:
        ValueError: If the sequences are no images.
    """
    if isinstance(data.codec, Learnt):
        splits = (data.train.images, data.validation.images, data.test.images)
        assert all(each is not None for each in splits)  # a tokenizer had them
        return splits  # type: ignore[return-value]
    source = Source.of(from_pixels(data))
    return source.train, source.validation, source.test


def as_pictures(codec: Codec, tokens: Tensor, channels: int) -> Iterator[NDArray[np.uint8]]:
    """The pictures of samples [N, L], some at a time, [n, H, W, C] uint8 with C = 1 (brightness) or 3."""
    for some in tokens.split(_AT_ONCE):
        colours = codec.colours(some.long().cpu()).round().to(torch.uint8)
        if channels == 1:
            colours = (255 * brightness(colours)).round().to(torch.uint8)[..., None]
        yield colours.numpy()


def compose(
    arm: Arm, data: Dataset, rare: int, count: int, ordinary: Ordinary, drawn: Pictures | None = None
) -> Training:
    """The training part with `count` examples of the rare class more, as the arm says.

    Args:
        arm: The arm.
        data: The data set with few examples of the rare class.
        rare: That class.
        count: Examples to add.
        ordinary: The augmentation of the arms that have one.
        drawn: Generated pictures, for arms that need some; the first of them are used.

    Raises:
        ValueError: If there are too few generated pictures, or they have another form than the real ones.
    """
    real, labels = parts(data)[0], data.train.labels
    wanted = round(count * (1 - arm.repeated)) if arm.drawn else 0
    again = count - wanted if arm.adds else 0
    few = (labels == rare).nonzero().squeeze(-1)
    rows = torch.cat([torch.arange(len(real)), few[torch.arange(again) % len(few)]])
    images = real.take(rows)
    if wanted:
        if drawn is None or len(drawn) < wanted or drawn.array.shape[1:] != real.array.shape[1:]:
            got = "none" if drawn is None else f"{len(drawn)} of shape {list(drawn.array.shape[1:])}"
            raise bad(f"pictures of {arm.name}", got, f"{wanted} of shape {list(real.array.shape[1:])}")
        chunks = chain(images.chunks(), drawn.take(torch.arange(wanted)).chunks())
        images = Pictures.filed(chunks, (real.height, real.width, real.channels))
    labels = torch.cat([labels[rows], torch.full((wanted,), rare)])
    moved = {"no": torch.zeros_like(labels) > 0, "all": labels >= 0, "rare": labels == rare}[arm.moved]
    return Training(images, labels, moved, ordinary)


def mixes(data: Dataset) -> bool:
    """Whether a mean of pixels is a pixel: not in maps whose palette is other than greys."""
    return not isinstance(data.codec, Pixels) or data.codec.is_grey
