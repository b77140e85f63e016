"""Parses SMILES strings and measures properties of molecules with RDKit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import require
from ...progress import counted
from ..bounded import refused
from ..cache import Arrays

__all__ = ["MOST_CHARACTERS", "PROPERTIES", "in_parallel", "measure", "parse", "quiet", "unparsed"]

MOST_CHARACTERS = 1000
"""Longest SMILES string that is parsed. The time grows with more than the square of the length: of 1,000 characters the
worst that is known takes a second, of 3,000 half a minute."""
_CHUNK = 2000
_TRIAL = """
from rdkit import Chem, rdBase
block = rdBase.BlockLogs()
def check(text):
    return "" if Chem.MolFromSmiles(text) is not None else f"RDKit rejects {text!r}"
"""


def _rings(molecule: Any) -> float:
    """Size of the symmetrised set, as `GetSymmSSSR`: the ring information after sanitisation."""
    return float(molecule.GetRingInfo().NumRings())


def _independent_rings(molecule: Any) -> float:
    """Bonds - atoms + fragments, the size of every smallest set; `GetSSSR` would change the molecule's rings."""
    fragments = require("rdkit.Chem", "molecules").GetMolFrags(molecule)
    return float(molecule.GetNumBonds() - molecule.GetNumAtoms() + len(fragments))


def _qed(molecule: Any) -> float:
    """The same number as `QED.qed(molecule)`, to the last bit, in three quarters of the time.

    `QED.properties` searches the 116 structural alerts one by one. Here one call searches all, and there are no
    unnecessary copies. This is nearly all of the preparation of QM9 with its 130,831 molecules.
    """
    qed, chem, numbers, descriptors = (
        require(f"rdkit.Chem{name}", "molecules") for name in (".QED", "", ".rdMolDescriptors", ".Descriptors")
    )
    bare = molecule if molecule.GetNumHeavyAtoms() == molecule.GetNumAtoms() else chem.RemoveHs(molecule)
    properties = qed.QEDproperties(
        MW=descriptors.MolWt(bare),
        ALOGP=descriptors.MolLogP(bare),
        HBA=sum(len(bare.GetSubstructMatches(pattern)) for pattern in qed.Acceptors),
        HBD=numbers.CalcNumHBD(bare),
        PSA=descriptors.TPSA(bare),
        ROTB=numbers.CalcNumRotatableBonds(bare, numbers.NumRotatableBondsOptions.Strict),
        AROM=len(chem.GetSSSR(chem.DeleteSubstructs(bare, qed.AliphaticRings))),
        ALERTS=len(_alerts().GetMatches(bare)),
    )
    return float(qed.qed(molecule, qedProperties=properties))


@cache
def _alerts() -> Any:
    catalog = require("rdkit.Chem.FilterCatalog", "molecules")
    alerts = catalog.FilterCatalog()
    for number, pattern in enumerate(require("rdkit.Chem.QED", "molecules").StructuralAlerts):
        alerts.AddEntry(catalog.FilterCatalogEntry(str(number), catalog.SmartsMatcher(str(number), pattern)))
    return alerts


PROPERTIES: dict[str, Callable[[Any], float]] = {
    "rings": _rings,
    "qed": _qed,
    "independent rings": _independent_rings,
}
"""Properties of an RDKit molecule. `rings` is the size of the *symmetrised* smallest set of smallest rings, which arXiv
2412.10193 counts; `qed` the quantitative estimate of drug-likeness (Bickerton et al., Nature Chemistry 4, 2012);
`independent rings` the size of a smallest set itself. Cages have several such sets, and `rings` counts all."""


def quiet() -> AbstractContextManager[Any]:
    """A context in which RDKit logs nothing."""
    block: AbstractContextManager[Any] = require("rdkit.rdBase", "molecules").BlockLogs()
    return block


def parse(texts: Iterable[str]) -> list[Any]:
    """The RDKit molecule of each SMILES string; None for an empty string, or if RDKit cannot parse and sanitise it.

    A string of more than `MOST_CHARACTERS` has none either.

    Raises:
        dguide.errors.MissingExtra: If RDKit is not installed.
    """
    chem = require("rdkit.Chem", "molecules")
    with quiet():
        return [chem.MolFromSmiles(text) if not _no_smiles(text) else None for text in texts]


def unparsed(texts: Sequence[str]) -> list[str]:
    """Why each of the strings of a user has no molecule; empty if it has one.

    RDKit runs in a process of its own, since a string may take it long.

    Raises:
        dguide.errors.MissingExtra: If RDKit is not installed.
    """
    require("rdkit.Chem", "molecules")
    why = [_no_smiles(text) for text in texts]
    answers = iter(refused(_TRIAL, [text for text, wrong in zip(texts, why, strict=True) if not wrong]))
    return [wrong or next(answers) for wrong in why]


def measure(molecules: Sequence[Any]) -> dict[str, NDArray[np.float32]]:
    """The `PROPERTIES` of N RDKit molecules, by name, [N]. In float32, because thresholds are computed from it."""
    with quiet():
        return {name: np.array([of(each) for each in molecules], dtype=np.float32) for name, of in PROPERTIES.items()}


def in_parallel(function: Callable[[list[str]], Arrays], texts: list[str], title: str) -> Arrays:
    """Applies `function` to the texts, on all cores if there are many, and joins the arrays in order.

    Args:
        function: Gives arrays by name for a part of the texts. It must be importable by its name.
        texts: The texts.
        title: Title of the progress bar.
    """
    if len(texts) <= _CHUNK:
        return function(texts)
    joblib = require("joblib", "train")
    chunks = [texts[first : first + _CHUNK] for first in range(0, len(texts), _CHUNK)]
    parallel = joblib.Parallel(n_jobs=-1, return_as="generator")
    done = list(counted(parallel(joblib.delayed(function)(chunk) for chunk in chunks), len(chunks), title))
    return {name: np.concatenate([part[name] for part in done]) for name in done[0]}


def _no_smiles(text: str) -> str:
    """Why a string is not given to RDKit; empty if it is."""
    if len(text) > MOST_CHARACTERS:
        return f"{len(text):,} characters, and RDKit is given at most {MOST_CHARACTERS:,}"
    # RDKit accepts an empty string as an empty molecule, and some versions read text after a space as a name.
    return "" if text and not any(map(str.isspace, text)) else f"RDKit rejects {text!r}"
