from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from dguide.data import load
from dguide.data.sets.wafer import FAILED, OUTSIDE, PATTERNS, wafer_map
from tests.data.loaders import whole

SIZE = 24
Y, X = np.mgrid[:SIZE, :SIZE] * 2 / SIZE + 1 / SIZE - 1
RADIUS = np.hypot(X, Y)
INSIDE = RADIUS <= 1


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own: what is tested is made here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def maps(pattern: str, count: int = 200, noise: float = 0.0) -> NDArray[np.uint8]:
    return np.stack([wafer_map(pattern, SIZE, noise, np.random.default_rng((7, i))) for i in range(count)])


def share(pattern: str) -> NDArray[Any]:
    """Share of failed dies of each map."""
    return (maps(pattern) == FAILED)[:, INSIDE].mean(1)


def radii(pattern: str) -> NDArray[Any]:
    """Distances of the failed dies of all maps from the middle."""
    failed = maps(pattern) == FAILED
    return np.broadcast_to(RADIUS, failed.shape)[failed]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_nothing_fails_outside_and_only_there_is_no_die(pattern: str) -> None:
    found = maps(pattern, 20, 0.1)
    assert (found[:, ~INSIDE] == OUTSIDE).all()
    assert (found[:, INSIDE] != OUTSIDE).all()


def test_without_a_pattern_dies_fail_at_the_rate_of_the_noise() -> None:
    failed = (maps("None", 200, 0.03) == FAILED)[:, INSIDE]
    assert failed.mean() == pytest.approx(0.03, abs=4 * (0.03 * 0.97 / failed.size) ** 0.5)
    assert share("None").max() == 0


def test_noise_adds_to_a_pattern_as_independent_failures() -> None:
    """1 - (1 - e)(1 - p): half of the dies that a pattern spares fail at noise 0.5."""
    clean, noisy = share("Donut").mean(), (maps("Donut", 200, 0.5) == FAILED)[:, INSIDE].mean()
    assert noisy == pytest.approx(1 - 0.5 * (1 - clean), abs=0.01)


def test_how_much_fails() -> None:
    limits = {
        "Center": (0.02, 0.2),
        "Donut": (0.1, 0.4),
        "Edge-Loc": (0.01, 0.15),
        "Edge-Ring": (0.08, 0.35),
        "Loc": (0.01, 0.1),
        "Near-full": (0.7, 1.0),
        "Random": (0.1, 0.45),
        "Scratch": (0.005, 0.12),
    }
    for pattern, (low, high) in limits.items():
        assert low < np.quantile(share(pattern), 0.1), pattern
        assert np.quantile(share(pattern), 0.9) < high, pattern


def test_where_it_fails() -> None:
    assert np.quantile(radii("Center"), 0.95) < 0.5
    assert np.quantile(radii("Edge-Ring"), 0.05) > 0.75
    assert np.quantile(radii("Edge-Loc"), 0.1) > 0.6
    assert 0.25 < np.quantile(radii("Donut"), 0.05) < np.quantile(radii("Donut"), 0.95) < 0.8
    middle = (maps("Donut") == FAILED)[:, RADIUS < 0.15].mean()
    assert middle < 0.05
    for pattern in ("Near-full", "Random"):  # as uniform on the disc as the dies are
        assert radii(pattern).mean() == pytest.approx(RADIUS[INSIDE].mean(), abs=0.01)


def test_a_part_of_the_edge_lies_in_any_direction_but_in_one_at_a_time() -> None:
    failed = maps("Edge-Loc") == FAILED
    directions = [np.exp(1j * np.arctan2(Y, X)[one]).mean() for one in failed]
    assert np.abs(directions).min() > 0.5
    assert abs(np.mean([d / abs(d) for d in directions])) < 0.25


def test_a_scratch_is_thin() -> None:
    """Few of its dies have four failed neighbours, as most of a disc's have."""
    for pattern, low, high in (("Scratch", 0.0, 0.12), ("Center", 0.2, 1.0)):
        failed = np.pad(maps(pattern) == FAILED, ((0, 0), (1, 1), (1, 1)))
        rolled = [np.roll(failed, step, axis) for step in (-1, 1) for axis in (1, 2)]
        assert low <= (np.all(rolled, 0) & failed).sum() / failed.sum() < high


def test_a_set_is_balanced_or_as_unbalanced_as_asked() -> None:
    even = load("wafer:size=12,count=450")
    assert whole(even).labels.bincount().tolist() == [50] * 9
    assert even.test.labels.bincount().tolist()[1:] == [10] * 8  # some maps without a pattern are equal
    assert even.synthetic
    uneven = load("wafer:size=12,count=900,imbalance=20.0")
    counts = whole(uneven).labels.bincount().tolist()
    assert sum(counts) == 900
    assert counts == sorted(counts, reverse=True)
    assert counts[0] / counts[-1] == pytest.approx(20, rel=0.05)
    assert uneven.name == "wafer:size=12,count=900,imbalance=20.0"


def test_a_map_is_a_function_of_seed_and_number_alone() -> None:
    small, large = load("wafer:size=12,count=90"), load("wafer:size=12,count=900")
    of_small = whole(small).tokens
    of_large = whole(large).tokens.unique(dim=0)
    seen = {tuple(row) for row in of_large.tolist()}
    assert all(tuple(row) in seen for row in of_small.tolist())
    other = load("wafer:size=12,count=90,seed=1")
    assert not torch.equal(other.train.tokens, small.train.tokens)


def test_classes_can_be_told_apart_and_shuffled_ones_cannot() -> None:
    data = load("wafer:count=1800")
    judge = LogisticRegression(C=0.1, max_iter=300)
    features = [_profile(split.tokens) for split in (data.train, data.test)]
    judge.fit(features[0], data.train.labels)
    assert judge.score(features[1], data.test.labels) > 0.8
    shuffled = data.train.labels[torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))]
    assert judge.fit(features[0], shuffled).score(features[1], data.test.labels) < 0.25


def _profile(tokens: torch.Tensor) -> NDArray[Any]:
    """Share of failures in eight rings, and how one-sided each ring is."""
    failed = (tokens.numpy() == FAILED).reshape(-1, SIZE, SIZE)
    rings = [INSIDE & (k / 8 <= RADIUS) & ((k + 1) / 8 > RADIUS) for k in range(8)]
    direction = np.exp(1j * np.arctan2(Y, X))
    shares = [failed[:, ring].mean(1) for ring in rings]
    sides = [np.abs((failed * direction)[:, ring].mean(1)) for ring in rings]
    return 10 * np.stack(shares + sides, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("size=7", "at least 8"),
        ("noise=1", "0 to below 1"),
        ("noise=-0.1", "0 to below 1"),
        ("imbalance=0.5", "at least 1"),
        ("imbalance=inf", "finite"),
        ("imbalance=nan", "at least 1"),
        ("count=17", "two maps of each of 9"),
        ("count=100,imbalance=1000", "imbalance 1000"),
        ("seed=-1", "at least 0"),
    ],
)
def test_settings_that_are_none_are_refused(options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(f"wafer:{options}")
