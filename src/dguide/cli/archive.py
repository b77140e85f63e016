"""Reads the file, or the folder, of samples that `dguide sample` wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import CONDITIONS, Attribute, Dataset
from ..errors import bad
from ..files import DAMAGED, read_npz
from ..study import Shards, Store

__all__ = ["Archive", "is_folder_of_samples"]

_FILE = "a file that `dguide sample` wrote, or its folder, or a checkpoint"


def is_folder_of_samples(source: Path | str) -> bool:
    """Whether it is an address, or a folder that `dguide sample` has begun to fill."""
    return "://" in str(source) or (Path(source).is_dir() and Store(source).study() is not None)


@dataclass(frozen=True, eq=False)
class Archive:
    """The contents of a file or a folder from `dguide sample`."""

    path: Path | str
    arrays: dict[str, Any]
    settings: dict[str, Any]

    @classmethod
    def read(cls, source: Path | str) -> Archive:
        """Reads a file, or a folder or address with shards. Raises `ValueError` if it is another thing, or damaged."""
        if is_folder_of_samples(source):
            shards = Shards.open(source)
            arrays = shards.joined()
            return cls._checked(source, arrays, shards.settings | {"seconds": float(arrays.pop("seconds"))})
        path = Path(source)
        if not path.is_file():
            raise bad(f"samples {path}", "no such file", _FILE)
        try:
            arrays = read_npz(path)
        except DAMAGED as error:
            raise bad(f"samples {path}", str(error), _FILE) from error
        if "settings" not in arrays:
            raise bad(f"samples {path}", "no settings", _FILE)
        try:
            settings = json.loads(str(arrays["settings"]))
        except json.JSONDecodeError as error:
            raise bad(f"samples {path}", f"settings that are no JSON ({error})", _FILE) from error
        return cls._checked(path, arrays, settings)

    @classmethod
    def _checked(cls, path: Path | str, arrays: dict[str, Any], settings: Any) -> Archive:
        """The contents, if they are samples. Raises `ValueError` if not."""
        kinds = {"tokens": "i", "calls": "i", "labels": "if"}  # labels are floats if they are numbers
        whole = all(name in arrays and arrays[name].dtype.kind in kind for name, kind in kinds.items())
        if not whole or not isinstance(settings, dict) or arrays["calls"].shape != (2,):
            raise bad(f"samples {path}", ", ".join(sorted(arrays)), "tokens, labels, calls and settings", _FILE)
        return cls(path, arrays, settings)

    @property
    def tokens(self) -> Tensor:
        """The samples, [N, L] int64."""
        return torch.as_tensor(self.arrays["tokens"]).long()

    @property
    def calls(self) -> tuple[int, int]:
        """Conditional and reference network calls per batch."""
        conditional, reference = self.arrays["calls"].tolist()
        return conditional, reference

    def condition(self, dataset: Dataset) -> dict[str, Tensor]:
        """The requested conditions, by name."""
        first = dataset.conditions[0].name
        given = {first: self.arrays["labels"]}
        given |= {each.name: self.arrays[each.name] for each in dataset.conditions[1:] if each.name in self.arrays}
        for each in dataset.conditions:
            if each.n_classes and each.name in given and given[each.name].dtype.kind != "i":
                expected = f"classes of {each.name}, which are whole numbers"
                raise bad(f"samples {self.path}", f"labels of kind {given[each.name].dtype}", expected)
        return {name: torch.as_tensor(values) for name, values in given.items()}

    def check_paired(self, other: Archive) -> None:
        """Raises `ValueError` if the other samples have other conditions, another seed or other data."""
        for name in ("data", "data_digest", "seed"):
            if self.settings.get(name) != other.settings.get(name):
                got, expected = (f"{name} {file.settings.get(name)}" for file in (other, self))
                raise bad(f"samples {other.path}", got, expected, "Draw both sets with the same --seed.")
        known = {"tokens", "calls", "settings", "seconds"}
        conditions = {*self.arrays, *other.arrays} - known
        if self.tokens.shape != other.tokens.shape or not all(
            name in self.arrays and name in other.arrays and np.array_equal(self.arrays[name], other.arrays[name])
            for name in conditions
        ):
            raise bad(f"samples {other.path}", "other conditions or counts", f"those of {self.path}, sample by sample")

    @property
    def learnt(self) -> tuple[Attribute, ...]:
        """The conditions of the model; empty if the file lacks them. Raises `ValueError` if they are damaged."""
        described = self.settings.get("learnt", [])
        if not isinstance(described, list) or not all(isinstance(each, dict) for each in described):
            raise bad(f"samples {self.path}", f"learnt {described}", "a list of conditions", _FILE)
        return tuple(CONDITIONS.restore(each) for each in described)

    @property
    def seconds(self) -> float | None:
        """The time of sampling, if the file has it."""
        seconds = self.settings.get("seconds")
        return float(seconds) if isinstance(seconds, int | float) else None

    def text(self, name: str) -> str:
        """The setting `name`, which must be text."""
        if not isinstance(self.settings.get(name), str):
            raise bad(f"samples {self.path}", f"no {name} in the settings", _FILE)
        return str(self.settings[name])
