"""Figures of DNA, of peptides and of text, where their values are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dguide.data import Dataset, Label, Split, Strings
from dguide.evaluate import METRICS, Comparison, Estimate
from dguide.evaluate.samples import Texts, suited
from dguide.evaluate.texts.junctions import Junctions
from dguide.evaluate.texts.peptides import HYDROPHOBICITY, Peptides, descriptors
from dguide.evaluate.texts.words import Words


def dataset(texts: list[str], kinds: list[int], names: tuple[str, ...], letters: str) -> Dataset:
    """The same strings in all parts."""
    codec = Strings.of([*texts, letters])
    split = Split(torch.tensor([codec.encode(text) for text in texts]), torch.tensor(kinds))
    return Dataset("it", split, split, split, codec, (Label(names, "kind"),))


def figures(metric: object, data: Dataset, texts: list[str], kinds: list[int]) -> dict[str, Estimate]:
    assert isinstance(data.codec, Strings)
    tokens = torch.tensor([data.codec.encode(text) for text in texts])
    found = metric(Comparison(data, tokens, {"kind": torch.tensor(kinds)}, repetitions=20))  # type: ignore[operator]
    return {each.name: each for each in found}


@pytest.fixture(scope="module")
def dna() -> Dataset:
    random = np.random.default_rng(0)
    kinds = [k % 3 for k in range(120)]
    return dataset([site(random, kind) for kind in kinds], kinds, ("EI", "IE", "N"), "A" * 60)


def site(random: np.random.Generator, kind: int) -> str:
    text = "".join(random.choice(list("ACGT"), 60))
    bases = {0: text[:30] + "GT" + text[32:], 1: text[:28] + "AG" + text[30:]}
    return bases.get(kind, text)


def test_sites_are_counted_where_they_were_asked_for(dna: Dataset) -> None:
    random = np.random.default_rng(1)
    kinds = [0] * 20 + [1] * 20 + [2] * 20 + [3] * 5
    texts = [site(random, kind if k % 2 else 2) for k, kind in enumerate(kinds[:40])] + ["A" * 60] * 25
    found = figures(Junctions(), dna, texts, kinds)
    for name, (start, bases, place) in {"GT at EI": (0, "GT", 30), "AG at IE": (20, "AG", 28)}.items():
        expected = np.mean([text[place : place + 2] == bases for text in texts[start : start + 20]])
        assert found[name].value == expected < 1
        assert (found[name].count, found[name].best) == (20, 1)
        rows = np.array([start, start + 1])
        assert found[name].statistic is not None
        assert found[name].statistic(rows) == np.mean([texts[row][place : place + 2] == bases for row in rows])
    assert found["accuracy by place"].count == 60
    same = figures(Junctions(), dna, [site(random, k % 3) for k in range(60)], [k % 3 for k in range(60)])
    swapped = figures(Junctions(), dna, [site(random, k % 3) for k in range(60)], [(k + 1) % 3 for k in range(60)])
    assert same["accuracy by place"].value > 0.6 > 0.4 > swapped["accuracy by place"].value
    assert same["divergence by place"].value < swapped["divergence by place"].value - 0.01
    nothing = figures(Junctions(), dna, texts, [3] * len(texts))
    assert nothing == {}


def test_the_training_data_have_no_divergence_by_place(dna: Dataset) -> None:
    assert isinstance(dna.codec, Strings)
    found = figures(Junctions(), dna, dna.codec.decode(dna.train.tokens), dna.train.labels.tolist())
    assert found["divergence by place"].value == pytest.approx(0, abs=1e-12)


def test_descriptors_are_those_of_the_definition() -> None:
    assert descriptors(["DERK"])[0, :2].tolist() == [4, 0]
    ((_, charge, mean, moment),) = descriptors(["W"]).tolist()
    assert (charge, mean, moment) == (0, HYDROPHOBICITY["W"], pytest.approx(HYDROPHOBICITY["W"]))
    turned = descriptors(["I" * 18])  # five whole turns of the helix
    assert turned[0, 3] == pytest.approx(0, abs=1e-12)
    side = "".join("I" if np.cos(np.radians(100 * k)) > 0 else "K" for k in range(18))
    assert descriptors([side])[0, 3] > 0.7
    assert descriptors(["GIGKFLHSAKKFGKAFVGEIMNS"])[0, 1] == 3  # magainin 2: four lysines, one glutamate


@pytest.mark.parametrize("text", ["", "KLX", "klk"])
def test_what_is_no_peptide_has_no_descriptors(text: str) -> None:
    with pytest.raises(ValueError, match=r"peptide: got .* expected one or more of the letters ACDEFGHIKLMNPQRSTVWY"):
        descriptors(["KLK", text])


def test_peptides_are_judged_beside_those_of_the_asked_class() -> None:
    random = np.random.default_rng(0)
    groups = ("KRLI", "DEGS")
    kinds = [k % 2 for k in range(120)]
    texts = ["".join(random.choice(list(groups[kind]), 12)) for kind in kinds]
    data = dataset(texts, kinds, ("antimicrobial", "other"), "ACDEFGHIKLMNPQRSTVWY")
    drawn = ["".join(random.choice(list("KRLI"), 12)) for _ in range(50)] + [""] * 10
    asked, wrong = (figures(Peptides(), data, drawn, [kind] * 60) for kind in (0, 1))
    assert asked["valid"].value == 50 / 60
    assert asked["net charge"].value == wrong["net charge"].value > 4
    assert asked["net charge"].best > 4
    assert wrong["net charge"].best < -4
    assert asked["Fréchet distance"].value < 1 < wrong["Fréchet distance"].value
    assert asked["amino acids"].value == 12


def test_words_are_real_if_the_training_data_have_them() -> None:
    texts = ["the king, the--crown!", "o horrible 'tis"]
    data = dataset(texts, [0, 1], ("comedy", "tragedy"), "abcdefghijklmnopqrstuvwxyz")
    found = figures(Words(), data, ["the crown crow", "tis horrible!"], [0, 1])
    assert found["real words"].value == pytest.approx((2 / 3 + 1) / 2)
    assert (found["real long words"].value, found["real long words"].count) == (1, 2)
    assert found["real words"].best == 1
    fewer = figures(Words(long=9), data, ["the crown crow", "tis horrible!"], [0, 1])
    assert fewer["real long words"].count == 0


@pytest.mark.parametrize(
    ("letters", "names", "judges"),
    [
        ("ACGT", ("EI", "IE", "N"), {"junctions", "texts"}),
        ("ACGT", ("0", "1"), {"texts"}),
        ("ACDEFGHIKLMNPQRSTVWY", ("0", "1"), {"peptides", "texts"}),
        ("abc xyz", ("0", "1"), {"words", "texts"}),
        ("abcxyz", ("0", "1"), {"texts"}),
    ],
)
def test_each_metric_knows_its_data(letters: str, names: tuple[str, ...], judges: set[str]) -> None:
    data = dataset([letters], [0], names, letters)
    assert {METRICS.name_of(type(each)) for each in suited(data)} == judges
    smiles = replace(data, codec=replace(data.codec, split="smiles"))  # type: ignore[type-var]
    assert "words" not in {METRICS.name_of(type(each)) for each in suited(smiles)}


def test_what_is_learnt_before_gives_the_same_figures() -> None:
    texts, kinds = ["KRLIKR", "DEGSDE", "KLLKIR", "EEGSSD"], [0, 1, 0, 1]
    data = dataset(texts, kinds, ("antimicrobial", "other"), "KRLIDEGS")
    drawn = ["KRLLKR", "DEGGDE", "KLLKIR"]
    alone, ready = (figures(metric, data, drawn, [0, 1, 1]) for metric in (Texts(), Texts().prepared(data, 0)))
    assert ready == alone
    assert alone["accuracy"].value == 2 / 3
