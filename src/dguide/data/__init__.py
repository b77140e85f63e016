"""Data sets of labelled token sequences, by name."""

from __future__ import annotations

import functools

from ..spec import Registry
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

LOADERS: Registry[Dataset] = Registry(
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


@functools.cache
def load(name: str, *, typed: bool = False) -> Dataset:
    """The data set of that name, with options: ``digits``, ``qm9:percentile=80``, ``csv:file.csv,text=SMILES``.

    Args:
        name: A name of `LOADERS`; after a colon, the path of those that have one, and options, separated by commas.
        typed: Whether a person typed it, so that the import path of a function of one's own is followed.

    Raises:
        ValueError: If there is no data set of that name, or no such option; the message lists those there are. Or if
            the data are not what they should be.
        dguide.errors.MissingExtra: If a package that carries or reads the data is not installed.
    """
    return LOADERS.read(name, typed=typed)
