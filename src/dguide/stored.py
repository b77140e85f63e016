r"""Folders of trained weights: a file of tensors (safetensors), and a description (JSON) that holds its SHA-256.

Nothing is unpickled, so a folder cannot run code. Reading detects damaged files, and weights and descriptions that do
not belong together.

A folder is replaced in three steps: new weights are written under a name with their SHA-256, the description is
replaced, and the weights get their usual name. After a kill between two steps the weights that belong to the
description are found, under one name or the other.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .errors import bad, require
from .files import replacing

__all__ = ["Folder", "content_digest", "digest", "mistakes", "planning"]

T = TypeVar("T")
_DIGITS = 16
"""Digits of the SHA-256 in the name of new weights."""


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content_digest(told: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of a text, and of every tensor on the CPU with its name, dtype and shape; in hexadecimal."""
    found = hashlib.sha256(told.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"\0{name} {tensor.dtype} {list(tensor.shape)}\0".encode())
        if tensor.numel():  # the strides of an empty one do not fit
            found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


class _Unfilled(TorchFunctionMode):
    """Tensors stay as they are where they would be filled at random."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if func in (Tensor.normal_, Tensor.uniform_) or getattr(func, "__module__", "") == nn.init.__name__:
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)


@contextmanager
def planning() -> Iterator[None]:
    """Networks that are made here have shapes and no numbers, so they cost no memory, whatever a file asks for.

    Without `_Unfilled` torch would import its compiler to fill nothing at random, which takes longer than all the rest.
    """
    with torch.device("meta"), _Unfilled():
        yield


@dataclass(frozen=True)
class Folder:
    """The names of the two files of a kind of folder, and the words about it.

    Args:
        config: Name of the description.
        weights: Name of the weights.
        format: Name of the format, in the description.
        command: The command that writes such folders.
        what: What the folder is called.
    """

    config: str
    weights: str
    format: str
    command: str
    what: str

    def save(self, directory: Path, module: nn.Module, about: Mapping[str, Any]) -> None:
        """Writes weights and description; the directory is created if missing. An older content is replaced.

        Args:
            directory: The folder.
            module: The weights; they keep their dtype.
            about: The description, without `format` and `sha256`.

        Raises:
            OSError: If the directory cannot be written.
        """
        directory.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
        # As bytes, because files of the library's own writer are readable for their owner only.
        content = require("safetensors.torch", "train").save(tensors)
        checksum = hashlib.sha256(content).hexdigest()
        waiting = directory / self._waiting(checksum[:_DIGITS])
        with replacing(waiting) as temporary:
            temporary.write_bytes(content)
        with replacing(directory / self.config) as temporary:
            described = {"format": self.format, **about, "sha256": checksum}
            temporary.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        os.replace(waiting, directory / self.weights)
        for left in directory.glob(self._waiting("[0-9a-f]" * _DIGITS)):  # of a process that was killed
            left.unlink(missing_ok=True)

    def missing(self, directory: Path) -> list[str]:
        """The names of the files that the directory lacks."""
        weights = (directory / self.weights).is_file() or any(directory.glob(self._waiting("*")))
        there = ((self.config, (directory / self.config).is_file()), (self.weights, weights))
        return [name for name, found in there if not found]

    def describe(self, directory: Path, kind: type[T]) -> T:
        """The description in the directory: a `kind`, a dataclass that has its fields, `sha256` among them.

        Raises:
            ValueError: If it is damaged or of another format.
        """
        path, again = directory / self.config, "Copy the file again, or train anew."
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are both the first
            raise bad(f"configuration {path}", str(error), "a JSON file", again) from error
        if not isinstance(content, dict) or content.get("format") != self.format:
            got = content.get("format") if isinstance(content, dict) else type(content).__name__
            remedy = "It was written by another program."
            raise bad(f"configuration {path}", f"format {got!r}", repr(self.format), remedy)
        pydantic = require("pydantic", "train")
        fields = {name: value for name, value in content.items() if name != "format"}
        try:
            found: T = pydantic.TypeAdapter(kind).validate_json(json.dumps(fields))
        except pydantic.ValidationError as error:
            got, expected = mistakes(error.errors()), f"what {self.command} writes"
            raise bad(f"configuration {path}", got, expected, again) from error
        return found

    def file(self, directory: Path, expected: str) -> Path:
        """The file of the weights with this SHA-256. Raises `InputError` if there is none."""
        names = (self.weights, self._waiting(expected[:_DIGITS]))
        files = [directory / name for name in names if (directory / name).is_file()]
        for file in files:
            if digest(file) == expected:
                return file
        found = f"a file of {files[0].stat().st_size} bytes with another SHA-256" if files else "no such file"
        what, belongs = f"weights {directory / self.weights}", f"the one that belongs to {self.config}"
        raise bad(what, found, f"{belongs}, {expected[:12]}...", self.again)

    def shapes(self, file: Path) -> dict[str, list[int]]:
        """The shapes of the tensors in a file of weights, by name. Raises `InputError` for a file of another kind."""
        safetensors = require("safetensors", "train")
        try:
            with safetensors.safe_open(file, "pt") as content:
                return {name: content.get_slice(name).get_shape() for name in content.keys()}  # noqa: SIM118
        except safetensors.SafetensorError as error:
            raise bad(f"weights {file}", str(error), "a safetensors file", self.again) from error

    def fill(self, file: Path, planned: nn.Module, shapes: Mapping[str, list[int]]) -> dict[str, Tensor]:
        """The tensors in `file`, once their `shapes` are those of `planned`, a network on the device meta.

        Raises:
            ValueError: If they are of another network. No memory is taken before.
        """
        asked = {name: list(tensor.shape) for name, tensor in planned.state_dict().items()}
        if asked != shapes:
            names = sorted(name for name in asked.keys() | shapes.keys() if asked.get(name) != shapes.get(name))
            more = f" and {len(names) - 1} more" if names[1:] else ""
            got = f"{names[0]} {shapes.get(names[0], 'missing')}{more}"
            expected = f"{asked.get(names[0], 'nothing of that name')}, as in the network in {self.config}"
            raise bad(f"weights {file}", got, expected, self.again)
        tensors: dict[str, Tensor] = require("safetensors.torch", "train").load_file(file)
        return tensors

    @property
    def again(self) -> str:
        """The remedy for damaged files."""
        return f"Copy the {self.what} again, both files of it, or train anew."

    def _waiting(self, digits: str) -> str:
        """Name of new weights until their description is in place, with the first digits of their SHA-256."""
        stem, _, suffix = self.weights.rpartition(".")
        return f"{stem}.{digits}.{suffix}"


def mistakes(errors: Iterable[Mapping[str, Any]]) -> str:
    """The errors that pydantic has with a text of JSON, in one line."""
    return ", ".join(map(_wrong, errors))


def _wrong(mistake: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in mistake["loc"])
    texts = {
        "missing": f"missing {name}",
        "unexpected_keyword_argument": f"unknown {name}",
        "json_invalid": str(mistake["msg"]),  # its input is the whole text
    }
    return texts.get(str(mistake["type"]), f"{name} {mistake['input']!r} ({mistake['msg']})")
