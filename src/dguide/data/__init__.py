"""Data sets of labelled token sequences, by name."""

from __future__ import annotations

from pathlib import Path

from ..errors import bad
from ..spec import Registry
from ..spec.calls import Call
from .augment import number_of, random_offsets, shift
from .base import Dataset, Skipped, Split
from .codecs.base import Codec, Written
from .codecs.pixels import Pixels
from .codecs.registry import CODECS
from .codecs.strings import Strings
from .codecs.tokenised import Tokenised
from .condition import CONDITIONS, Above, Attribute, Label, Value
from .files.archive import archive
from .files.folder import images
from .files.hub import hub
from .files.table import table
from .sets.digits import digits
from .sets.mnist import mnist
from .sets.qm9 import qm9
from .sets.wafer import wafer

__all__ = [
    "CODECS",
    "CONDITIONS",
    "LOADERS",
    "Above",
    "Attribute",
    "Codec",
    "Dataset",
    "Label",
    "Pixels",
    "Skipped",
    "Split",
    "Strings",
    "Tokenised",
    "Value",
    "Written",
    "load",
    "number_of",
    "random_offsets",
    "shift",
]


class Loaders(Registry[Dataset]):
    """The registry of data sets, which knows what to suggest for a path without a name."""

    def call(self, text: str, *, typed: bool = False) -> Call[Dataset]:
        path = Path(text.split(",")[0])
        kind = _kind_of(path)
        if kind and text.partition(":")[0].strip().lower() not in self.names():
            known = "a name: one of " + ", ".join(self.names())
            raise bad("data set", f"{str(path)!r}, a path alone", known, f"Did you mean {kind}:{text}?")
        return super().call(text, typed=typed)


def _kind_of(path: Path) -> str:
    """The name of the loader for a file or a folder; empty if there is none."""
    if path.is_dir():
        saved = any((path / name).is_file() for name in ("dataset_info.json", "dataset_dict.json"))
        return "huggingface" if saved else "images"
    return {".csv": "csv", ".tsv": "csv", ".npz": "npz"}.get(path.suffix.lower(), "") if path.is_file() else ""


LOADERS: Registry[Dataset] = Loaders(
    "data set",
    Dataset,
    {
        "csv": table,
        "digits": digits,
        "huggingface": hub,
        "images": images,
        "mnist": mnist,
        "npz": archive,
        "qm9": qm9,
        "wafer": wafer,
    },
)
"""Functions that load a data set, by name."""


def load(name: str, *, typed: bool = False) -> Dataset:
    """Loads a data set by name and options, such as ``digits``, ``qm9:percentile=80``, ``csv:file.csv,text=SMILES``.

    Each call reads the source as it is now, and returns tensors of its own.

    Args:
        name: A name in `LOADERS`. After a colon follow the path, if the loader has one, and options, separated by
            commas.
        typed: Whether a user typed the name. Then it may also be the import path of a function.

    Raises:
        ValueError: If the name or an option is unknown (the message lists the valid ones), or the data are not valid.
        dguide.errors.MissingExtra: If a package with the data, or for reading them, is not installed.
    """
    return LOADERS.read(name, typed=typed)
