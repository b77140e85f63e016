"""Reads images and strings that nobody labelled as the tokens of a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError, bad, choose
from ...progress import counted
from ..base import Skipped, Split
from ..codecs.base import Codec
from .assemble import nothing_left
from .folder import SUFFIXES
from .table import rows

__all__ = ["Unlabelled", "unlabelled"]


@dataclass(frozen=True)
class Unlabelled:
    """Sequences without labels.

    Args:
        split: Their tokens and places; all labels are 0.
        skipped: The entries that cannot be encoded, with reasons.
    """

    split: Split
    skipped: tuple[Skipped, ...]


def unlabelled(paths: Sequence[Path], codec: Codec, column: str | None = None) -> Unlabelled:
    """The tokens of image files, of folders of images, of text files (a string in each line), or of tables.

    Folders are searched with all folders inside. A table ends in .csv or .tsv; its first line names the columns.

    Args:
        paths: Files and folders.
        codec: The codec of the model.
        column: Column of the strings in a table; None if it has only one.

    Raises:
        ValueError: If a path is missing or of another kind, or no entry can be encoded.
        dguide.errors.MissingExtra: If Pillow is not installed, for images.
    """
    found = [entry for path in dict.fromkeys(paths) for entry in _entries(path.expanduser(), codec, column)]
    tokens, places, skipped = [], [], []
    images = set[Path]()
    for place, value in counted(found, len(found), "reading files"):
        if isinstance(value, Path):
            if value.resolve() in images:
                skipped.append(Skipped(place, "named twice, and read once"))
                continue
            images.add(value.resolve())
        if not value:
            skipped.append(Skipped(place, "hidden, or no image by its name" if value is None else "an empty string"))
            continue
        try:
            tokens.append(codec.encode(value))
        except InputError as error:
            skipped.append(Skipped(place, str(error)))
        else:
            places.append(place)
    if not tokens:
        raise nothing_left(", ".join(map(str, paths)), skipped)
    labels = torch.zeros(len(tokens), dtype=torch.int64)
    return Unlabelled(Split(torch.tensor(tokens), labels, places=tuple(places)), tuple(skipped))


def _entries(path: Path, codec: Codec, column: str | None) -> Iterator[tuple[str, Any]]:
    """The place and the value of each image or string."""
    if not path.exists():
        raise bad("file to read", f"{path}, which does not exist", "a file or a folder", "Check the path.")
    if codec.shape is not None:
        yield from _images(path)
        return
    if not path.is_file():
        raise bad("file to read", f"the folder {path}", "a file with a string in each line, or a table", "Name files.")
    if path.suffix.lower() in (".csv", ".tsv"):
        yield from _column(path, column)
        return
    try:
        with path.open(encoding="utf-8-sig") as lines:
            texts = [line.strip() for line in lines]
    except UnicodeDecodeError as error:
        raise bad("file to read", f"{path} with bytes that are no utf-8", "text in utf-8") from error
    yield from ((f"{path.name}:{number}", text) for number, text in enumerate(texts, 1) if text)


def _images(path: Path) -> Iterator[tuple[str, Path | None]]:
    """An image file, or all files in a folder; None for those that are hidden, or no images by their names."""
    if path.is_file():
        yield str(path), path
        return
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        yield str(file), file if file.suffix.lower() in SUFFIXES and not hidden else None


def _column(path: Path, column: str | None) -> Iterator[tuple[str, str]]:
    """The strings in one column of a table."""
    lines = rows(path, "utf-8")
    header = [name.strip() for name in next(lines, (0, []))[1]]
    if column is None and len(header) != 1:
        got = f"columns {', '.join(header)}" if header else "no line with the names of columns"
        raise bad(f"table {path.name}", got, "one column, or the name of that of the strings", "Pass --text COLUMN.")
    index = header.index(header[0] if column is None else choose(f"column of {path.name}", column, header))
    for line, fields in lines:
        yield f"{path.name}:{line}", fields[index].strip() if index < len(fields) else ""
