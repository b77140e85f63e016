"""QM9: 130,831 small organic molecules as SMILES strings (the package `qm9pack`, no download)."""

from __future__ import annotations

import csv
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ...errors import require
from ..base import Dataset, Split
from ..cache import Arrays, cached
from ..codecs.strings import Strings
from ..condition import Above, quantile
from ..files.assemble import complete
from ..holdout import TEST, TRAIN, VALIDATION
from .molecules import in_parallel, measure, parse
from .packaged import files_of

__all__ = ["qm9"]

_EVERY, _TEST, _VALIDATION = 40, 10, 30
"""Of 40 molecules, the numbers 10 and 30 are for the test and for the validation."""
_PROPERTIES = ("rings", "qed")
"""The properties of the conditions."""


def qm9(percentile: float = 90.0) -> Dataset:
    """QM9 with two conditions: whether ring count and QED are above `percentile` percent of all molecules.

    `split_smiles` splits the SMILES strings into at most 22 symbols of an alphabet of 20; with begin, end and padding a
    sequence has 24 tokens. RDKit computes the ring count (the size of the symmetrised smallest set of smallest rings,
    as `GetSymmSSSR` gives it) and QED, the quantitative estimate of drug-likeness (Bickerton et al., Nature Chemistry
    4, 2012); the first time this takes a minute. Of 40 molecules, one is for the test and one for the validation:
    124,289 for training, 3,271 for validation and 3,271 for the test. The source has a few strings twice, but none in
    two parts.

    Sources: Ramakrishnan et al., "Quantum chemistry structures and properties of 134 kilo molecules", Scientific Data
    1, 2014; conditions as in Schiff et al. (arXiv 2412.10193, section 5.1).

    Args:
        percentile: Percentile of both properties in the whole set, between 0 and 100.

    Raises:
        ValueError: If the percentile is not between 0 and 100, or a class would be empty.
        dguide.errors.MissingExtra: If `qm9pack` or RDKit is not installed.
    """
    folder = files_of("qm9pack", "'dguide[molecules]'", "data")
    require("rdkit", "molecules")
    files = sorted(folder.glob("qm9_part*.csv"))
    recipe = {
        "format": 1,
        "files": {f.name: f.stat().st_size for f in files},
        "rdkit": importlib.metadata.version("rdkit"),
    }
    arrays = cached("qm9", recipe, lambda: _prepare(files), ("words", "tokens", *_PROPERTIES))
    codec = Strings(tuple(arrays["words"].tolist()), arrays["tokens"].shape[1], "smiles")
    tokens = torch.from_numpy(arrays["tokens"].astype(np.int64))
    properties = {name: torch.from_numpy(arrays[name].astype(np.float64)) for name in _PROPERTIES}
    conditions = tuple(Above(name, quantile(values, percentile)) for name, values in properties.items())
    whole = Split(tokens, conditions[0].of(torch.empty(0), properties), properties)
    number, part = torch.arange(len(tokens)) % _EVERY, torch.full_like(whole.labels, TRAIN)
    part[number == _TEST], part[number == _VALIDATION] = TEST, VALIDATION
    name = "qm9" if percentile == 90 else f"qm9:percentile={percentile:g}"
    return complete(Dataset(name, *whole.parts(part), codec, conditions))


def _prepare(files: list[Path]) -> Arrays:
    smiles = [text for file in files for text in _column(file)]
    codec = Strings.of(smiles, "smiles")
    tokens = np.array([codec.encode(text) for text in smiles], dtype=np.uint8)
    measured = in_parallel(_properties, smiles, "QM9: rings and QED")
    return {"words": np.array(codec.words), "tokens": tokens, **measured}


def _column(file: Path) -> Iterator[str]:
    with file.open(newline="", encoding="utf-8") as lines:
        rows = csv.reader(lines)
        index = next(rows).index("SMILES")
        for row in rows:
            yield row[index]


def _properties(smiles: list[str]) -> Arrays:
    measured = measure(parse(smiles))
    return {name: measured[name] for name in _PROPERTIES}
