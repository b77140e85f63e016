"""Samples of a file of one's own are judged as befits what they are, from end to end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from dguide.data import Dataset, load
from dguide.evaluate import METRICS, Comparison, Estimate, Metric, estimate, evaluate_samples

ATOMS = ("C", "N", "O", "F")
MOLECULES = [f"{'C' * n}{a}{b}" for n in range(1, 9) for a in ATOMS[:3] for b in ATOMS]
TEXTS = ("the cat sat on the mat", "a cat is no dog", "all cats are grey", "wer rastet der rostet", "ende gut")


@pytest.fixture
def molecules(tmp_path: Path) -> Dataset:
    path = tmp_path / "molecules.csv"
    path.write_text("smiles,mass\n" + "".join(f"{text},{len(text)}\n" for text in MOLECULES))
    return load(f"csv:{path},text=smiles,property=mass,percentile=80,split=smiles")


@pytest.fixture
def texts(tmp_path: Path) -> Dataset:
    path = tmp_path / "texts.csv"
    rows = [f"{text}{'!' * n},{'de' if k > 2 else 'en'}\n" for n in range(8) for k, text in enumerate(TEXTS)]
    path.write_text("text,language\n" + "".join(rows))
    return load(f"csv:{path},text=text,label=language")


@pytest.mark.parametrize(("kind", "figure"), [("molecules", "valid"), ("texts", "2-gram divergence")])
def test_strings_are_judged_as_molecules_if_they_are(kind: str, figure: str, request: pytest.FixtureRequest) -> None:
    dataset: Dataset = request.getfixturevalue(kind)
    real = dataset.test
    condition = dataset.condition(real)
    condition = condition if isinstance(condition, dict) else {dataset.conditions[0].name: condition}
    found = evaluate_samples(dataset, real.tokens, condition, repetitions=5, calls=(3, 2), settings={"steps": 3})
    assert found[figure].value == pytest.approx(found[figure].best)
    assert found.samples == len(real)
    assert f"| {figure} |" in found.as_markdown()
    assert "3 conditional and 2 reference calls a batch" in found.as_markdown()
    with pytest.raises(KeyError):
        found["beauty"]


def test_features_are_for_images(texts: Dataset) -> None:
    real = texts.test
    with pytest.raises(ValueError, match=re.escape("features: got pixels, expected none for strings")):
        evaluate_samples(texts, real.tokens, {"language": real.labels}, features="pixels")


def test_tokens_that_are_not_of_the_data(texts: Dataset) -> None:
    real = texts.test
    with pytest.raises(ValueError, match="expected values from 0 to"):
        evaluate_samples(texts, torch.full_like(real.tokens, 99), {"language": real.labels})


@dataclass(frozen=True)
class Length(Metric):
    """Mean number of tokens that are `token`."""

    token: int = 2
    name: str = "count"

    def suits(self, dataset: Dataset) -> bool:
        return dataset.shape is None

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        drawn, real = ((x == self.token).sum(1).numpy() for x in (comparison.tokens, comparison.held_out.tokens))
        mean = estimate(self.name, lambda rows: drawn[rows].mean(), len(drawn), best=real.mean(), **comparison.options)
        return [mean]


def test_a_registered_metric_stands_in_the_table(texts: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    real = texts.test
    condition = {"language": real.labels}
    before = evaluate_samples(texts, real.tokens, condition, repetitions=5)
    monkeypatch.setitem(METRICS, "length", Length)
    after = evaluate_samples(texts, real.tokens, condition, repetitions=5)
    assert repr(after.estimates[:-1]) == repr(before.estimates)
    added = after["count"]
    assert added.value == pytest.approx(added.best)
    assert added.low < added.value < added.high
    assert "| count |" in after.as_markdown()
    digits = load("digits")
    with pytest.raises(ValueError, match=r"metric: got length:token=2,name=count, expected one for digits: images"):
        evaluate_samples(digits, digits.test.tokens, {"label": digits.test.labels}, metrics=[Length()])


def test_metrics_that_are_asked_for_and_no_others(texts: Dataset) -> None:
    real = texts.test
    found = evaluate_samples(texts, real.tokens, {"language": real.labels}, metrics=[Length(3), Length(4, "fours")])
    assert [each.name for each in found.estimates] == ["count", "fours"]
    with pytest.raises(ValueError, match="two of the name 'count'"):
        evaluate_samples(texts, real.tokens, {"language": real.labels}, metrics=[Length(3), Length(4)])


@dataclass(frozen=True)
class Wrong(Metric):
    """Returns something else than a list of estimates."""

    given: Any

    def __call__(self, comparison: Comparison) -> Any:
        return self.given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Estimate("x", 1.0, 0.0, 2.0, 3), r"figures of Wrong: got Estimate.*expected a list of Estimate"),
        ([1.0], r"figures of Wrong: got \[1.0\]"),
        (None, "figures of Wrong: got None"),
        ([Estimate("x", torch.tensor(1.0), 0.0, 2.0, 3)], "value of x: got Tensor 1.0, expected a float"),  # type: ignore[arg-type]
    ],
)
def test_figures_that_are_none_are_refused(texts: Dataset, given: Any, message: str) -> None:
    real = texts.test
    with pytest.raises(ValueError, match=message):
        evaluate_samples(texts, real.tokens, {"language": real.labels}, metrics=[Wrong(given)])
