"""Standard classifiers beside a reading: what they learn, and that they are judged as it is and advised if as good."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from dguide.data import Dataset, Label, Pixels, Split, Strings
from dguide.data.condition import Above
from dguide.evaluate import LearntFeatures, Reading
from dguide.evaluate.reading.standard import CLASSIFIERS, Standard, standard_classifiers
from dguide.evaluate.reading.verdict import verdict

FLAT = torch.full((3,), 1 / 3, dtype=torch.float64).log()


def striped(count: int, classes: int = 3) -> Dataset:
    """Images of 6 x 6 pixels of noise, whose class is the row that is bright; property: its number."""
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    tokens = torch.randint(0, 2, (count, 6, 6), generator=source)
    tokens[torch.arange(count), 2 * labels] = 3
    split = Split(tokens.flatten(1), labels, {"row": labels.double()})
    parts = (split.take(torch.arange(count) % 4 == k) for k in (0, 1, 2))
    return Dataset("stripes", *parts, codec=Pixels.grey(6, 6, 4), conditions=(Label(tuple("abc"[:classes])),))


def words(count: int) -> Dataset:
    """Words of a and b, of which those of class 1 contain bb."""
    source = torch.Generator().manual_seed(0)
    codec = Strings(("<begin>", "<end>", "<pad>", "a", "b"), 10)
    texts = ["".join("aab"[k] for k in row) for row in torch.randint(0, 3, (count, 8), generator=source).tolist()]
    split = Split(torch.tensor([codec.encode(t) for t in texts]), torch.tensor([int("bb" in t) for t in texts]))
    parts = (split.take(torch.arange(count) % 4 == k) for k in (0, 1, 2))
    return Dataset("words", *parts, codec=codec, conditions=(Label(("without", "with")),))


@pytest.mark.parametrize("data", [striped(400), words(400)], ids=lambda data: data.name)
def test_they_learn_the_training_part_and_follow_the_prior(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = LearntFeatures.fit.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(LearntFeatures, "fit", classmethod(lambda cls, data, *, seed: fit(cls, data, seen=6400)))
    size, condition = data.n_classes, data.conditions[0]
    counts = torch.bincount(data.train.labels) + 1
    learnt = (counts / counts.sum()).double().log()
    found = standard_classifiers(data, condition, data.test.tokens, learnt)
    assert [each.name for each in found] == list(CLASSIFIERS)[: 2 if data.shape else 1]
    shift = torch.linspace(0, 5, size, dtype=torch.float64)
    moved = standard_classifiers(data, condition, data.test.tokens, learnt + shift)
    for one, other in zip(found, moved, strict=True):
        assert (one.reading.predicted == data.test.labels).double().mean() > 0.9
        assert one.reading.log_probs.isfinite().all()
        expected = (one.reading.log_probs + shift).log_softmax(-1)
        torch.testing.assert_close(other.reading.log_probs, expected)
        assert one.seconds > 0 < one.training
    if data.shape:  # another condition has its own classes
        above = standard_classifiers(data, Above("row", 1.5), data.test.tokens, FLAT[:2])
        assert all((each.reading.predicted == (data.test.labels == 2)).double().mean() > 0.9 for each in above)


def answers(labels: torch.Tensor, right: float, seed: int) -> Reading:
    """A reading of which the share `right` is right, and as sure as that."""
    source = torch.Generator().manual_seed(seed)
    named = torch.where(torch.rand(len(labels), generator=source) < right, labels, (labels + 1) % 3)
    nats = torch.full((len(labels), 3), math.log(2 * right / (1 - right)), dtype=torch.float64)
    nats[torch.arange(len(labels)), named] = 0
    nats += 0.1 * torch.rand(nats.shape, generator=source)  # no ties
    return Reading(nats, FLAT, torch.zeros(len(labels)), 4)


@pytest.mark.parametrize("normal", [None, 0])
@pytest.mark.parametrize(
    ("reading", "forest", "network", "use", "words"),
    [
        (0.95, 0.8, 0.7, "reading", "**Use the reading**: its"),
        (0.8, 0.95, 0.7, "random forest", "**Use the random forest, not the reading**: its"),
        (0.8, 0.8, 0.95, "small network", "**Use the small network, not the reading**: its"),
        (0.9, 0.9, 0.7, "random forest", "**Use the random forest, not the reading**: the test part does not show"),
    ],
)
def test_the_reading_is_advised_only_where_it_is_shown_to_be_better_than_each_other(
    reading: float, forest: float, network: float, use: str, words: str, normal: int | None
) -> None:
    labels = torch.arange(1800) % 3
    reported = torch.arange(1800) >= 900
    beside = [
        Standard(name, answers(labels, right, seed), 0.001, 2.0)
        for name, right, seed in (("random forest", forest, 1), ("small network", network, 2))
    ]
    judged = verdict(
        answers(labels, reading, 0), labels, reported, tuple("abc"), normal=normal, standard=beside, seconds=3.0
    )
    page, values = judged.as_markdown(), json.loads(judged.as_json())
    assert values["recommended"] == use
    assert page.startswith(words)
    assert "3 s" in page.partition("\n")[0]
    what = "accuracy" if normal is None else "area under the ROC curve"
    assert what in page.partition("\n")[0]
    for told, right in zip(values["classifiers"], (forest, network), strict=True):
        of = {each["name"]: each for each in told["estimates"]}
        assert of["accuracy"]["value"] == pytest.approx(right, abs=0.03)
        apart = of["difference in accuracy"]
        assert apart["low"] < reading - right < apart["high"]
        assert apart["value"] == pytest.approx(values["estimates"][0]["value"] - of["accuracy"]["value"])
        assert of["seconds a sequence"]["value"] == 0.001
        assert of["calibration error"]["value"] < 0.05
        assert {"log loss", "difference in log loss"} < of.keys()
        assert ("difference of areas" in of) == (normal is not None)
        assert len(told["areas of classes"]) == 3
        assert all(each["low"] < each["value"] < each["high"] for each in told["areas of classes"])
    if normal is not None:  # the same thresholds for all
        kept = {each["by"]: [point["kept"] for point in each["points"]] for each in values["alarms"]}
        assert kept["random forest"] == kept["small network"] == kept["novelty"]
    assert "| area under the ROC curve: class against all others | reading | random forest | small network |" in page
    assert "random forest" in judged.as_csv().partition("\n")[0]


def test_what_is_fitted_for_them_does_not_see_the_test_part() -> None:
    labels = torch.arange(1200) % 3
    reported = torch.arange(1200) >= 600
    sure = answers(labels, 0.8, 1)
    beside = [Standard("random forest", replace(sure, nats=3 * sure.nats), 0.001, 2.0)]
    shuffled = torch.where(reported, labels.flip(0), labels)
    first, second = (
        verdict(answers(labels, 0.8, 0), truth, reported, tuple("abc"), normal=0, standard=beside)
        for truth in (labels, shuffled)
    )
    assert [p.cost.threshold for p in first.alarms[2].points] == [p.cost.threshold for p in second.alarms[2].points]
    notes = [next(e.note for e in each.beside[0].estimates if e.name == "log loss") for each in (first, second)]
    assert notes[0] == notes[1]
    assert "tempered, T = 2." in notes[0] or "tempered, T = 3." in notes[0]
    assert first.beside[0].rank == second.beside[0].rank


def test_nothing_is_shown_with_few_sequences() -> None:
    labels = torch.arange(12) % 3
    beside = [Standard("random forest", answers(labels, 0.9, 1), 0.001, 2.0)]
    everything = torch.ones(12, dtype=torch.bool)
    for normal in (None, 0):
        page = verdict(
            answers(labels, 0.9, 0), labels, everything, tuple("abc"), normal=normal, standard=beside
        ).as_markdown()
        assert page.startswith("**Use the random forest, not the reading**: the test part does not show")
