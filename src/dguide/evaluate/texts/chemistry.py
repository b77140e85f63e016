r"""Molecules of generated sequences and of the training data, and their properties from RDKit."""

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
"""Functions of `rdkit.Chem.Descriptors`. Their values are the coordinates of a molecule."""
_DESCRIBED = 10_000
_CHUNK = 1024


def well_formed(tokens: Tensor) -> NDArray[np.bool_]:
    """Whether sequences [N, L] of `Strings` consist of begin, words, end and then only padding, [N].

    It is false for begin or padding among the words, and without an end.
    """
    begin, end, pad = range(3)
    place = torch.arange(tokens.shape[1])
    stop = (tokens == end).int().argmax(1, keepdim=True)  # 0 without an end; then the check of begin fails
    word = (place > 0) & (place < stop)
    right = torch.where(word, tokens > pad, tokens == torch.where(place < stop, begin, pad))
    fine: NDArray[np.bool_] = (right | (place == stop) & (tokens == end)).all(1).numpy() & (
        tokens[:, 0] == begin
    ).numpy()
    return fine


@dataclass(frozen=True, eq=False)
class Molecules:
    """The molecules of N sequences.

    Args:
        parsed: Whether the string between begin and end is not empty, and RDKit parses and sanitises it, [N].
        valid: Whether the sequence is parsed and also well formed, [N].
        molecules: RDKit's molecules of the M valid sequences.
    """

    parsed: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    molecules: list[Any]

    @classmethod
    def of(cls, codec: Strings, tokens: Tensor) -> Molecules:
        """The molecules of sequences [N, L] int64. Raises `MissingExtra` if RDKit is not installed."""
        molecules = parse(codec.decode(tokens))
        parsed = np.array([molecule is not None for molecule in molecules], dtype=np.bool_)
        valid = parsed & well_formed(tokens.cpu())
        return cls(parsed, valid, [molecule for molecule, fine in zip(molecules, valid, strict=True) if fine])

    def first(self, most: int) -> Molecules:
        """Only the first `most` valid molecules."""
        some = self.molecules[:most]
        every = np.ones(len(some), dtype=np.bool_)
        return Molecules(every, every, some)

    @cached_property
    def canonical(self) -> NDArray[np.str_]:
        """RDKit's canonical SMILES strings, [M]: equal if and only if the molecules are equal."""
        return _canonical(self.molecules)

    @cached_property
    def properties(self) -> dict[str, NDArray[np.float64]]:
        """The properties in `dguide.data.sets.molecules.PROPERTIES`, [M], by name."""
        return {name: values.astype(np.float64) for name, values in measure(self.molecules).items()}

    @cached_property
    def descriptors(self) -> NDArray[np.float64]:
        """The `DESCRIPTORS` of each molecule, [M, D]."""
        return _describe(self.molecules)

    @cached_property
    def fingerprints(self) -> NDArray[np.float32]:
        """Morgan fingerprints of radius 2 and 1,024 bits, [M, 1024]."""
        module = require("rdkit.Chem.rdFingerprintGenerator", "molecules")
        generator = module.GetMorganGenerator(radius=2, fpSize=1024)
        bits = [generator.GetFingerprintAsNumPy(molecule) for molecule in self.molecules]
        return np.array(bits, dtype=np.float32).reshape(len(bits), 1024)


def similarities(fingerprints: NDArray[np.float32]) -> NDArray[np.float64]:
    r"""Sum of the Tanimoto similarities of each molecule to all others, [M]. For fingerprints a and b it is

    $$T(a, b) = \frac{|a \cap b|}{|a| + |b| - |a \cap b|}.$$

    Args:
        fingerprints: Bits 0 or 1, [M, K], with at least one 1 for each molecule.
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
    """The molecules of the training split.

    Args:
        canonical: Their different canonical SMILES strings.
        descriptors: Standardised `DESCRIPTORS` of at most 10,000 random molecules, [M, D].
        center: Mean of each descriptor before standardisation, [D].
        scale: Standard deviation of each descriptor, or 1 if it is constant, [D].
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
        """Which canonical SMILES strings are not in the training data, [M]."""
        return np.array([text not in self.canonical for text in canonical.tolist()], dtype=np.bool_)


def training(dataset: Dataset, codec: Strings) -> Training:
    """The molecules of the training split, computed once on a machine (124,289 molecules of QM9: half a minute)."""
    tokens = dataset.train.tokens
    recipe = {
        "format": 2,
        "tokens": hashlib.sha256(tokens.numpy().tobytes()).hexdigest(),
        "codec": CODECS.describe(codec),
        "descriptors": DESCRIPTORS,
        "described": _DESCRIBED,
        "rdkit": importlib.metadata.version("rdkit"),
    }
    arrays = cached("molecules", recipe, lambda: _prepare(codec.decode(tokens)), ("canonical", "descriptors"))
    described = arrays["descriptors"].astype(np.float64)
    deviation = described.std(0) if len(described) else np.zeros(len(DESCRIPTORS))
    center = described.mean(0) if len(described) else deviation
    varies = deviation > 1e-9 * np.maximum(1, np.abs(center))  # constant values have rounding errors
    scale = np.where(varies, deviation, 1.0)
    return Training(frozenset(arrays["canonical"].tolist()), (described - center) / scale, center, scale)


def _prepare(texts: list[str]) -> Arrays:
    canonical = np.unique(in_parallel(_canonical_of, texts, "Training molecules")["canonical"])
    rows = np.sort(np.random.default_rng(0).permutation(len(texts))[:_DESCRIBED])  # for texts in any order
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
