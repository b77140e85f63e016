"""Samples in a folder, in shards that are read one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import bad
from ..files import Arrays
from .store import JSON, Saved, Store

__all__ = ["Shards"]

_EXPECTED = "a folder that `dguide sample --out FOLDER` has filled"


@dataclass(frozen=True, eq=False)
class Shards:
    """The samples in a folder of `dguide sample`, in the order of their numbers.

    Attributes:
        store: The folder, or an address that fsspec knows.
        settings: What they were drawn with, as in a file of samples.
        keys: The keys of the shards.
    """

    store: Store
    settings: dict[str, JSON]
    keys: tuple[str, ...]

    @classmethod
    def open(cls, url: str | Path) -> Shards:
        """The samples at a folder or an address. Raises `ValueError` if there are none."""
        store = Store(url)
        about = store.study()
        if about is None or not isinstance(about.get("settings"), dict) or not isinstance(about.get("shards"), list):
            raise bad(f"samples {store.url}", "no study.json of samples", _EXPECTED)
        return cls(store, about["settings"], tuple(map(str, about["shards"])))

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Saved]:
        """Each shard: tokens [n, L], labels [n], further conditions by name, forced [n].

        Raises:
            ValueError: If one is missing or damaged.
        """
        for key in self.keys:
            saved = self.store.read(key)
            if saved is None:
                missing = sum(not self.store.holds(each) for each in self.keys)
                got = f"{missing} of {len(self)} shards missing" if missing else f"a damaged shard {key}"
                remedy = "Run the same dguide sample command again: it goes on where it stopped."
                raise bad(f"samples {self.store.url}", got, "all shards", remedy)
            yield saved

    def joined(self) -> Arrays:
        """The arrays of all shards together, in few bytes, and `calls` [2], the most that any batch took.

        Raises:
            ValueError: If a shard is missing or damaged.
        """
        whole: Arrays = {}
        calls, seconds, done = [0, 0], 0.0, 0
        count = int(self.settings["count"])
        for saved in self:
            for name, array in saved.arrays.items():
                if name not in whole:
                    whole[name] = np.empty((count, *array.shape[1:]), array.dtype)
                whole[name][done : done + len(array)] = array
            calls = list(map(max, calls, saved.about["calls"]))
            seconds += saved.about["seconds"]
            done += len(saved.arrays["tokens"])
        return whole | {"calls": np.array(calls), "seconds": np.array(round(seconds, 3))}
