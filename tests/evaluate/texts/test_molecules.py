from __future__ import annotations

import csv
import importlib.util
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem, DataStructs, RDLogger
from rdkit.Chem import QED, rdFingerprintGenerator
from torch import Tensor

from dguide.data import Above, Dataset, Split, Strings, Value
from dguide.data.sets.molecules import in_parallel, measure, parse
from dguide.evaluate import frechet_distance
from dguide.evaluate.statistics.estimate import Estimate
from dguide.evaluate.texts.chemistry import DESCRIPTORS, Molecules, similarities, training, well_formed
from dguide.evaluate.texts.molecules import molecule_estimates


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of its own."""
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(path))
        yield path


def smiles(step: int) -> list[str]:
    """Every `step`-th molecule of QM9, from the file itself."""
    spec = importlib.util.find_spec("qm9pack")
    assert spec is not None
    assert spec.origin is not None
    found = []
    for file in sorted((Path(spec.origin).parent / "data").glob("qm9_part*.csv")):
        with file.open(newline="", encoding="utf-8") as lines:
            found += [row["SMILES"] for row in csv.DictReader(lines)]
    return found[::step]


@pytest.fixture(scope="module")
def qm9() -> Dataset:
    """Every 70th molecule, with both properties above their median or not; every third is held out."""
    texts = smiles(70)
    codec = Strings.of(texts, "smiles")
    tokens = torch.tensor([codec.encode(text) for text in texts])
    properties = {name: torch.from_numpy(x.astype(np.float64)) for name, x in measure(parse(texts)).items()}
    conditions = (Above("rings", 1.0), Above("qed", float(properties["qed"].median())))
    split = Split(tokens, conditions[0].of(torch.empty(0), properties), properties)
    out = torch.arange(len(texts)) % 3 == 1
    return Dataset("molecules", split.take(~out), split.take(out), split.take(out), codec, conditions)


def told(dataset: Dataset, split: Split) -> dict[str, Tensor]:
    found = dataset.condition(split)
    assert isinstance(found, dict)
    return found


def encode(dataset: Dataset, *texts: str) -> Tensor:
    assert isinstance(dataset.codec, Strings)
    return torch.tensor([dataset.codec.encode(text) for text in texts])


def figures(dataset: Dataset, tokens: Tensor, condition: dict[str, Tensor], **options: int) -> dict[str, Estimate]:
    found = molecule_estimates(dataset, tokens, condition, **{"repetitions": 20, **options})
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def test_held_out_molecules_are_near_the_best_everywhere(qm9: Dataset) -> None:
    rows = torch.arange(0, len(qm9.test), 2)
    split = qm9.test.take(rows)
    found = figures(qm9, split.tokens, told(qm9, split), repetitions=100)
    for name in ("valid", "rings as asked", "qed as asked", "qed as asked, of valid", "unique of valid"):
        assert (found[name].value, found[name].best) == (1, 1)
        assert found[name].count == len(rows)
    assert found["novel of unique"].value > 0.99
    assert found["novel of unique"].best > 0.99
    assert "parsed" not in found
    for name, figure in found.items():
        if not name.startswith(("rings, ", "independent rings, ")):  # whole numbers have whole quantiles
            width = max(figure.high - figure.low, 0.01)
            assert figure.low - width < figure.best < figure.high + width, name
    assert found["Fréchet distance"].value < 0.5
    assert "15 standardised" in found["Fréchet distance"].note
    assert len(DESCRIPTORS) == 15


def test_few_held_out_molecules_are_compared_with_as_many(qm9: Dataset) -> None:
    half = torch.arange(len(qm9.test)) % 2 == 0
    few = replace(qm9, test=qm9.test.take(half).some(60))
    split = qm9.test.take(~half)
    found = figures(few, torch.cat([split.tokens, split.tokens[:5, :]]), {})
    for name in ("Fréchet distance", "unique of valid"):
        assert found[name].count == 60
        assert found[name].value == pytest.approx(found[name].best, rel=0.4)
    for name in ("valid", "internal diversity"):
        assert found[name].count == len(split) + 5
    assert found["internal diversity"].value == pytest.approx(found["internal diversity"].best, abs=0.03)


def test_shuffled_conditions_score_at_chance(qm9: Dataset) -> None:
    split = qm9.test
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    asked = told(qm9, split.take(order))
    found = figures(qm9, split.tokens, asked)
    for name, values in asked.items():
        share = float(values.double().mean())
        chance = share**2 + (1 - share) ** 2
        assert found[f"{name} as asked"].low < chance < found[f"{name} as asked"].high
        assert found[f"{name} as asked"].best == 1
        stated = float(found[f"{name} as asked"].note.split()[3])
        assert stated == pytest.approx(chance, abs=0.03)


def test_the_best_is_of_the_classes_that_were_asked(qm9: Dataset) -> None:
    rows = (told(qm9, qm9.test)["qed"] == 1).nonzero().squeeze(1)[:100]
    asked = {"qed": torch.ones(100, dtype=torch.int64), "rings": torch.full((100,), 2)}
    found = figures(qm9, qm9.test.tokens[rows], asked)
    assert found["qed, mean"].best == pytest.approx(found["qed, mean"].value, abs=0.02)
    assert found["qed, mean"].best > float(qm9.test.properties["qed"].mean()) + 0.02
    assert "rings as asked" not in found  # nobody was told
    assert "held-out data" not in found["valid"].note
    twice = figures(qm9, qm9.test.tokens, {"qed": torch.ones(len(qm9.test), dtype=torch.int64)})
    assert f"held-out data: {int(told(qm9, qm9.test)['qed'].sum())}" in twice["valid"].note


def test_samples_that_are_no_molecules_are_not_as_asked_but_count(qm9: Dataset) -> None:
    tokens = encode(qm9, "C1CC1", "C1CC", "C1CC1", "CCC", "")
    found = figures(qm9, tokens, {"rings": torch.tensor([0, 0, 1, 0, 0])})  # above one ring or not
    assert found["valid"].value == 3 / 5
    assert found["rings as asked"].value == 2 / 5
    assert found["rings as asked"].count == 5
    assert found["rings as asked, of valid"].value == 2 / 3
    assert found["unique of valid"].value == 2 / 3


@pytest.mark.parametrize("text", ["", "C(", "C1CC", "F(C)C", "N(C)(C)(C)C", "C##C"])
def test_strings_that_rdkit_rejects_are_invalid_and_say_nothing(
    qm9: Dataset, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(qm9.codec, Strings)
    found = Molecules.of(qm9.codec, encode(qm9, text, "CC"))
    assert found.valid.tolist() == [False, True]
    assert found.parsed.tolist() == [False, True]
    assert capfd.readouterr().err == ""


def test_rdkit_logs_afterwards_what_it_logged_before(capfd: pytest.CaptureFixture[str]) -> None:
    parse(["C("])
    Chem.MolFromSmiles("C(")
    assert "Parse Error" in capfd.readouterr().err
    RDLogger.DisableLog("rdApp.*")
    try:
        parse(["C("])
        Chem.MolFromSmiles("C(")
        assert capfd.readouterr().err == ""
    finally:
        RDLogger.EnableLog("rdApp.*")


def test_names_after_a_space_are_no_smiles() -> None:
    assert [each is not None for each in parse(["CC", "CC ethane", "CC\tO", " "])] == [True, False, False, False]


@pytest.mark.parametrize(
    ("row", "fine"),
    [
        ([0, 3, 4, 1, 2, 2], True),
        ([0, 3, 4, 3, 4, 1], True),
        ([0, 1, 2, 2, 2, 2], True),  # well formed, but empty
        ([0, 3, 4, 3, 4, 3], False),  # no end
        ([3, 4, 3, 1, 2, 2], False),  # no begin
        ([0, 0, 3, 1, 2, 2], False),  # two
        ([0, 3, 2, 4, 1, 2], False),  # padding inside
        ([0, 3, 4, 1, 2, 3], False),  # a word behind the end
        ([0, 3, 4, 1, 1, 2], False),  # two ends
        ([1, 3, 4, 2, 2, 2], False),
        ([0, 3, 4, 2, 2, 2], False),
    ],
)
def test_frame_of_a_sequence(row: list[int], fine: bool) -> None:
    assert well_formed(torch.tensor([row])).tolist() == [fine]


def test_a_broken_frame_is_invalid_though_its_string_parses(qm9: Dataset) -> None:
    tokens = encode(qm9, *["CCO"] * 4)
    tokens[0, -1] = 4
    found = figures(qm9, tokens, {})
    assert (found["parsed"].value, found["valid"].value) == (1, 0.75)


def test_one_molecule_in_three_spellings_is_one(qm9: Dataset) -> None:
    found = figures(qm9, encode(qm9, "OCCC", "CCCO", "C(O)CC", "CCCO", "CCCC", "CCC"), {})
    assert found["unique of valid"].value == 3 / 6
    assert found["novel of unique"].count == 3


def test_training_molecules_are_not_novel_however_they_are_written(qm9: Dataset) -> None:
    assert isinstance(qm9.codec, Strings)
    known = qm9.codec.decode(qm9.train.tokens[100:140])
    again = [Chem.MolToSmiles(m, rootedAtAtom=m.GetNumAtoms() - 1) for m in parse(known)]
    fits = [text for text in again if all(c in qm9.codec.numbers for c in text) and len(text) <= qm9.length - 2]
    assert sum(text not in known for text in fits) > 10
    found = figures(qm9, encode(qm9, *fits), {})
    assert found["novel of unique"].value == 0
    assert math.isnan(found["qed, mean"].value)
    assert found["qed, mean"].count == 0


def test_properties_are_of_novel_molecules_each_once(qm9: Dataset) -> None:
    assert isinstance(qm9.codec, Strings)
    old, new = qm9.codec.decode(qm9.train.tokens[50:51])[0], qm9.codec.decode(qm9.test.tokens[50:53])
    found = figures(qm9, encode(qm9, old, *new, new[0], new[0]), {})
    values = [QED.qed(Chem.MolFromSmiles(text)) for text in new]
    assert found["qed, mean"].count == 3
    assert found["qed, mean"].value == pytest.approx(np.mean(values))
    assert found["qed, 50 % quantile"].value == pytest.approx(np.median(values))


@pytest.mark.parametrize("texts", [("C(", "", "C1"), ("C(", "", "CC"), ("C",), ("CC", "CC")])
def test_few_molecules_give_figures_or_nan(qm9: Dataset, texts: tuple[str, ...]) -> None:
    found = figures(qm9, encode(qm9, *texts), {"qed": torch.zeros(len(texts), dtype=torch.int64)})
    valid = sum(each is not None for each in parse(texts))
    assert found["valid"].value == valid / len(texts)
    assert math.isnan(found["internal diversity"].value) == (valid < 2)
    assert math.isnan(found["Fréchet distance"].value) == (valid < 2)
    assert math.isnan(found["unique of valid"].value) == (valid < 1)


def test_frechet_distance_of_shifted_descriptors(qm9: Dataset) -> None:
    assert isinstance(qm9.codec, Strings)
    known = training(qm9, qm9.codec)
    points = known.points(Molecules.of(qm9.codec, qm9.train.tokens))
    assert points.mean(0) == pytest.approx(0, abs=1e-9)
    assert points.std(0) == pytest.approx(1)
    assert frechet_distance(known.descriptors, points) == pytest.approx(0, abs=1e-8)
    shift = np.zeros(len(DESCRIPTORS))
    shift[[2, 7]] = 3, 4
    assert frechet_distance(known.descriptors, points + shift) == pytest.approx(25)


def test_what_all_training_molecules_have_alike_is_not_magnified(qm9: Dataset) -> None:
    """Alcohols of one formula have one weight and one polar surface, but for rounding."""
    alcohols = encode(qm9, *["CCCO", "CC(C)O", "CCCO"] * 7)
    split = Split(alcohols, torch.zeros(len(alcohols), dtype=torch.int64))
    known = training(replace(qm9, train=split), qm9.codec)
    ether = known.points(Molecules.of(qm9.codec, encode(qm9, "CCOC", "CCOC")))
    same = [DESCRIPTORS.index(name) for name in ("MolWt", "LabuteASA", "TPSA", "NumHDonors")]
    assert np.abs(ether[:, same]).max() < 20  # in their units; as multiples of what rounding leaves, 1e14


def test_what_is_known_of_training_data_is_kept(qm9: Dataset, home: Path) -> None:
    assert isinstance(qm9.codec, Strings)
    first = training(qm9, qm9.codec)
    kept = list((home / "dguide" / "data").glob("molecules-*.npz"))
    again = training(qm9, qm9.codec)
    assert list((home / "dguide" / "data").glob("molecules-*.npz")) == kept
    assert again.canonical == first.canonical
    assert (again.descriptors == first.descriptors).all()
    training(replace(qm9, train=qm9.test), qm9.codec)
    assert len(list((home / "dguide" / "data").glob("molecules-*.npz"))) == len(kept) + 1


def test_similarities_agree_with_those_of_rdkit(qm9: Dataset) -> None:
    assert isinstance(qm9.codec, Strings)
    found = Molecules.of(qm9.codec, qm9.test.tokens[:60])
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    bits = [generator.GetFingerprint(molecule) for molecule in found.molecules]
    sums = [sum(DataStructs.BulkTanimotoSimilarity(each, bits)) - 1 for each in bits]
    assert similarities(found.fingerprints) == pytest.approx(sums, rel=1e-5)
    diversity = figures(qm9, qm9.test.tokens[:60], {})["internal diversity"]
    assert diversity.value == pytest.approx(1 - sum(sums) / (60 * 59), rel=1e-6)
    assert diversity.low < diversity.value < diversity.high


def test_a_few_molecules_over_and_over_are_narrow(qm9: Dataset) -> None:
    narrow = figures(qm9, qm9.test.tokens[:5].repeat(40, 1), {})
    assert narrow["unique of valid"].value == 5 / 200
    assert narrow["internal diversity"].value < narrow["internal diversity"].best - 0.05
    assert narrow["Fréchet distance"].value > 5 * narrow["Fréchet distance"].best


def test_error_of_a_property_that_was_asked_as_a_number(qm9: Dataset) -> None:
    numbers = replace(qm9, conditions=(Value("qed", 0.4, 0.1),))
    asked = torch.tensor([0.0, 1.0, math.nan, 1.0])
    found = figures(numbers, encode(qm9, "CCO", "CCC", "CC", "C("), {"qed": asked})["qed, error"]
    ethanol, propane = (QED.qed(Chem.MolFromSmiles(text)) for text in ("CCO", "CCC"))
    assert found.value == pytest.approx((abs(ethanol - 0.4) + abs(propane - 0.5)) / 2)
    assert (found.count, found.best) == (2, pytest.approx(0, abs=1e-6))


def test_figures_depend_on_the_seed_alone(qm9: Dataset) -> None:
    tokens = qm9.test.tokens[:50]
    one, same, other = (molecule_estimates(qm9, tokens, {}, repetitions=10, seed=seed) for seed in (0, 0, 1))
    assert [repr(each) for each in one] == [repr(each) for each in same]
    assert [each.value for each in one] == [each.value for each in other]
    assert [each.low for each in one] != [each.low for each in other]


def test_other_data_are_refused(qm9: Dataset) -> None:
    letters = replace(qm9, codec=Strings(("<begin>", "<end>", "<pad>", "C"), qm9.length))
    with pytest.raises(ValueError, match="split 'smiles'"):
        molecule_estimates(letters, qm9.test.tokens, {})
    with pytest.raises(ValueError, match="last dimension"):
        molecule_estimates(qm9, qm9.test.tokens[:, :-1], {})
    with pytest.raises(ValueError, match="one value for each"):
        molecule_estimates(qm9, qm9.test.tokens, {"qed": torch.tensor([1])})


def test_work_on_many_texts_comes_back_in_order() -> None:
    texts = [str(k) for k in range(5000)]
    found = in_parallel(lambda some: {"number": np.array([int(text) for text in some])}, texts, "numbers")
    assert found["number"].tolist() == list(range(5000))
