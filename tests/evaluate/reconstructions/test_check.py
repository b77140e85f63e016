"""A check tells a tokenizer that loses a class from one that loses nothing, and names the class."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made import NAMES, Boxes, source, two_classes

from dguide.data import Dataset, Label, Learnt, Split
from dguide.errors import InputError
from dguide.evaluate import LearntFeatures
from dguide.evaluate.reconstructions.advice import Seen, advice
from dguide.evaluate.reconstructions.check import check, matched
from dguide.evaluate.reconstructions.fidelity import MOST_DB
from dguide.evaluate.reconstructions.judges import judges
from dguide.evaluate.statistics.estimate import Estimate


def test_what_loses_nothing_is_told_so() -> None:
    found = check(Boxes(1), source((150, 60, 240)), repetitions=4, seen=1000)
    values = {each.name: each.value for each in found.estimates}
    assert (values["PSNR"], values["PSNR of pictures"], values["mean error"]) == (MOST_DB, MOST_DB, 0)
    assert values["SSIM"] == pytest.approx(1)
    assert values["Fréchet distance"] == pytest.approx(0, abs=1e-6)
    assert values["Fréchet distance of training pictures"] > 1
    assert [each.name for each in found.classes if each.counts] == list(NAMES)
    assert all(each.apart.value == 0 for each in found.classes)
    assert all(each.real.value > 0.9 for each in found.classes if each.counts)
    assert all(each.apart.value == 0 and each.apart.low < 0 < each.apart.high for each in found.judged)
    assert found.verdict[0].startswith("**What tells the classes survives**")


def test_the_class_that_is_lost_is_named_by_how_much_and_what_to_change() -> None:
    found = check(Boxes(8), source((150, 60, 240)), repetitions=4, seen=1000)
    of = {each.name: each for each in found.classes if each.counts}
    # boxes keep the mean, which tells "dark"; contrasts tell it too, since they tell "crack"
    assert found.verdict[1].startswith("**A part of what tells these classes is lost**: dark: fine texture (forest, ")
    assert "while coarse brightness (forest, box means: 1.00 and 1.00)" in found.verdict[1]
    assert "survives**" not in found.as_markdown()
    assert of["crack"].real.value > 0.95
    assert of["crack"].drawn.value < 0.85  # 0.75 is chance against "good", with "dark" told apart
    assert of["crack"].apart.high < -0.1
    assert found.verdict[0].startswith("**The tokenizer loses what tells these classes**: ")
    assert f"crack, whose area under the ROC curve falls by {-of['crack'].apart.value:.2f} (" in found.verdict[0]
    assert "a smaller factor (now one token stands for 8 x 8 pixels)" in found.verdict[-1]
    page, told = found.as_markdown(), json.loads(found.as_json())
    assert page.startswith(found.verdict[0])
    assert f"| crack | 80 | **{of['crack'].judge}** | " in page
    counting = {each["name"]: each for each in told["classes"] if each["counts"]}
    assert counting["crack"]["apart"]["value"] == of["crack"].apart.value
    assert {each["name"] for each in told["classifiers"]} == {
        "forest, box means",
        "forest, local contrast",
        "small network",
    }
    worst = found.worst[1]
    assert worst.kind == "local error"
    assert all(NAMES[label] == "crack" for label in worst.labels)
    part = source((150, 60, 240)).test.batch(torch.tensor(worst.rows))
    assert torch.equal(worst.real, part)
    assert list(worst.errors) == sorted(worst.errors, reverse=True)


@pytest.mark.parametrize(
    ("fine", "coarse", "first", "words"),
    [
        (
            True,
            False,
            "**The tokenizer loses what tells these classes**: good, whose",
            ["a smaller factor", "pictures of a larger size"],
        ),
        (False, True, "**What tells the classes survives**", []),
        (
            True,
            True,
            "**A part of what tells these classes is lost**: good: fine texture (forest, local contrast), whose area",
            ["while coarse brightness (forest, box means: ", "a smaller factor", "pictures of a larger size"],
        ),
    ],
)
def test_what_any_classifier_loses_is_said(fine: bool, coarse: bool, first: str, words: list[str]) -> None:
    found = check(Boxes(8), two_classes(fine, coarse), repetitions=2, seen=1000)
    text = " ".join(found.verdict)
    assert text.startswith(first), text
    assert all(word in text for word in words), text
    assert ("change" in text) == fine
    assert ("What tells the classes survives" in text) != fine
    told = json.loads(found.as_json())
    falls = {each["classifier"] for each in told["classes"] if each["falls"]}
    survives = {each["sees"] for each in told["classes"] if each["survives"]}
    assert ("forest, local contrast" in falls) == fine
    assert ("coarse brightness" in survives) == coarse
    assert told["verdict"] == list(found.verdict)


def test_a_limit_takes_test_pictures_at_random_and_the_same_seed_gives_the_same() -> None:
    first, again = (check(Boxes(4), source(), limit=40, repetitions=2, seen=64) for _ in range(2))
    assert {each.count for each in first.estimates} == {40}
    assert first.as_json() == again.as_json()


def test_pictures_without_classes_have_figures_but_no_verdict_on_classes() -> None:
    found = check(Boxes(8), source(classes=1), repetitions=4)
    assert (found.judged, found.classes) == ((), ())
    assert found.verdict[0].startswith("**No verdict on classes**")
    assert "(good" not in found.as_markdown()
    assert math.isfinite(found["Fréchet distance"].value)


def test_one_test_picture_and_no_validation_part_are_enough_for_figures() -> None:
    found = check(Boxes(8), source((30, 0, 1)), repetitions=4, seen=64)
    assert found["PSNR"].count == 1
    found.as_json()
    assert found.classes == ()
    assert len(check(Boxes(8), source((30, 0, 12)), repetitions=4, seen=64).classes) == 9


@pytest.mark.parametrize(
    ("tokenizer", "said"),
    [
        (Boxes(8, 64), "pictures of made: got 32 x 32 pixels, grey, expected 64 x 64 pixels, grey, .*size=64"),
        (Boxes(8, 32, 3), "got 32 x 32 pixels, grey, expected 32 x 32 pixels, red, green and blue"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(tokenizer: Boxes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        matched(tokenizer, source())
    with pytest.raises(InputError, match="test pictures of made: got 0"):
        matched(Boxes(8), source((20, 10, 0)))


def seen(name: str, real: float, low: float, high: float) -> Seen:
    area = Estimate("area", real, real - 0.05, min(1.0, real + 0.05), 100)
    apart = Estimate("apart", (low + high) / 2, low, high, 100)
    return Seen(name, "forest", True, 20, area, replace(area, value=real + apart.value), apart, 0.02, 0.1)


def texture(name: str, real: float, low: float, high: float) -> Seen:
    return replace(seen(name, real, low, high), judge="forest, local contrast", counts=False)


SIZES = {"factor": 8, "codes": 512, "used": 500, "tokens": 10_000, "ratio": 3.0}


@pytest.mark.parametrize(
    ("classes", "words", "silent"),
    [
        ([seen("a", 0.9, -0.04, 0.03)], ["What tells the classes survives"], "change"),
        ([seen("a", 0.9, -0.3, -0.1)], ["loses", "a, whose", "falls by 0.20 (0.10 to 0.30) from 0.90"], "survives"),
        ([seen("a", 0.9, -0.3, 0.1)], ["Not shown to survive", "a (by up to 0.30)", "change"], "loses"),
        ([seen("a", 0.52, -0.01, 0.01)], ["No classifier tells a from the others"], "survives"),
        ([seen("a", 0.9, -0.3, -0.1), seen("b", 0.9, -0.01, 0.01)], ["loses", "these classes survives: b"], "No "),
        ([seen("a", math.nan, math.nan, math.nan)], ["too few of them"], "survives"),
        (
            [seen("a", 0.84, -0.04, 0.01), texture("a", 0.88, -0.19, -0.11)],
            ["A part", "a: fine texture", "falls by 0.15 (0.11 to 0.19) from 0.88", "while forest", "a larger size"],
            "survives**",
        ),
        ([seen("a", 0.84, -0.04, 0.01), texture("a", 0.57, -0.19, -0.11)], ["What tells the classes survives"], "part"),
        ([seen("a", 0.84, -0.04, 0.01), texture("a", 0.88, -0.06, -0.01)], ["What tells the classes survives"], "part"),
        ([seen("a", 0.84, -0.04, 0.01), texture("a", 0.88, -0.19, 0.01)], ["What tells the classes survives"], "part"),
    ],
)
def test_the_words_follow_the_intervals(classes: list[Seen], words: list[str], silent: str) -> None:
    text = " ".join(advice(classes, **SIZES))
    assert all(word in text for word in words), text
    assert silent not in text


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({"ratio": 9.0}, "a loss that weighs the worst pixels more"),
        ({"used": 100}, "longer training, since only 20% of the codes"),
        ({}, "a smaller factor"),
        ({"factor": 4}, "more codes (98% of the 512 are used)"),
        ({"factor": 4, "used": 400}, "longer training, or a wider network"),
    ],
)
def test_what_to_change_first_follows_the_figures(changed: dict[str, float], first: str) -> None:
    sizes: dict[str, object] = {**SIZES, **changed}
    assert f"the most likely first: {first}" in list(advice([seen("a", 0.9, -0.3, -0.1)], **sizes))[-1]  # type: ignore[arg-type]
    assert "fewer codes would do" in " ".join(advice([seen("a", 0.9, 0, 0)], **{**SIZES, "used": 10}))


def test_the_small_network_is_that_of_evaluate() -> None:
    made = source((40, 10, 10))
    parts = (made.train, made.validation, made.test)
    splits = [
        Split(torch.zeros(len(part), 1, dtype=torch.int64), labels, images=part)
        for part, labels in zip(parts, made.labels, strict=True)
    ]
    codec = Learnt(made.height, made.width, made.channels, 1, 1, 4, "none", Path())
    features = LearntFeatures.fit(Dataset("made", *splits, codec, (Label(NAMES),)), seen=640, seed=3)
    judge = judges(made.train, made.labels[0], len(NAMES), seen=640, seed=3)[-1]
    assert judge.name == "small network"
    assert torch.allclose(judge.predict(made.test), features.log_probs(made.test).double(), atol=1e-5)
