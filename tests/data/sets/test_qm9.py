"""The set is prepared once in a process."""

from __future__ import annotations

import pytest
import torch
from rdkit.Chem import QED, MolFromSmiles

from dguide.data import Above, Strings, load
from dguide.data.sets.molecules import PROPERTIES
from tests.data.loaders import whole


def test_all_molecules_are_there_and_the_split_is_fixed() -> None:
    qm9 = load("qm9")
    assert isinstance(qm9.codec, Strings)
    assert [len(part) for part in (qm9.train, qm9.validation, qm9.test)] == [124_289, 3_271, 3_271]
    assert (qm9.length, qm9.vocab_size) == (24, 23)
    assert qm9.codec.decode(qm9.train.tokens[:4]) == ["C", "N", "O", "C#C"]
    tokens = whole(qm9).tokens
    assert len(tokens.unique(dim=0)) > 130_800  # the source lists a few strings twice
    assert (tokens[:, 0] == 0).all()
    assert ((tokens == 1).sum(1) == 1).all()


def test_properties_are_those_of_rdkit() -> None:
    qm9 = load("qm9")
    rows = torch.arange(0, len(qm9.test), 97)
    split = qm9.test.take(rows)
    for text, rings, qed in zip(qm9.codec.decode(split.tokens), *split.properties.values(), strict=True):  # type: ignore[attr-defined]
        molecule = MolFromSmiles(text)
        assert rings == molecule.GetRingInfo().NumRings()
        assert qed == pytest.approx(QED.qed(molecule), rel=1e-6)
        assert PROPERTIES["qed"](molecule) == QED.qed(molecule)


@pytest.mark.parametrize(
    "smiles",
    ["N=C(CCSCc1csc(N=C(N)N)n1)NS(N)(=O)=O", "CC(C)C1=CC2=C(C)C=CC2=C(C)C=C1", "[H][H]", "[2H]C([2H])Br", "C#N"],
)
def test_qed_is_that_of_rdkit_for_molecules_of_any_kind(smiles: str) -> None:
    molecule = MolFromSmiles(smiles)
    assert PROPERTIES["qed"](molecule) == QED.qed(molecule)


def test_a_tenth_is_above_the_ninetieth_percentile() -> None:
    qm9 = load("qm9")
    rings, qed = qm9.conditions
    assert isinstance(rings, Above)
    assert isinstance(qed, Above)
    assert rings.threshold == 3
    assert qm9.class_names == ("rings <= 3", "rings > 3")
    told = qm9.condition(qm9.train)
    assert isinstance(told, dict)
    assert float(told["qed"].double().mean()) == pytest.approx(0.1, abs=0.002)
    assert float(told["rings"].double().mean()) == pytest.approx(0.079, abs=0.002)
    assert qm9.train.labels is not told["rings"]
    assert torch.equal(qm9.train.labels, told["rings"])
    half = load("qm9:percentile=50")
    assert half.name == "qm9:percentile=50"
    assert float(half.condition(half.train)["qed"].double().mean()) == pytest.approx(0.5, abs=0.002)  # type: ignore[index]
    with pytest.raises(ValueError, match="between 0 and 100"):
        load("qm9:percentile=100")
    with pytest.raises(ValueError, match=r"condition rings.*no sequence of 'rings > \d+' to train on.*nearer to 50"):
        load("qm9:percentile=99.9999")


def test_rings_are_those_of_the_symmetrised_set_and_independent_rings_those_of_a_smallest_one() -> None:
    chem = pytest.importorskip("rdkit.Chem")
    for text in ("C1CC1", "C1CC2CC1C2", "C12C3C4C1C5C2C3C45", "CC", "C1CC1.C1CC1"):
        molecule = chem.MolFromSmiles(text)
        counts = [PROPERTIES[name](molecule) for name in ("rings", "independent rings")]
        assert counts == [len(chem.GetSymmSSSR(molecule)), len(chem.GetSSSR(chem.MolFromSmiles(text)))]
    assert counts == [2, 2]
