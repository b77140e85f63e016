"""A judge gives the figures of `evaluate_samples` and those of a user, by names that are known beforehand."""

from __future__ import annotations

import functools

import pytest
import torch

from dguide.data import load
from dguide.evaluate import LearntFeatures, evaluate_samples
from dguide.evaluate.samples import Images, Texts
from dguide.pilot.compare.judge import Judge, PerSample

INK = PerSample("ink", lambda tokens, condition: tokens.double().mean(1), better="")
ZERO = PerSample("zero", lambda tokens, condition: condition["label"] == 0)
DRAWN = {"calls": (4, 4), "seconds": 1.5, "settings": {"weight": "constant:1.0"}}


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """A judge that learns for a tenth of the time."""
    whole = LearntFeatures.fit.__func__
    monkeypatch.setattr(LearntFeatures, "fit", classmethod(functools.partial(whole, seen=4000)))


def test_names_are_known_before_any_sample_and_the_judge_learns_once(digits, monkeypatch) -> None:
    judge = Judge.of(digits, [Images(), INK, ZERO], repetitions=0)
    names = judge.names
    monkeypatch.setattr(LearntFeatures, "fit", classmethod(lambda *args, **options: pytest.fail("learns again")))
    few = digits.test.some(80, seed=1)
    found = judge(few.tokens, {"label": few.labels}, **DRAWN)
    assert tuple(each.name for each in found.estimates) == (*names[2:], "ink", "zero")
    assert names[:2] == ("ink", "zero")
    assert found["zero"].value == pytest.approx(float((few.labels == 0).double().mean()))
    assert (found.calls, found.sampling_seconds, found.samples) == ((4, 4), 1.5, 80)


def test_figures_are_those_of_evaluate_samples(digits) -> None:
    few = digits.test.some(80, seed=2)
    judge = Judge.of(digits, [Images(features="pixels")], repetitions=20, seed=3)
    alone = evaluate_samples(
        digits, few.tokens, {"label": few.labels}, metrics=[Images(features="pixels")], repetitions=20, seed=3
    )
    assert judge(few.tokens, few.labels, **DRAWN).estimates == alone.estimates


def test_figures_of_a_user_need_no_data() -> None:
    judge = Judge.of(None, [INK])
    assert judge.names == ("ink",)
    found = judge(torch.tensor([[0, 2], [2, 2], [1, 1]]), torch.tensor([0, 0, 1]), **DRAWN)
    assert found["ink"].value == pytest.approx(4 / 3)
    assert judge.strata(torch.tensor([0, 0, 1])).tolist() == [0, 0, 1]
    assert judge.strata(torch.rand(3)) is None


def test_what_does_not_fit_is_refused(digits) -> None:
    for dataset, metrics in ((None, []), (None, [Images()]), (digits, [Texts()])):
        with pytest.raises(ValueError, match=r"data: got|metric: got"):
            Judge.of(dataset, metrics)
    wrong = Judge.of(None, [PerSample("wide", lambda tokens, condition: tokens.double())])
    with pytest.raises(ValueError, match=r"values of wide: got torch.float64 \[3, 2\]"):
        wrong(torch.zeros(3, 2), None, **DRAWN)
    with pytest.raises(ValueError, match="different names"):
        _ = Judge.of(None, [INK, INK]).names
    with pytest.raises(ValueError, match="condition: got int"):
        Judge.of(digits, [Images()])(digits.test.tokens, 3, **DRAWN)
