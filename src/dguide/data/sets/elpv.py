"""Photographs of solar cells under current, which glow: 2,624 cells of 300 x 300 pixels, with grades of defects.

The images, in the package elpv-dataset, are under CC BY-NC-SA 4.0: they may not be used for commercial purposes.

Source: Buerhop-Lutz et al., "A Benchmark for Visual Identification of Defective Solar Cells in Electroluminescence
Imagery", EU PVSEC 2018; Deitsch et al., "Automatic classification of defective photovoltaic module cells in
electroluminescence images", Solar Energy 185, 2019.
"""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ...errors import bad, choose, require
from ...spec import written
from ..base import Dataset, Skipped, Split
from ..cache import Arrays, cached_pictures
from ..codecs.images import Bytes, Shape
from ..condition import Attribute, Category, Label
from ..encoded import encoded, refuse, sized, with_tokens
from ..files.assemble import complete
from ..files.image_files import Reading
from ..files.pictures import as_tokens, parse_size
from ..holdout import by_content, first_copies, positions, unusable
from ..pictures import Pictures
from ..sources import Numbered

__all__ = ["LICENCE", "elpv", "elpv_pictures"]

LICENCE = (
    "CC BY-NC-SA 4.0: name its authors, use it for no commercial purpose, and share what you make of it "
    "under the same licence"
)
GRADES = ("0", "1/3", "2/3", "1")
"""Probabilities that a cell is defective, as experts gave them."""
_CLASSES = {"grade": GRADES, "defect": ("functional", "defective"), "type": ("mono", "poly")}
_LEVELS, _SIDE, _PHOTOGRAPH = 16, "32", "128"
"""Greys, and sides of the images: of tokens that are greys, and of pictures."""


def elpv(
    size: str | None = None, levels: int | None = None, classes: str = "grade", tokenizer: Path | None = None
) -> Dataset:
    """2,624 electroluminescence photographs of solar cells, in few greys or in codes of a tokenizer.

    The cells have a grade of defect, 0, 1/3, 2/3 or 1 as experts saw them, and a type, mono or polycrystalline silicon.
    The parts follow the content of the photographs and are stratified by grade; they are the same at any size and with
    any classes. The package does not say which cells are from one module, so these can be in several parts.

    The licence allows no commercial use; a line on standard error says so.

    Args:
        size: Rows and columns, `32` or `24x32`; by default 32, or those of the tokenizer. Photographs are 300 x 300.
        levels: Number of greys, 16 by default.
        classes: The first condition: `grade`; `defect`, whether the grade is above 1/2; or `type`. The type is the
            second condition of the first two.
        tokenizer: Folder of a tokenizer of images, whose codes are then the tokens.

    Raises:
        ValueError: If an option has another value, or the package other content.
        dguide.errors.MissingExtra: If elpv-dataset or Pillow is not installed.
    """
    name = written("elpv", elpv, dict(locals()), full=False)
    if tokenizer is not None:
        refuse("elpv", levels=levels)
        return encoded(_cells(name, sized(tokenizer, size), classes), tokenizer)
    return _in_greys(_cells(name, size or _SIDE, classes), levels or _LEVELS)


def elpv_pictures(size: str | None = None, classes: str = "grade") -> Dataset:
    """The photographs as they are, at 128 x 128 pixels by default. Arguments and errors are those of `elpv`."""
    name = written("elpv", elpv, dict(locals()), full=False)
    return _cells(name, size or _PHOTOGRAPH, classes)


def _cells(name: str, size: str, classes: str) -> Dataset:
    """The photographs at a size, as numbers of pictures, in their parts."""
    choose("classes of elpv", classes, _CLASSES)
    shape, recipe = parse_size(size), _versions()
    _say_licence()
    array, arrays = cached_pictures(
        "elpv",
        {"format": 1, "shape": shape, **recipe},
        lambda file: _prepare(shape, file),
        ("sums", "first", "p", "kind"),
    )
    grade, kind = _numbers(arrays["p"] * 3, len(GRADES)), _numbers(arrays["kind"], 2)
    labels = {"grade": grade, "defect": (grade > 1).long(), "type": kind}[classes]
    conditions: list[Attribute] = [Label(_CLASSES[classes], classes)]
    if classes != "type":
        conditions.append(Category(_CLASSES["type"], "type"))
    codec = Numbered(Pictures.of(array), arrays["sums"])
    tokens, places = codec.numbers, tuple(f"cell {row + 1}" for row in range(len(array)))
    part = by_content(grade, positions(each.tobytes() for each in arrays["first"]))
    gone = unusable(labels, first_copies(tokens), part, None)
    kept = torch.tensor([row not in gone for row in range(len(array))])
    whole = Split(tokens, labels, {"type": kind.double()}, places).take(kept)
    skipped = tuple(Skipped(places[row], why) for row, why in gone.items())
    parts = whole.parts(part[kept])
    return complete(Dataset(name, *parts, codec, tuple(conditions), skipped, licence=LICENCE))


def _in_greys(data: Dataset, levels: int) -> Dataset:
    """The same data set with equidistant greys as tokens; equal images stay in one part."""
    codec = data.codec
    assert isinstance(codec, Numbered)
    tokens, greys = as_tokens(lambda smooth: codec.pictures, levels, None)
    numbers = torch.cat([split.tokens[:, 0] for split in (data.train, data.validation, data.test)])
    return with_tokens(data, torch.from_numpy(tokens).long()[numbers], greys)


@functools.cache
def _say_licence() -> None:
    print(f"elpv: the images are under {LICENCE}.", file=sys.stderr)


def _versions() -> dict[str, Any]:
    """The versions of the packages, which determine the pictures."""
    require("elpv_dataset.utils", "elpv")
    require("PIL", "data")
    return {name: importlib.metadata.version(name) for name in ("elpv-dataset", "pillow")}


def _prepare(shape: Shape, file: BinaryIO) -> tuple[Bytes, Arrays]:
    """Pictures at a size, SHA-256 of each and of its photograph, the probabilities, and the numbers of types."""
    images, probabilities, types = require("elpv_dataset.utils", "elpv").load_dataset()
    module = require("PIL.Image", "data")
    reading = Reading(list(images), module.fromarray, "elpv", shape)
    array = reading.into(file).array
    if reading.unread:
        raise bad("photographs of elpv", f"{len(reading.unread)} that cannot be read", "all", "Install it again.")
    first = Pictures.of(np.asarray(images)[..., None]).digests()
    kind = np.array([_CLASSES["type"].index(choose("type of a cell", str(each), _CLASSES["type"])) for each in types])
    return array, {"sums": Pictures.of(array).digests(), "first": first, "p": np.asarray(probabilities), "kind": kind}


def _numbers(values: Any, count: int) -> Tensor:
    """Numbers of classes from values that are whole up to rounding. Raises `ValueError` for others."""
    whole = np.rint(values)
    if (np.abs(values - whole) > 0.01).any() or not ((whole >= 0) & (whole < count)).all():
        raise bad("labels of elpv", f"{values.min():g} to {values.max():g}", f"whole numbers from 0 to {count - 1}")
    return torch.from_numpy(whole.astype(np.int64))
