"""Loads folders of images, one for each class: `root/class/*.png`."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from ...errors import bad, require
from ...spec import written
from ..base import Dataset, Skipped
from ..cache import Arrays, cached, cached_pictures
from ..codecs.images import Bytes, Shape, open_image
from ..codecs.pixels import Pixels
from ..encoded import encoded, refuse, sized
from ..pictures import Pictures
from ..sources import Numbered, numbered
from .assemble import assemble, nothing_left
from .image_files import Images, Reading, read_images
from .pictures import parse_size

__all__ = ["images", "photographs"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")

_FOLDERS = 1000
"""Number of folders inside a folder that are searched for files, to count them."""


def images(
    path: Path,
    size: str | None = None,
    levels: int | None = None,
    colours: int | None = None,
    tokenizer: Path | None = None,
) -> Dataset:
    """Loads images from one folder for each class, and reduces them to few greys or colours, or to learnt codes.

    The names of the folders in `path` are the classes. Files that are not images or not readable are omitted and
    listed. Only the first frame or page of an image is used. Images are cropped around the center to the proportions of
    `size` and resized. With `colours`, images keep their colours if they have no more than this number; otherwise they
    get a palette that is fitted to them.

    Args:
        path: The folder that contains the folders of the classes.
        size: Rows and columns, `32` or `24x32`; by default those of the images, if all have the same.
        levels: Number of greys; 16 by default.
        colours: Number of colours, instead of greys.
        tokenizer: Folder of a tokenizer of images, instead of greys; its size is then the default.

    Raises:
        ValueError: If there are fewer than two classes, no readable image, or images of several sizes.
        dguide.errors.MissingExtra: If Pillow is not installed.
    """
    if tokenizer is not None:
        refuse("images", levels=levels, colours=colours)
        name = written("images", images, {"path": path, "size": size, "tokenizer": tokenizer})
        return encoded(replace(photographs(path, sized(tokenizer, size)), name=name), tokenizer)
    shape = None if size is None else parse_size(size)
    levels = 16 if levels is None and colours is None else levels
    given = {"path": path, "size": size, "levels": None if levels == 16 else levels, "colours": colours}
    name = written("images", images, given)
    listed = _listed(path, name)
    arrays = cached(
        "images",
        {"format": 6, "levels": levels, "colours": colours} | _recipe(path, listed.files, shape),
        lambda: _prepare(listed.files, shape, levels, colours),
        ("tokens", "shape", "palette", "bits", "lasting", "unread", "noted", "notes"),
        lasting=lambda prepared: bool(prepared["lasting"]),
    )
    left = _left(name, listed, arrays)
    rows, columns = (int(each) for each in arrays["shape"])
    return assemble(
        name,
        torch.from_numpy(arrays["tokens"].astype(np.int64)),
        Pixels(rows, columns, tuple(arrays["palette"].tolist()), bits=int(arrays["bits"])),
        classes=[file.parent.name for file in left.files],
        skipped=left.skipped,
        places=[str(file) for file in left.files],
    )


def photographs(path: Path, size: str | None = None) -> Dataset:
    """The images of a folder as they are: pictures with 8 bits for each channel, grey if all of them are.

    They are decoded one by one into a file of the cache, cropped and resized as those of `images`.

    Args:
        path: The folder that contains the folders of the classes.
        size: Rows and columns; by default those of the images, if all have the same.

    Raises:
        ValueError: If there are fewer than two classes, no readable image, or images of several sizes.
        dguide.errors.MissingExtra: If Pillow is not installed.
    """
    shape = None if size is None else parse_size(size)
    name = written("images", images, {"path": path, "size": size})
    listed = _listed(path, name)
    array, arrays = cached_pictures(
        "pictures",
        {"format": 2} | _recipe(path, listed.files, shape),
        lambda file: _decode(listed.files, shape, file),
        ("sums", "bits", "lasting", "unread", "noted", "notes"),
        lasting=lambda prepared: bool(prepared["lasting"]),
    )
    left = _left(name, listed, arrays)
    rows = np.setdiff1d(np.arange(len(listed.files)), arrays["unread"])
    return numbered(
        name,
        Numbered(Pictures(array, torch.from_numpy(rows)), arrays["sums"], int(arrays["bits"])),
        [file.parent.name for file in left.files],
        skipped=left.skipped,
        places=[str(file) for file in left.files],
    )


@dataclass(frozen=True)
class _Listed:
    files: list[Path]
    skipped: list[Skipped]


def _listed(path: Path, name: str) -> _Listed:
    """Lists image files by class, and the entries that are no data: hidden ones and others."""
    require("PIL", "data")
    if not path.is_dir():
        raise bad("folder of images", f"{path}, which is no folder", "a folder with one folder for each class")
    files: list[Path] = []
    skipped: list[Skipped] = []
    for folder in sorted(path.iterdir()):
        if folder.name.startswith(".") or not folder.is_dir():
            skipped.append(Skipped(str(folder), _no_image(folder, "not in a folder of a class")))
            continue
        within = sorted(folder.iterdir())
        readable = [file for file in within if _is_image(file)]
        skipped += [] if readable else [Skipped(str(folder), "no image in it")]
        skipped += [
            Skipped(str(file), _no_image(file, "no image by its name")) for file in within if not _is_image(file)
        ]
        files += readable
    if not files:
        raise nothing_left(name, [Skipped(str(path), "no folder with images in it"), *skipped])
    return _Listed(files, skipped)


def _left(name: str, listed: _Listed, arrays: Arrays) -> _Listed:
    """The files that could be read, and all that is omitted. Raises `ValueError` if nothing is left."""
    unread, noted = set(arrays["unread"].tolist()), zip(arrays["noted"], arrays["notes"], strict=True)
    skipped = [*listed.skipped, *(Skipped(str(listed.files[index]), str(why)) for index, why in noted)]
    files = [file for index, file in enumerate(listed.files) if index not in unread]
    if not files:
        raise nothing_left(name, skipped)
    return _Listed(files, skipped)


def _recipe(path: Path, files: list[Path], shape: Shape | None) -> dict[str, Any]:
    """All that determines the pictures in a folder."""
    versions = [_version(path, file) for file in files]
    pillow = importlib.metadata.version("pillow")
    return {"folder": str(path.resolve()), "files": versions, "shape": shape, "pillow": pillow}


def _is_image(path: Path) -> bool:
    """Whether it is an image by its name."""
    return not path.name.startswith(".") and path.suffix.lower() in SUFFIXES and path.is_file()


def _no_image(path: Path, otherwise: str) -> str:
    """The reason why a path is not an image."""
    if path.name.startswith("."):
        return "hidden"
    if path.is_symlink():
        return "a link to a folder" if path.is_dir() else otherwise if path.exists() else "a broken link"
    if path.is_dir():
        # os.walk follows no links; a folder may still be a large tree
        counts = itertools.islice(itertools.accumulate(len(names) for _, _, names in os.walk(path)), _FOLDERS)
        count = max(counts, default=0)
        return f"a folder with {count} file{'s' * (count != 1)}"
    return otherwise


def _version(folder: Path, file: Path) -> tuple[str, int, int, int]:
    """Name, size and dates of a file. They change with the file, even if its date is set back."""
    status = file.stat()
    return str(file.relative_to(folder)), status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _prepare(files: list[Path], shape: Shape | None, levels: int | None, colours: int | None) -> Arrays:
    tokenised = read_images(files, open_image, "folder", shape, levels, colours)
    return {
        "tokens": tokenised.tokens,
        "shape": np.array(tokenised.codec.shape),
        "palette": np.array(tokenised.codec.palette),
        "bits": np.array(tokenised.codec.bits),
        **_about(tokenised),
    }


def _decode(files: list[Path], shape: Shape | None, file: BinaryIO) -> tuple[Bytes, Arrays]:
    reading = Reading(files, open_image, "folder", shape)
    array = reading.into(file).array
    return array, {"sums": Pictures.of(array).digests(), "bits": np.array(reading.bits), **_about(reading)}


def _about(read: Images | Reading[Path]) -> Arrays:
    """What is kept of an attempt to read files, beside the images."""
    return {
        "lasting": np.array(read.lasting),
        "unread": np.array(read.unread, dtype=np.int64),
        "noted": np.array(list(read.notes), dtype=np.int64),
        "notes": np.array(list(read.notes.values()), dtype=str),
    }
