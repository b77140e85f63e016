"""Data sets of labelled token sequences, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import bad
from ..spec import Registry
from ..spec.calls import Call
from .augment import number_of, random_offsets, shift
from .base import Dataset, Skipped, Split
from .codecs.base import Codec, Written
from .codecs.learnt import Learnt
from .codecs.pixels import Pixels
from .codecs.registry import CODECS
from .codecs.strings import Strings
from .codecs.tokenised import Tokenised
from .condition import CONDITIONS, Above, Attribute, Category, Label, Value
from .few import class_of, few
from .files.archive import archive
from .files.folder import images, photographs
from .files.hub import hub, hub_pictures
from .files.table import table
from .pictures import Pictures
from .sets.digits import digits
from .sets.elpv import elpv, elpv_pictures
from .sets.mnist import mnist
from .sets.peptides import peptides
from .sets.plays import plays
from .sets.qm9 import qm9
from .sets.splice import splice
from .sets.wafer import wafer
from .sources import Source, from_pixels

__all__ = [
    "CODECS",
    "CONDITIONS",
    "LOADERS",
    "Above",
    "Attribute",
    "Category",
    "Codec",
    "Dataset",
    "Label",
    "Learnt",
    "Pictures",
    "Pixels",
    "Skipped",
    "Source",
    "Split",
    "Strings",
    "Tokenised",
    "Value",
    "Written",
    "class_of",
    "few",
    "load",
    "number_of",
    "pictures",
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
        "elpv": elpv,
        "few": few,
        "huggingface": hub,
        "images": images,
        "mnist": mnist,
        "npz": archive,
        "peptides": peptides,
        "plays": plays,
        "qm9": qm9,
        "splice": splice,
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


RAW: dict[str, Callable[..., Dataset]] = {"elpv": elpv_pictures, "huggingface": hub_pictures, "images": photographs}
"""Functions that load the pictures of a data set as they are, by its name. The others have pixels of a palette."""
_REDUCED = ("levels", "colours", "tokenizer")
"""Options that reduce pictures to tokens."""


def pictures(name: str, *, typed: bool = False) -> Source:
    """Loads the pictures of a data set as they are, in 8 bits for each channel, for what learns from pixels.

    Photographs are read as they are, and other images have the colours of their palette. Photographs stay in a file,
    of which only what is used is in memory.

    Args:
        name: As of `load`, such as ``images:FOLDER,size=128`` or ``wafer``.
        typed: Whether a user typed the name.

    Raises:
        ValueError: As of `load`; if the sequences are no images, or the name has an option that reduces pictures to
            tokens.
        dguide.errors.MissingExtra: If a package with the data, or for reading them, is not installed.
    """
    call = LOADERS.call(name, typed=typed)
    raw = RAW.get(call.what.split()[-1])
    given = [option for option in _REDUCED if option in call.arguments and (raw or option == "tokenizer")]
    if given:
        expected = "pictures as they are, without an option that makes tokens of them"
        raise bad(f"options of {call.what}", ", ".join(given), expected, "Leave them out.")
    call.check()
    return Source.of(from_pixels(call()) if raw is None else raw(**call.made()))
