from __future__ import annotations

import dataclasses
import math
from functools import cache

import pytest
import torch
from torch import Tensor

from dguide.data import Split
from dguide.evaluate import Evaluation, PixelFeatures, frechet_distance, image_estimates
from dguide.evaluate.images import estimates as images
from dguide.evaluate.images.matched import SIZED
from tests.evaluate.real import DIGITS, learnt

REAL = DIGITS.test


def judged(tokens: Tensor, labels: Tensor, repetitions: int = 0) -> Evaluation:
    found = image_estimates(DIGITS, tokens, labels, judge=learnt(), repetitions=repetitions)
    return Evaluation("digits", False, found, len(tokens), 0.0)


@cache
def best() -> Evaluation:
    return judged(REAL.tokens, REAL.labels, 100)


def test_held_out_data_are_near_the_best_in_everything() -> None:
    assert len({found.name for found in best().estimates}) == len(best().estimates) == 11
    for found in best().estimates:
        assert found.low <= found.value <= found.high, found.name
        assert found.value == pytest.approx(found.best, rel=0.12, abs=0.002), found.name
        assert found.count == len(REAL)
        assert found.note, found.name
    assert best()["accuracy on the asked class"].value > 0.97
    assert best()["recall"].value > 0.95
    assert best()["coverage"].value == pytest.approx(1 - 2**-5, abs=0.03)
    assert best()["density"].value == pytest.approx(1, abs=0.1)
    assert best()["diversity within a class"].value == pytest.approx(1, abs=0.05)


def test_other_real_data_lie_in_the_intervals() -> None:
    """Half of the training images, judged by the other half: the judge learnt from the one as from the other."""
    order = torch.randperm(len(DIGITS.train), generator=torch.Generator().manual_seed(0))
    dataset = dataclasses.replace(DIGITS, train=DIGITS.train.take(order[:700]), test=DIGITS.train.take(order[700:]))
    split = dataset.test.take(torch.arange(350))
    found = image_estimates(dataset, split.tokens, split.labels, judge=learnt(), repetitions=100)
    outside = [each.name for each in found if not each.low <= each.best <= each.high]
    assert len(outside) <= 2, outside


def test_half_of_the_held_out_images_are_near_the_other_half() -> None:
    """Samples and held-out images that have nothing in common."""
    order = REAL.labels.argsort(stable=True)
    half = REAL.take(order[::2])
    dataset = dataclasses.replace(DIGITS, test=REAL.take(order[1::2]))
    found = image_estimates(dataset, half.tokens, half.labels, judge=learnt(), repetitions=50)
    shown = {each.name: each for each in found}
    assert len(shown) == len(found) == 11
    within = {
        "accuracy on the asked class": 0.04,
        "Fréchet distance": 0.5,
        "kernel distance": 0.02,
        "precision": 0.03,
        "recall": 0.04,
        "density": 0.1,
        "coverage": 0.04,
        "diversity within a class": 0.08,
        "copies of training images": 0,
        "near a training image": 0.02,
        "distance to the nearest training image": 0.08,
    }
    for name, each in shown.items():
        assert each.value == pytest.approx(each.best, abs=within[name]), name
        assert each.low <= each.value <= each.high, name
    assert shown["kernel distance"].value == pytest.approx(0, abs=0.02)
    assert shown["kernel distance"].low < 0 < shown["kernel distance"].high
    assert 150 < shown["Fréchet distance"].count <= len(half)


def test_one_rare_class_is_left_aside_instead_of_all_others() -> None:
    nines = (REAL.labels == 9).nonzero().squeeze(1)
    keep = torch.ones(len(REAL), dtype=torch.bool)
    keep[nines[1:]] = False
    dataset = dataclasses.replace(DIGITS, test=REAL.take(keep))
    found = image_estimates(dataset, REAL.tokens, REAL.labels, judge=learnt(), repetitions=0)
    sized = [each for each in found if each.name in SIZED]
    assert {each.count for each in sized} == {int((REAL.labels != 9).sum())}
    assert {each.note.rpartition("; ")[2] for each in found} == {"left aside, with too little real data: 9"}
    assert all(math.isfinite(each.value) and math.isfinite(each.best) for each in found)
    assert found[0].count == len(REAL)


@pytest.mark.parametrize("held", [0, 1])
def test_too_little_held_out_leaves_what_does_not_need_it(held: int) -> None:
    nines, others = (REAL.take(mask) for mask in (REAL.labels == 9, REAL.labels != 9))
    rows = torch.cat([torch.arange(len(others)), len(others) + torch.arange(held)])
    both = Split(torch.cat([others.tokens, nines.tokens]), torch.cat([others.labels, nines.labels]))
    dataset = dataclasses.replace(DIGITS, test=both.take(rows))
    found = image_estimates(dataset, nines.tokens, nines.labels, judge=learnt(), repetitions=10)
    assert len(found) == 11
    for each in found:
        if each.name in SIZED:
            assert math.isnan(each.value)
            assert "more than 5 held-out" in each.note
        else:
            # Nothing held out, hence no training images beside it either.
            assert math.isfinite(each.value) == (each.name != "diversity within a class" or held > 0), each.name
    assert found[0].value > 0.9


def test_images_that_nothing_was_told_of_are_compared_with_images_of_all_classes() -> None:
    """Half of the images were asked for as zeros, half as anything: neither takes the place of the other."""
    zeros, others = REAL.take(REAL.labels == 0), REAL.some(len(REAL), seed=1)
    others = others.take(others.labels != 0).take(torch.arange(len(zeros)))
    tokens = torch.cat([zeros.tokens, others.tokens])
    labels = torch.cat([torch.zeros(len(zeros)), torch.full((len(others),), 10)]).long()
    found = judged(tokens, labels)
    assert found["accuracy on the asked class"].best > 0.97
    assert found["accuracy on the asked class"].count == len(zeros)
    count = found["Fréchet distance"].count
    assert 1.6 * len(zeros) < count < 2 * len(zeros)
    assert found["Fréchet distance"].value < 2 * found["Fréchet distance"].best


def test_shuffled_labels_are_at_chance_and_classes_look_too_diverse() -> None:
    order = torch.randperm(len(REAL), generator=torch.Generator().manual_seed(0))
    found = judged(REAL.tokens, REAL.labels[order])
    accuracy = found["accuracy on the asked class"]
    assert accuracy.low < 0.1 < accuracy.high
    assert found["diversity within a class"].value > 1.5
    for name in ("precision", "density", "distance to the nearest training image"):
        assert found[name].value == best()[name].value, "labels play no part"


def test_noise_is_far_from_everything() -> None:
    tokens = torch.randint(0, 16, (200, 64), generator=torch.Generator().manual_seed(0))
    found = judged(tokens, torch.arange(200) % 10)
    assert found["accuracy on the asked class"].value < 0.2
    assert found["Fréchet distance"].value > 20
    assert found["kernel distance"].value > 0.5
    assert max(found[name].value for name in ("recall", "coverage", "density")) < 0.1
    assert found["distance to the nearest training image"].value > 2


def test_one_image_for_each_class_is_precise_and_nothing_else() -> None:
    first = torch.stack([REAL.tokens[REAL.labels == k][0] for k in range(10)])
    labels = torch.arange(200) % 10
    found = judged(first[labels], labels)
    assert found["accuracy on the asked class"].value > 0.8
    assert found["precision"].value > 0.7
    assert found["diversity within a class"].value == 0
    assert found["coverage"].value < 0.3
    assert found["recall"].value < 0.3


def test_copies_of_training_images_are_told() -> None:
    found = judged(DIGITS.train.tokens[:200], DIGITS.train.labels[:200])
    assert found["copies of training images"].value == 1
    assert found["near a training image"].value == 1
    assert found["distance to the nearest training image"].value == 0
    assert found["precision"].value > 0.9, "which is what nothing else here tells"


def test_copies_are_near_where_held_out_images_are_copies_too() -> None:
    train = DIGITS.train
    tokens = REAL.tokens.clone()
    for k in range(10):
        tokens[(REAL.labels == k).nonzero()[:8, 0]] = train.tokens[train.labels == k][:8]
    dataset = dataclasses.replace(DIGITS, test=Split(tokens, REAL.labels))
    found = image_estimates(dataset, train.tokens[:200], train.labels[:200], judge=learnt(), repetitions=0)
    near, copied = (next(each for each in found if each.name.startswith(name)) for name in ("near", "copies"))
    assert near.value == copied.value == 1
    assert copied.best == pytest.approx(80 / len(REAL), rel=0.2)
    assert near.best == pytest.approx(copied.best, abs=0.03)  # and about 1 % of the others


def test_real_images_are_taken_of_the_classes_asked_for() -> None:
    threes = REAL.labels == 3
    found = judged(REAL.tokens[threes], REAL.labels[threes])
    assert found["Fréchet distance"].value == pytest.approx(found["Fréchet distance"].best)
    to_all = frechet_distance(learnt()(DIGITS.train.tokens), learnt()(REAL.tokens[threes]))
    assert found["Fréchet distance"].value < to_all / 5
    assert found["coverage"].value > 0.9


def test_more_samples_than_held_out_images_are_compared_in_equal_numbers() -> None:
    twice = torch.cat((REAL.tokens, REAL.tokens))
    found = judged(twice, torch.cat((REAL.labels, REAL.labels)))
    assert found.samples == 2 * len(REAL)
    for each in found.estimates:
        depends = each.name in ("Fréchet distance", "kernel distance", "precision", "recall", "density", "coverage")
        assert each.count == (len(REAL) if depends else 2 * len(REAL)), each.name


def test_diversity_is_of_no_more_images_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST", 150)
    found = judged(REAL.tokens, REAL.labels)["diversity within a class"]
    assert found.count == 150
    assert found.value == pytest.approx(best()["diversity within a class"].value, abs=0.1)


def test_labels_that_were_not_told_have_no_accuracy() -> None:
    found = judged(REAL.tokens, torch.full_like(REAL.labels, 10))
    assert found.estimates[0].name == "Fréchet distance"
    assert math.isnan(found["diversity within a class"].value)
    assert found["coverage"].value > 0.9


def test_every_figure_names_its_features() -> None:
    found = image_estimates(
        DIGITS, REAL.tokens, REAL.labels, judge=learnt(), features=PixelFeatures.of(DIGITS), repetitions=0
    )
    shown = {each.name: each.note for each in found}
    assert shown["Fréchet distance"] == shown["diversity within a class"] == "pixels"
    assert shown["recall"] == "pixels, k = 5"
    assert best()["Fréchet distance"].note == "learnt features, seed 0"
    assert best()["Fréchet distance"].value != found[1].value


def test_depends_on_the_seed_alone() -> None:
    tokens, labels = REAL.tokens[:100], REAL.labels[:100]
    before = torch.random.get_rng_state()
    one, same, other = (
        image_estimates(DIGITS, tokens, labels, judge=learnt(), repetitions=10, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert one == same != other


def test_images_that_cannot_be_judged() -> None:
    tokens, labels = REAL.tokens, REAL.labels
    for arguments, words in (
        ((tokens[:, :60], labels), "a last dimension of 64"),
        ((tokens + 1, labels), "values from 0 to 15"),
        ((tokens, labels[:-1]), "one for each"),
        ((tokens, labels + 2), "from 0 to 9, or 10 for not given"),
        ((tokens[:5], labels[:5]), "samples: got 5, expected at least 6"),
        ((tokens[:0], labels[:0]), "expected at least one"),
    ):
        with pytest.raises(ValueError, match=words):
            image_estimates(DIGITS, *arguments, judge=learnt(), repetitions=0)
