"""Checks before the work that output files can be written, and writes images and lines."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import Attribute, Codec, Strings, Written
from ..errors import bad, require
from ..files import replacing
from ..plots.style import fonts, labels
from ..progress import counted

__all__ = [
    "check_beside",
    "check_directory",
    "check_file",
    "check_new",
    "file_names",
    "image_size",
    "labels_of",
    "lines_of",
    "need_images",
    "padded",
    "picture_wanted",
    "write_images",
    "write_png",
]

_ADDRESS = re.compile(r"[A-Za-z][\w+.-]+:/")
_ROOM = 50_000_000
"""Upper estimate of the bytes that one command writes as pictures, tables and samples."""

_PICTURES = 16
"""Samples that are made pictures at once."""


def check_file(option: str, path: Path, suffix: str, size: int) -> None:
    """Checks that a file of about `size` bytes can be written. Raises `InputError` if not."""
    if path.suffix != suffix:
        raise bad(option, str(path), f"a file name that ends in {suffix}")
    if path.exists() and not path.is_file():
        raise bad(option, f"{path}, which exists and is no regular file", "the name of a new or an ordinary file")
    parent = path.absolute().parent
    if not parent.is_dir():
        what = "is no folder" if parent.exists() else "does not exist"
        raise bad(option, f"{path}, but the folder {parent} {what}", "a file in an existing folder", "Create it first.")
    _check_room(option, parent, size)


def check_directory(option: str, path: Path, size: int = _ROOM) -> None:
    """Checks that a directory can be created and has room for `size` bytes. Raises `InputError` if not."""
    if _ADDRESS.match(str(path)) and not path.exists():  # a `Path` has made one slash of two
        raise bad(option, str(path).replace(":/", "://", 1), "a folder on this machine", "Copy it there afterwards.")
    nearest = path.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        raise bad(option, f"{path}, but {nearest} is no folder", "a folder, or a name for a new one")
    _check_room(option, nearest, size)


def check_beside(option: str, path: Path, suffix: str) -> None:
    """Checks that the file beside `path` with another suffix is new, or of the call that wrote `path`."""
    beside = path.with_suffix(suffix)
    if beside.exists() and not path.exists():
        got = f"{path}, with which {beside} would be written, which exists already without {path.name}"
        raise bad(option, got, "a name without such a file beside it", f"Choose another name, or move {beside} away.")


def check_new(option: str, path: Path, size: int) -> None:
    """Checks that a folder is new or empty, so that nothing in it is replaced, and has room for `size` bytes."""
    check_directory(option, path, size)
    if path.exists() and any(path.iterdir()):
        raise bad(option, f"{path}, which has files in it", "a new or an empty folder")


def _check_room(option: str, folder: Path, size: int) -> None:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".dguide"):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise bad(option, f"{folder}: {error.strerror}", "a folder that files can be written to") from error
    if free < size:
        raise bad(
            option, f"{folder} with {free / 1e6:,.1f} MB free", f"room for {size / 1e6:,.1f} MB", "Free some space."
        )


def padded(text: str, width: int) -> str:
    """The text with spaces up to `width` columns of a terminal, where East Asian characters take two, accents none."""
    columns = sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
    return text + " " * (width - columns)


def need_images(option: str, codec: Codec) -> None:
    """Raises `InputError` for an option that needs images, if the codec has none."""
    if codec.shape is None:
        raise bad(option, "strings, which are no images", "a checkpoint of images", "Leave it out.")


def image_size(codec: Codec) -> int:
    """Upper estimate of the bytes of one image at full size."""
    height, width = codec.size or (1, 1)
    return 3 * height * width + 4096


def picture_wanted(wanted: bool | None, codec: Codec) -> bool:
    """Whether a picture is drawn: of images, unless the user does not want it."""
    if wanted:
        need_images("--png", codec)
    if codec.shape is None or wanted is False:
        return False
    require("matplotlib", "cli")
    return True


def labels_of(names: Sequence[str], path: Path, drawn: Iterable[int] | None = None) -> list[str]:
    """The labels of classes in the picture `path`.

    A line on standard error tells each name that no font has, of the classes that are `drawn`; by default all are.
    """
    for number in range(len(names)) if drawn is None else sorted(set(drawn)):
        line = " ".join(names[number].split())
        if not fonts(line):
            print(f"no font has the name of class {number}, which is {number} in {path}: {line}", file=sys.stderr)
    return labels(names)


def lines_of(codec: Written, tokens: Tensor) -> list[str]:
    """The strings as one line each: with escapes if the codec has words with line breaks, else as they are."""
    texts = codec.decode(tokens)
    if isinstance(codec, Strings) and not any(set(word) & set("\r\n") for word in codec.words):
        return texts
    return [text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r") for text in texts]


def file_names(condition: Attribute, labels: Tensor, first_index: int = 0) -> list[str]:
    """The file name INDEX-CLASS.png of each sample, from its value of the first condition."""
    classes = [re.sub(r"[^\w.+-]+", "_", name)[:60] for name in condition.class_names]
    return [
        f"{first_index + row:06d}-{classes[label] if label in range(len(classes)) else 'none'}.png"
        for row, label in enumerate(labels.tolist())
    ]


def write_images(
    folder: Path, codec: Codec, condition: Attribute, labels: Tensor, tokens: Tensor, first_index: int
) -> None:
    """Writes each sample as INDEX-CLASS.png, with its own number of pixels. Those that are there already stay."""
    from ..plots.images import ink

    folder.mkdir(parents=True, exist_ok=True)
    there = {path.name for path in folder.iterdir()}
    names = file_names(condition, labels, first_index)
    rows = torch.tensor([row for row, name in enumerate(names) if name not in there], dtype=torch.int64)
    parts = rows.split(_PICTURES)
    for part in counted(parts, len(parts), "writing images"):
        for row, picture in zip(part.tolist(), ink(codec, tokens[part].long()), strict=True):
            write_png(folder / names[row], (255 * picture).round().astype(np.uint8))


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Writes an image [H, W] or [H, W, 3]."""
    with replacing(path) as temporary:
        require("PIL.Image", "data").fromarray(pixels).save(temporary, format="png")
