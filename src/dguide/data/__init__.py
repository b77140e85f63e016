"""Data sets of labelled token sequences, by name."""

from __future__ import annotations

import functools

from .augment import number_of, random_offsets, shift
from .base import Dataset, Skipped, Split
from .codecs.base import Codec
from .codecs.describe import codec, describe_codec
from .codecs.pixels import Pixels
from .codecs.strings import Strings
from .codecs.tokenised import Tokenised
from .condition import Above, Attribute, Label, Value, attribute, describe_attribute
from .files.archive import archive
from .files.folder import images
from .files.hub import hub
from .files.table import table
from .parse import Loader, parse_data
from .sets.digits import digits
from .sets.mnist import mnist
from .sets.qm9 import qm9
from .sets.wafer import wafer

__all__ = [
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
    "attribute",
    "codec",
    "describe_attribute",
    "describe_codec",
    "load",
    "names",
    "number_of",
    "random_offsets",
    "shift",
]

LOADERS: dict[str, Loader] = {
    "csv": table,
    "digits": digits,
    "huggingface": hub,
    "images": images,
    "mnist": mnist,
    "npz": archive,
    "qm9": qm9,
    "wafer": wafer,
}
"""Functions that give a data set, by the name that stands first in its string form."""


def names() -> tuple[str, ...]:
    """Names that `load` knows."""
    return tuple(sorted(LOADERS))


@functools.cache
def load(name: str) -> Dataset:
    """The data set of that name, with options: ``digits``, ``qm9:percentile=80``, ``csv:file.csv,text=SMILES``.

    Args:
        name: One of `names()`; after a colon, the path of those that have one, and options, separated by commas.

    Raises:
        ValueError: If there is no data set of that name, or no such option; the message lists those there are. Or if
            the data are not what they should be.
        dguide.errors.MissingExtra: If a package that carries or reads the data is not installed.
    """
    loader, arguments = parse_data(name, LOADERS)
    return loader(**arguments)
