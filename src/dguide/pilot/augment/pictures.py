"""The pictures in the report of a pilot: real rare examples, and generated ones of the first run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...data import Codec, Dataset
from ...plots.images import shown
from ...plots.rows import MOST_BYTES, PictureRow, picture_rows
from ...study import Store
from ..report import Pictures, Section, Text
from .arms import parts
from .settings import AugmentStudy
from .tasks import drawn, good_rows, place

__all__ = ["Shown", "collected", "section"]

_SHOWN = 10
"""Pictures in a row."""
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shown:
    """Pictures of the first run, [n, H, W, C] uint8 each. Generated ones in one place have the same random numbers.

    Args:
        real: Real rare examples of the training part.
        generated: Generated ones, by the name of their arm.
        good: The good parts that defects were filled into; None without such arms.
        regions: What was filled in, [n, H, W] bool; likewise.
    """

    real: Bytes
    generated: Mapping[str, Bytes]
    good: Bytes | None = None
    regions: NDArray[np.bool_] | None = None


def collected(
    study: AugmentStudy, data: Dataset, rare: int, store: Store, keys: Mapping[str, Sequence[str]], added: int
) -> Shown:
    """The pictures of a pilot.

    Args:
        study: Its settings.
        data: The data of the first run.
        rare: The rare class.
        store: Where the generated examples are.
        keys: Keys of the results of the first run, in order, by the name of the arm.
        added: Number of examples of each arm.
    """
    real, count = parts(data)[0], min(_SHOWN, added)
    some = real.take((data.train.labels == rare).nonzero().squeeze(-1)[:_SHOWN]).batch(slice(None)).numpy()
    generated = {name: _first(store, each, data.codec, real.channels, count) for name, each in keys.items()}
    if "filled" not in study.ways:
        return Shown(some, generated)
    rows = good_rows(data, study.good_classes)
    size = (real.height, real.width)
    places = [place(0, number, len(rows), size, study.region) for number in range(count)]
    good = real.take(rows[torch.tensor([row for row, _ in places])]).batch(slice(None)).numpy()
    return Shown(some, generated, good, np.stack([region for _, region in places]))


def _first(store: Store, keys: Sequence[str], codec: Codec, channels: int, count: int) -> Bytes:
    """The first generated pictures of an arm."""
    found: list[Bytes] = []
    for chunk in (chunk for key in keys for chunk in drawn(store, key, codec, channels)):
        found.append(chunk)
        if sum(map(len, found)) >= count:
            break
    return np.concatenate(found)[:count]


def section(
    pictures: Shown, codec: Codec, filled: Sequence[str], rare: str, names: Mapping[str, str], say: Callable[..., str]
) -> Section:
    """The part of the report that shows them.

    Args:
        pictures: The pictures.
        codec: What the tokens of the data stand for.
        filled: Names of the arms whose examples were filled into good parts.
        rare: The rare class.
        names: What the report calls each arm.
        say: The sentences of the report.
    """
    rows = tuple(_rows(pictures, codec, filled, rare, names, say))
    text = Text(say("pictures_text") + (say("pictures_regions") if filled else ""))
    blocks = [
        Pictures(png, row.name, say("pictures_alt", name=row.name, count=len(row.pictures)))
        for row, png in zip(rows, picture_rows(rows, MOST_BYTES), strict=True)
    ]
    return Section(say("pictures", rare=rare), (text, *blocks))


def _rows(
    pictures: Shown, codec: Codec, filled: Sequence[str], rare: str, names: Mapping[str, str], say: Callable[..., str]
) -> Iterator[PictureRow]:
    def row(name: str, images: Bytes, regions: NDArray[np.bool_] | None = None) -> PictureRow:
        return PictureRow(name, shown(codec, images / 255), regions)

    yield row(say("pictures_real", rare=rare), pictures.real)
    for name, images in pictures.generated.items():
        if name not in filled:
            yield row(names[name], images)
    if pictures.good is not None:
        yield row(say("pictures_good"), pictures.good, pictures.regions)
    for name in filled:
        yield row(names[name], pictures.generated[name], pictures.regions)
