"""Results in files, each written whole or not at all, in a folder or at any address that fsspec knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import numpy as np
import torch

from ..errors import bad, require
from ..files import Arrays, expanded, in_space, replacing
from ..stored import content_digest

__all__ = ["JSON", "Saved", "Store"]

JSON: TypeAlias = Any
"""A value that JSON can hold."""

_STUDY = "study.json"
_SUFFIX = ".safetensors"
_FORMAT = "dguide-saved-1"
_KEY = re.compile(r"[\w+=,;()-][\w.+=,;()-]*(/[\w+=,;()-][\w.+=,;()-]*)*", re.ASCII)


@dataclass(frozen=True, eq=False)
class Saved:
    """One result: arrays of numbers by name, and what else is to be known `about` them, as values of JSON."""

    arrays: Arrays
    about: dict[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class Store:
    """A folder of results, by key.

    A result is one safetensors file with its own SHA-256. In a folder it is written under a temporary name and renamed.
    Elsewhere it is one upload, which object stores show when it is complete. A file that is damaged all the same, as
    after a power failure, counts as missing. Other files in the folder are left alone.

    Args:
        url: A folder, which is created when it is first written to, or an address such as `s3://bucket/study`. The
            package for that kind of address must be installed (s3fs, gcsfs, ...).

    Raises:
        ValueError: If the kind of address is unknown, or its package is missing.

    >>> store = Store("memory://example")
    >>> store.write("sums/first", Saved({"sum": np.arange(3)}, {"seconds": 0.5}))
    >>> store.keys()
    ['sums/first']
    >>> store.read("sums/first").arrays["sum"]
    array([0, 1, 2])
    """

    url: str

    def __init__(self, url: str | Path) -> None:
        text = str(url)
        if "://" not in text:
            text = str(expanded(Path(text)).absolute())
        object.__setattr__(self, "url", text)
        _ = self._remote  # an unknown address is refused now

    @property
    def folder(self) -> Path | None:
        """The folder on this machine; None for another address."""
        if "://" not in self.url:
            return Path(self.url)
        return Path(unquote(urlsplit(self.url).path)) if self.url.startswith("file://") else None

    def read(self, key: str) -> Saved | None:
        """The result of that key; None if there is none, or the file is damaged.

        Raises:
            ValueError: If the file is intact, but another program wrote it.
            OSError: If the file is there and cannot be read.
        """
        content = self._bytes(_checked(key) + _SUFFIX)
        return None if content is None else self._unpacked(key, content)

    def holds(self, key: str) -> bool:
        """Whether there is a file for that key, intact or not."""
        name = _checked(key) + _SUFFIX
        if self.folder is not None:
            return (self.folder / name).is_file()
        system, root = self._remote
        return bool(system.exists(f"{root}/{name}"))

    def write(self, key: str, saved: Saved) -> None:
        """Writes a result. One of the same key is replaced.

        Raises:
            ValueError: If the key is no path of plain words, an array holds no numbers, or there is no space.
            OSError: If the file cannot be written.
        """
        self._put(_checked(key) + _SUFFIX, _packed(saved))

    def keys(self) -> list[str]:
        """The keys of all results that are there, in order."""
        return sorted(name.removesuffix(_SUFFIX) for name in self._names() if name.endswith(_SUFFIX))

    def study(self) -> dict[str, JSON] | None:
        """What the store is of, from `claim`; None if nobody has claimed it.

        Raises:
            ValueError: If `study.json` is damaged.
        """
        content = self._bytes(_STUDY)
        if content is None:
            return None
        try:
            about = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise bad(f"{_STUDY} in {self.url}", str(error), "JSON", "Remove the file if it is not yours.") from error
        if not isinstance(about, dict) or not isinstance(about.get("digest"), str):
            remedy = "Choose another folder."
            raise bad(f"{_STUDY} in {self.url}", "a file of another program", "one with a digest", remedy)
        return about

    def claim(self, digest: str, about: Mapping[str, JSON]) -> None:
        """Says what the store is of, in `study.json`. The same study may claim it again.

        Args:
            digest: The digest of the study. What may change from one call to the next is not part of it.
            about: What else is to be known, with a text `words` for people.

        Raises:
            ValueError: If the store is of another study.
        """
        self.check_claim(digest, about["words"])
        wanted = {"digest": digest, **about}
        if self.study() != wanted:
            self._put(_STUDY, (json.dumps(wanted, indent=1) + "\n").encode())

    def check_claim(self, digest: str, words: str) -> None:
        """Raises `ValueError` if the store is of another study than that of a digest, and writes nothing."""
        there = self.study()
        if there is not None and there["digest"] != digest:
            got = f"that of {there.get('words', 'another study')}"
            raise bad(f"folder {self.url}", got, f"a new one, or that of {words}", "Choose another folder.")

    @cached_property
    def _remote(self) -> tuple[Any, str]:
        """The file system and the root in it, of an address that is no folder here."""
        if self.folder is not None:
            return None, ""
        try:
            system, root = require("fsspec.core", "train").url_to_fs(self.url)
        except (ValueError, ImportError) as error:
            raise bad("folder or address", self.url, "a folder, or an address that fsspec knows", str(error)) from error
        return system, root.rstrip("/")

    def _bytes(self, name: str) -> bytes | None:
        """The content of a file; None if there is none."""
        try:
            if self.folder is not None:
                return (self.folder / name).read_bytes()
            system, root = self._remote
            return bytes(system.cat_file(f"{root}/{name}"))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _put(self, name: str, content: bytes) -> None:
        with in_space(self.url, f"{len(content):,} bytes", ": it goes on from here"):
            if self.folder is not None:
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as temporary:
                    temporary.write_bytes(content)
            else:
                system, root = self._remote
                system.makedirs(f"{root}/{name}".rpartition("/")[0], exist_ok=True)
                system.pipe_file(f"{root}/{name}", content)

    def _names(self) -> Iterator[str]:
        """Paths of all files, from the folder on."""
        if self.folder is not None:
            yield from (path.relative_to(self.folder).as_posix() for path in self.folder.rglob(f"*{_SUFFIX}"))
            return
        system, root = self._remote
        if system.exists(root):
            start = system._strip_protocol(root).rstrip("/") + "/"
            yield from (name.removeprefix(start) for name in system.find(root))

    def _unpacked(self, key: str, content: bytes) -> Saved | None:
        """The result in a file; None if it is damaged."""
        safetensors = require("safetensors", "train")
        try:
            arrays = require("safetensors.numpy", "train").load(content)
        except safetensors.SafetensorError:
            return None
        told = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__", {})
        if told.get("format") != _FORMAT:
            what = f"file {key}{_SUFFIX} in {self.url}"
            raise bad(
                what, "a file of another program", "a result of dguide", "Move it away, or choose another folder."
            )
        arrays = {name: array.copy() for name, array in arrays.items()}  # of their own, so that they can be changed
        return Saved(arrays, json.loads(told["about"])) if told["sha256"] == _sum(told["about"], arrays) else None


def _packed(saved: Saved) -> bytes:
    about = json.dumps(saved.about)
    arrays = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in saved.arrays.items()}
    wrong = next((name for name, array in arrays.items() if array.dtype.kind not in "biuf"), None)
    if wrong is not None:
        raise bad(f"array {wrong} of a result", arrays[wrong].dtype, "numbers, or true and false")
    told = {"format": _FORMAT, "about": about, "sha256": _sum(about, arrays)}
    return bytes(require("safetensors.numpy", "train").save(arrays, told))


def _sum(about: str, arrays: Arrays) -> str:
    return content_digest(about, {name: torch.from_numpy(array) for name, array in arrays.items()})


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise bad("key of a result", repr(key), "words of letters, digits and _.+=,;()- with / between them")
    return key
