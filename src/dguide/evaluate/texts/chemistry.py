r"""What RDKit makes of sequences that should be molecules, and what it knows of the training data."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data import CODECS, Dataset, Strings
from ...data.cache import Arrays, cached
from ...data.sets.molecules import in_parallel, measure, parse, quiet
from ...errors import require

__all__ = ["DESCRIPTORS", "Molecules", "Training", "similarities", "training", "well_formed"]

DESCRIPTORS = (
    "HeavyAtomCount",
    "MolWt",
    "NumHeteroatoms",
    "MolLogP",
    "MolMR",
    "TPSA",
    "NumHDonors",
    "NumHAcceptors",
    "NumRotatableBonds",
    "RingCount",
    "NumAromaticRings",
    "NumAliphaticRings",
    "FractionCSP3",
    "LabuteASA",
    "BertzCT",
)
"""Functions of `rdkit.Chem.Descriptors` whose values are the coordinates of a molecule."""
_DESCRIBED = 10_000
_CHUNK = 1024


def well_formed(tokens: Tensor) -> NDArray[np.bool_]:
    """Whether sequences [N, L] of `Strings` are a begin, words, an end, and nothing but padding after it, [N].

    A begin or padding among the words is an error, and so is a sequence without an end.
    """
    begin, end, pad = range(3)
    place = torch.arange(tokens.shape[1])
    stop = (tokens == end).int().argmax(1, keepdim=True)  # 0 if there is no end, and then the begin is not right
    word = (place > 0) & (place < stop)
    right = torch.where(word, tokens > pad, tokens == torch.where(place < stop, begin, pad))
    fine: NDArray[np.bool_] = (right | (place == stop) & (tokens == end)).all(1).numpy() & (
        tokens[:, 0] == begin
    ).numpy()
    return fine


@dataclass(frozen=True, eq=False)
class Molecules:
    """Sequences and the molecules they are.

    Args:
        parsed: Whether RDKit parses and sanitises the string between begin and end, and it is not empty, [N].
        valid: Whether the sequence is well formed besides, [N].
        molecules: RDKit's molecules of the M valid ones.
    """

    parsed: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    molecules: list[Any]

    @classmethod
    def of(cls, codec: Strings, tokens: Tensor) -> Molecules:
        """From sequences [N, L] int64. Raises `MissingExtra` if RDKit is not installed."""
        molecules = parse(codec.decode(tokens))
        parsed = np.array([molecule is not None for molecule in molecules], dtype=np.bool_)
        valid = parsed & well_formed(tokens.cpu())
        return cls(parsed, valid, [molecule for molecule, fine in zip(molecules, valid, strict=True) if fine])

    def first(self, most: int) -> Molecules:
        """The first `most` valid ones alone."""
        some = self.molecules[:most]
        every = np.ones(len(some), dtype=np.bool_)
        return Molecules(every, every, some)

    @cached_property
    def canonical(self) -> NDArray[np.str_]:
        """RDKit's canonical SMILES strings, [M]: equal if and only if molecules are."""
        return _canonical(self.molecules)

    @cached_property
    def properties(self) -> dict[str, NDArray[np.float64]]:
        """What `dguide.data.molecules.PROPERTIES` are of each, [M], by name."""
        return {name: values.astype(np.float64) for name, values in measure(self.molecules).items()}

    @cached_property
    def descriptors(self) -> NDArray[np.float64]:
        """`DESCRIPTORS` of each, [M, D]."""
        return _describe(self.molecules)

    @cached_property
    def fingerprints(self) -> NDArray[np.float32]:
        """Morgan fingerprints of radius 2 and 1,024 bits, [M, 1024]."""
        module = require("rdkit.Chem.rdFingerprintGenerator", "molecules")
        generator = module.GetMorganGenerator(radius=2, fpSize=1024)
        bits = [generator.GetFingerprintAsNumPy(molecule) for molecule in self.molecules]
        return np.array(bits, dtype=np.float32).reshape(len(bits), 1024)


def similarities(fingerprints: NDArray[np.float32]) -> NDArray[np.float64]:
    r"""Sum of the Tanimoto similarities of each molecule to all others, [M].

    $$T(a, b) = \frac{|a \cap b|}{|a| + |b| - |a \cap b|}$$

    Args:
        fingerprints: Bits that are 0 or 1, [M, K], at least one of them 1 in each.
    """
    sizes = fingerprints.sum(1)
    sums = []
    for first in range(0, len(fingerprints), _CHUNK):
        rows = slice(first, first + _CHUNK)
        both = fingerprints[rows] @ fingerprints.T
        sums.append((both / (sizes[rows, None] + sizes - both)).sum(1, dtype=np.float64))
    return np.concatenate(sums) - 1 if sums else np.empty(0)


@dataclass(frozen=True, eq=False)
class Training:
    """What is known of the molecules of the training split.

    Args:
        canonical: Their canonical SMILES strings, each once.
        descriptors: Standardised `DESCRIPTORS` of at most 10,000 of them by chance, [M, D].
        center: What was subtracted from each descriptor, the mean, [D].
        scale: What it was divided by then, the standard deviation, or 1 where all are equal, [D].
    """

    canonical: frozenset[str]
    descriptors: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]

    def points(self, molecules: Molecules) -> NDArray[np.float64]:
        """Standardised descriptors of other molecules, [M, D]."""
        points: NDArray[np.float64] = (molecules.descriptors - self.center) / self.scale
        return points

    def novel(self, canonical: NDArray[np.str_]) -> NDArray[np.bool_]:
        """Which of the canonical SMILES strings are not among the training data, [M]."""
        return np.array([text not in self.canonical for text in canonical.tolist()], dtype=np.bool_)


def training(dataset: Dataset, codec: Strings) -> Training:
    """What is known of the training split, worked out once on a machine (124,289 molecules of QM9: half a minute)."""
    tokens = dataset.train.tokens
    recipe = {
        "format": 2,
        "tokens": hashlib.sha256(tokens.numpy().tobytes()).hexdigest(),
        "codec": CODECS.describe(codec),
        "descriptors": DESCRIPTORS,
        "described": _DESCRIBED,
        "rdkit": importlib.metadata.version("rdkit"),
    }
    arrays = cached("molecules", recipe, lambda: _prepare(codec.decode(tokens)))
    described = arrays["descriptors"].astype(np.float64)
    deviation = described.std(0) if len(described) else np.zeros(len(DESCRIPTORS))
    center = described.mean(0) if len(described) else deviation
    varies = deviation > 1e-9 * np.maximum(1, np.abs(center))  # rounding leaves something where all are equal
    scale = np.where(varies, deviation, 1.0)
    return Training(frozenset(arrays["canonical"].tolist()), (described - center) / scale, center, scale)


def _prepare(texts: list[str]) -> Arrays:
    canonical = np.unique(in_parallel(_canonical_of, texts, "Training molecules")["canonical"])
    rows = np.sort(np.random.default_rng(0).permutation(len(texts))[:_DESCRIBED])  # whatever order they stand in
    some = [texts[row] for row in rows]
    return {"canonical": canonical} | in_parallel(_descriptors_of, some, "Descriptors of molecules")


def _canonical_of(texts: list[str]) -> Arrays:
    return {"canonical": _canonical([molecule for molecule in parse(texts) if molecule is not None])}


def _descriptors_of(texts: list[str]) -> Arrays:
    return {"descriptors": _describe([molecule for molecule in parse(texts) if molecule is not None])}


def _canonical(molecules: list[Any]) -> NDArray[np.str_]:
    to_smiles = require("rdkit.Chem", "molecules").MolToSmiles
    return np.array([to_smiles(molecule) for molecule in molecules], dtype=np.str_)


def _describe(molecules: list[Any]) -> NDArray[np.float64]:
    module = require("rdkit.Chem.Descriptors", "molecules")
    functions = [getattr(module, name) for name in DESCRIPTORS]
    with quiet():
        rows = [[function(molecule) for function in functions] for molecule in molecules]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(DESCRIPTORS))
