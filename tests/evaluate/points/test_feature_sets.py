from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from dguide.data import Dataset, Label, Pixels, Split, Strings
from dguide.errors import MissingExtra
from dguide.evaluate import InceptionFeatures, LearntFeatures, PixelFeatures
from tests.evaluate.real import DIGITS, learnt

WORDS = Dataset(
    "words",
    *3 * [Split(torch.zeros(4, 3, dtype=torch.int64), torch.zeros(4, dtype=torch.int64))],
    Strings(("<begin>", "<end>", "<pad>", "a"), 3),
    (Label(("x", "y")),),
)


def test_the_judge_knows_digits_it_has_not_seen() -> None:
    real, judge = DIGITS.test, learnt()
    assert judge.held_out.value > 0.97
    assert judge.held_out.count == len(real)
    assert float((judge.classes(real.tokens) == real.labels).double().mean()) == judge.held_out.value


def test_features_are_centred_and_scaled_by_one_number() -> None:
    points = learnt()(DIGITS.train.tokens)
    assert points.shape == (len(DIGITS.train), LearntFeatures.width)
    assert points.mean(0) == pytest.approx(0, abs=1e-6)
    assert points.var(0).sum() == pytest.approx(LearntFeatures.width)
    assert points.var(0).std() > 0.1


def test_features_bring_classes_apart() -> None:
    """More of the spread lies between classes than in pixels."""

    def between(points: np.ndarray) -> float:
        labels = DIGITS.test.labels.numpy()
        within = sum(points[labels == k].var(0).sum() * (labels == k).mean() for k in range(10))
        return float(1 - within / points.var(0).sum())

    assert between(learnt()(DIGITS.test.tokens)) > 1.3 * between(PixelFeatures.of(DIGITS)(DIGITS.test.tokens))


def test_learning_depends_on_the_seed_alone() -> None:
    before, tokens = torch.random.get_rng_state(), DIGITS.test.tokens[:50]
    one, same, other = (LearntFeatures.fit(DIGITS, seen=640, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert (one(tokens) == same(tokens)).all()
    assert (one(tokens) != other(tokens)).any()
    assert one.name != other.name


def test_colours_are_seen_one_by_one() -> None:
    """Stripes of two colours of the same brightness, told apart by their order alone."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    left = labels[:, None, None].expand(-1, 6, 3)
    tokens = torch.cat((left, 1 - left), 2).flatten(1)
    noisy = torch.where(torch.rand(tokens.shape, generator=generator) < 0.1, 2, tokens)
    split = Split(noisy, labels)
    dataset = Dataset(
        "flags", split, split, split, Pixels(6, 6, ("#ff0000", "#008200", "#000000")), (Label(("a", "b")),)
    )
    judge = LearntFeatures.fit(dataset, seen=1280)
    assert judge.held_out.value > 0.99
    assert PixelFeatures.of(dataset)(noisy).shape == (200, 108)


def test_a_network_that_sees_no_difference_has_features_at_zero() -> None:
    split = Split(torch.zeros(70, 36, dtype=torch.int64), torch.arange(70) % 2)
    dataset = Dataset("black", split, split, split, Pixels(6, 6, ("#000000", "#ffffff")), (Label(("a", "b")),))
    points = LearntFeatures.fit(dataset, seen=64)(split.tokens)
    assert np.abs(points).max() < 1e-5


def test_inception_is_shown_colours_as_bytes() -> None:
    shown = []

    def network(images: torch.Tensor) -> tuple[torch.Tensor]:
        assert images.dtype == torch.uint8
        assert images.shape[1:] == (3, 2, 3)
        assert images.is_contiguous()
        shown.append(len(images))
        return (images.flatten(1).float(),)

    tokens = torch.tensor([[0, 1, 2, 2, 1, 0]]).repeat(70, 1)
    points = InceptionFeatures(Pixels(2, 3, ("#ff0000", "#008200", "#000001")), network)(tokens)
    assert shown == [64, 6]
    assert points.dtype == np.float64
    red, green, blue = points[69].reshape(3, 2, 3).tolist()
    assert red == [[255, 0, 0], [0, 0, 255]]
    assert green == [[0, 130, 0], [0, 130, 0]]
    assert blue == [[0, 0, 1], [1, 0, 0]]


def test_strings_are_no_images() -> None:
    for make in (PixelFeatures.of, LearntFeatures.fit, lambda data: InceptionFeatures.of(data, "x.pth")):
        with pytest.raises(ValueError, match="words, whose sequences are no images"):
            make(WORDS)


class Run:
    """What a hostile file does when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("done",)


def test_weights_of_inception_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="nothing is downloaded here"):
        InceptionFeatures.of(DIGITS, tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"a": Run()}, tmp_path / "hostile.pth")
    for name in ("text.pth", "hostile.pth"):
        with pytest.raises(ValueError, match="expected the Inception weights of torch-fidelity"):
            InceptionFeatures.of(DIGITS, tmp_path / name)
    assert not (tmp_path / "done").exists()


def test_other_weights_are_refused_whether_torch_fidelity_can_be_imported_or_not(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises((ValueError, MissingExtra), match=r"torch.fidelity"):
        InceptionFeatures.of(DIGITS, tmp_path / "other.pth")
