"""The study of what could make the results wrong: its judges, differences and limits."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")  # the digits

from dguide.data import load
from dguide.evaluate import Estimate, LearntFeatures
from studies.evidence import NotMade, Scale, sceptic, sceptic_page
from studies.evidence import sceptic_draws as draws
from studies.evidence import sceptic_judges as judging


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def judges(digits):
    return judging.Judges.fit(digits, seen=1_000)


@pytest.fixture(scope="module")
def labels():
    return torch.arange(100) % 10


@pytest.fixture(scope="module")
def sets(digits, labels):
    """Real images, and the same with a quarter of the pixels blank."""
    part = digits.validation
    rows = torch.stack([(part.labels == label).nonzero()[k, 0] for k in range(10) for label in range(10)])
    real = part.tokens[rows]
    blank = torch.rand(real.shape, generator=torch.Generator().manual_seed(0)) < 0.25
    return real, torch.where(blank, 0, real)


def test_real_images_are_nearer_to_training_images_than_damaged_ones_by_every_distance(
    judges, labels, sets, monkeypatch
):
    monkeypatch.setattr(judging, "HALVES", 40)
    real, damaged = ([judges(each, labels)] for each in sets)
    found = {each.name: each for each in judging.differences(real, damaged, labels, 0.95)}
    assert tuple(found) == judging.FIGURES
    distances = [each for name, each in found.items() if name.startswith(("Fréchet", "accuracy"))]
    assert len(distances) == 7
    assert all(each.value > 0 for each in distances)
    assert all(each.low > 0 for each in distances if each.name.startswith("Fréchet"))
    for name, turned in zip(found, judging.differences(damaged, real, labels, 0.95), strict=True):
        assert turned.value == pytest.approx(-found[name].value)
        assert (turned.low, turned.high) == pytest.approx((-found[name].high, -found[name].low), nan_ok=True)
    alone = judges(sets[0], labels, (judging.DECIDES,))
    assert alone.estimates == (real[0][judging.DECIDES],)


def test_one_network_saw_no_training_image(digits, monkeypatch):
    learnt = []
    monkeypatch.setattr(LearntFeatures, "fit", lambda data, **options: learnt.append((data.train.tokens, options)))
    judging.Judges.fit(digits, seen=1)
    seen, other, unseen = learnt
    assert torch.equal(seen[0], digits.train.tokens)
    assert seen[1] != other[1]
    training = {tuple(row) for row in digits.train.tokens.tolist()}
    assert len(unseen[0]) == len(digits.validation) + len(digits.test)
    assert not training & {tuple(row) for row in unseen[0].tolist()}


def test_the_mean_over_k_seeds_has_an_interval_shorter_by_the_root_of_k():
    one = Estimate("it", 2.0, 1.0, 5.0, 10)
    four = judging.averaged([one, one, one, one])
    assert (four.value, four.low, four.high, four.count) == pytest.approx((2.0, 1.5, 3.5, 40))
    assert judging.averaged([one, replace(one, value=4.0, low=math.nan)]).value == 3.0


def test_agreement_is_near_1_for_figures_that_rank_alike(judges, labels, sets, monkeypatch):
    """The damage grows from setting to setting, and both figures see it. Damage in another order is another rank."""
    real, damaged = sets
    names = (judging.DECIDES, "coverage, network")  # one is better where it is lower, the other where it is higher
    monkeypatch.setattr(sceptic, "FIGURES", names)
    monkeypatch.setattr(sceptic, "HALVES", 4)
    some = [judges(torch.where(torch.arange(64) < 16 * k, damaged, real), labels, names) for k in range(5)]
    settings = ("none", "a quarter", "half", "three quarters", "all")
    (found,) = sceptic.agreement({name: [each] for name, each in zip(settings, some, strict=True)}, labels)
    assert found["name"] == names[1]
    assert found["value"] > 0.8
    turned = {
        name: [replace(each, estimates=(one[names[0]], each[names[1]]))]
        for name, one, each in zip(settings, some, reversed(some), strict=True)
    }
    (found,) = sceptic.agreement(turned, labels)
    assert found["value"] < -0.8


def test_the_limit_of_a_distance_is_where_its_line_in_1_over_n_ends(digits):
    """Of n of the N training images beside all of them the distance is about proportional to 1 / n - 1 / N."""
    generator = torch.Generator().manual_seed(0)
    some = digits.train.tokens[torch.randperm(len(digits.train), generator=generator)[:700]]
    found = sceptic.by_number(digits, some)
    assert found["n"] == [700, 350, 244, 175, 105]
    assert all(np.diff(found["mean"]) > 0)
    assert found["limit"] == pytest.approx(-found["slope"] / len(digits.train), rel=0.25)


def test_a_finding_that_is_refuted_by_another_figure_is_named():
    def one(figure, verdict):
        return {"finding": "late", "figure": figure, "verdict": verdict}

    found = {
        "model": "m",
        "sha256": "0" * 64,
        "settings": {"a": []},
        "count": 10,
        "seeds": [0],
        "steps": 4,
        "figure": "x",
        "findings": [one("x", "confirmed"), one("y", "refuted"), one("z", "undecided"), one("v", "confirmed")],
        "numbers": {
            "a": {"n": [4, 2], "mean": [1.0, 2.0], "limit": 0.5},
            "b": {"n": [4, 2], "mean": [2.0, 3.0], "limit": 0.2},
        },
        "models": [{"name": "m", "findings": [one("x", "confirmed")]}],
        "missing": ["tiny"],
    }
    said = sceptic_page.about(found)
    assert "of 3 verdicts by other figures 1 are those of the figure that decides, and 1 is the opposite (y)" in said
    assert "is also that of 1 of the 2 other columns" in said
    assert "Not measured yet: tiny." in said


def test_a_training_that_was_stopped_is_no_part_of_the_study(tmp_path, monkeypatch):
    monkeypatch.setattr(draws, "train", lambda config: SimpleNamespace(finished=False))
    with pytest.raises(SystemExit, match="stopped; the same command goes on"):
        draws.further(Scale(False, tmp_path), "tiny", 10)
    assert list(tmp_path.glob("*.json")) == []
    with pytest.raises(NotMade):
        draws.further(Scale(False, tmp_path, makes=False), "tiny", 10)
