"""The study of what could make the results wrong: its judges, differences and limits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")  # the digits

from dguide.data import load
from dguide.evaluate import Estimate, LearntFeatures
from studies.evidence import sceptic, sceptic_page
from studies.evidence import sceptic_judges as judging


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def judges(digits):
    return judging.Judges.fit(digits, seen=3_000)


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


def test_real_images_are_better_than_damaged_ones_by_every_figure_that_knows_the_training_images(judges, labels, sets):
    real, damaged = ([judges(each, labels)] for each in sets)
    found = {each.name: each for each in judging.differences(real, damaged, labels, 0.95)}
    assert tuple(found) == judging.FIGURES
    assert all(each.value > 0 for each in found.values()), found
    distances = [each for name, each in found.items() if name.startswith("Fréchet")]
    assert len(distances) == 4
    assert all(each.low > 0 for each in distances)
    for name, turned in zip(found, judging.differences(damaged, real, labels, 0.95), strict=True):
        assert turned.value == pytest.approx(-found[name].value)
        assert (turned.low, turned.high) == pytest.approx((-found[name].high, -found[name].low), nan_ok=True)


def test_the_figures_that_are_asked_for_are_those_of_all(judges, labels, sets):
    assert judges(sets[0], labels, (judging.DECIDES,))[judging.DECIDES] == judges(sets[0], labels)[judging.DECIDES]


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


def test_agreement_is_1_for_figures_that_rank_alike(judges, labels, sets):
    """The damage grows from setting to setting, and every distance sees it."""
    real, damaged = sets
    some = {f"{k}": [judges(torch.where(torch.arange(64) < 16 * k, damaged, real), labels)] for k in range(5)}
    ranks = {each["name"]: each for each in sceptic.agreement({"none": some["0"], **some}, labels)}
    for name, each in ranks.items():
        if name.startswith("Fréchet"):
            assert each["value"] > 0.8, name
            assert not each["low"] < 0, name
    assert set(ranks) == set(judging.FIGURES[1:])


def test_the_limit_of_a_distance_without_samples_bias_is_near_that_of_many(digits):
    """Of training images beside themselves it is 0; a part of them is further away, by about 1 / n."""
    generator = torch.Generator().manual_seed(0)
    some = digits.train.tokens[torch.randperm(len(digits.train), generator=generator)[:700]]
    found = sceptic.by_number(digits, some)
    assert found["n"] == [700, 350, 245, 175, 105]
    assert all(np.diff(found["mean"]) > 0)
    assert abs(found["limit"]) < found["mean"][0]
    assert found["slope"] > 0


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
    }
    said = sceptic_page.about(found)
    assert "of 3 verdicts by other figures 1 are those of the figure that decides, and 1 is the opposite (y)" in said
    assert "is also that of 1 of the 2 other columns" in said
