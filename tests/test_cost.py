"""What a run will cost is said while it begins, and what makes it cheaper if too few steps fit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dguide.data import Dataset, load
from dguide.train import TrainConfig
from dguide.train.cost import FEW, told


def maps(folder: Path, side: int) -> str:
    """Data of images of `side` x `side`, whose size can be chosen."""
    path = folder / f"{side}.npz"
    np.savez(path, maps=np.random.default_rng(0).integers(3, size=(40, side, side)), kinds=np.arange(40) % 2)
    return f"npz:{path}"


def lines(dataset: Dataset, seconds: float, done: int = 2, spent: float = 0.0, **settings: Any) -> list[str]:
    return told(TrainConfig(out=Path("x"), **settings), dataset, seconds, done, spent, last=0.0)


def test_minutes_are_told_in_steps_and_few_of_them_with_what_makes_more(tmp_path: Path) -> None:
    name = maps(tmp_path, 32)
    data = load(name)
    first, few = lines(data, 2.0, data=name, minutes=10, evaluate_every=10**6)
    steps = 2 + 10 * 60 / 2  # what evaluations take is counted too, but they are rare here
    assert f"2 s a step of 64 sequences of 1,024 tokens: about {steps:,.0f} steps in 10 min, " in first
    assert f"{steps * 64 / len(data.train):,.0f} times through the data" in first
    assert f"fewer than {FEW} steps" in few
    assert f"size=16 has 256 tokens, and at least {4 * steps:,.0f} steps fit" in few
    assert f"A batch size of 16: about {4 * steps:,.0f}" in few
    assert f"--minutes {math.ceil(FEW * 2 / 60)}: about {FEW} steps" in few
    assert f"{2 * 4 / len(data.train):.2g} times" in lines(data, 200.0, data=name, minutes=1, batch_size=4)[0]
    assert len(lines(data, 2.0, data=name, minutes=60, evaluate_every=10**6)) == 1
    digits = lines(load("digits"), 2.0, data="digits", minutes=10)[1]
    assert "size=" not in digits  # of which nobody chooses the size
    assert "batch size of 16" in digits
    assert "batch size" not in lines(load("digits"), 9.0, data="digits", minutes=10, batch_size=8)[1]


@pytest.mark.parametrize(
    ("seconds", "done", "spent", "last"),
    [(0.1, 2, 0.0, 0.0), (0.1, 2, 40.0, 20.0), (0.3, 700, 9.0, 1e4), (2, 2, 5, 600)],
)
def test_few_steps_fit_in_the_minutes_that_are_told_and_not_in_one_less(
    seconds: float, done: int, spent: float, last: float
) -> None:
    def told_for(minutes: float) -> list[str]:
        config = TrainConfig(out=Path("x"), data="digits", minutes=minutes, evaluate_every=100)
        return told(config, load("digits"), seconds, done, spent, last)

    found = re.search(r"--minutes ([\d,]+): about 800 steps\.$", told_for(0.02)[1])
    assert found
    enough = int(found[1].replace(",", ""))
    assert len(told_for(enough)) == 1
    assert enough == 1 or len(told_for(enough - 1)) == 2


def test_steps_are_told_in_time_with_the_evaluations() -> None:
    digits = load("digits")
    rare, often = (
        lines(digits, 0.5, data="digits", steps=1002, evaluate_every=every, evaluate_passes=8) for every in (10**6, 10)
    )
    assert rare == [
        "0.5 s a step of 64 sequences of 64 tokens: the other 1,000 of 1,002 steps take about 8 min 20 s, "
        "51 times through the data"
    ]
    assert "take about 14 min 45 s" in often[0]  # 100 evaluations of 8 x 185 sequences, each a third of one in a step


def test_a_run_says_it_once_and_early(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    small = ["--width", 8, "--layers", 1, "--heads", 2, "--batch-size", 4, "--evaluate-passes", 1, "--device", "cpu"]
    for length in (["--steps", 30], ["--minutes", 0.02]):
        out = tmp_path / length[0]
        status, _, err = run("train", "--out", out, "--data", maps(tmp_path, 16), *length, *small)
        assert status == 0
        assert err.count("a step of 4 sequences of 256 tokens") == 1
        assert err.index("a step of 4") < err.index("validation")
        assert ("size=8 has 64 tokens" in err) == (length[0] == "--minutes")


@pytest.mark.parametrize(("name", "words"), [("npz", "4 times as long as one of digits"), ("digits", "")])
def test_data_say_what_their_tokens_cost(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, name: str, words: str
) -> None:
    out = run("data", maps(tmp_path, 16) if name == "npz" else name)[1]
    assert ("size=8 has 64 tokens" in out) == (words in out and "a step of training" in out) == (name == "npz")
