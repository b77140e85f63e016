"""Bounds are unbiased at any number of noise levels, and their intervals hold."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from dguide.evaluate import likelihood, read
from dguide.evaluate.levels import passes_for
from dguide.process import Masked, Process, Uniform
from studies.coverage.bits import CASES, Independent
from studies.coverage.case import simulate

PROCESSES = [Masked(3), Uniform(3)]
WRONG = torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]], dtype=torch.float64)


def integral(process: Process, clean: torch.Tensor) -> float:
    """The bound of one sequence for the denoiser `WRONG`: all noisy states, at the nodes of Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    states = torch.tensor(list(itertools.product(range(process.input_size), repeat=2)))
    many, total = clean.expand(len(states), -1), 0.0
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        time = process.noise.time(torch.tensor([node**2], dtype=torch.float64))
        law = process.kernel(float(time))[many, states].prod(-1)
        denoiser = Independent(process, WRONG)
        logits = denoiser(states, time.expand(len(states)), torch.zeros(len(states), dtype=torch.int64))
        nats = process.elbo(process.log_probs(logits), many, states, time.expand(len(states))).sum(-1)
        total += weight * 2 * node * float((law * nats).sum())
    return total


@pytest.mark.parametrize("process", PROCESSES, ids=["masked", "uniform"])
@pytest.mark.parametrize(("passes", "count"), [(1, 1), (2, 3), (3, 1)])
def test_bounds_are_unbiased(process: Process, passes: int, count: int) -> None:
    """Of a denoiser that is wrong, so that the levels differ in what they say."""
    clean, label = torch.tensor([0, 1]), torch.zeros(count, dtype=torch.int64)
    figures = [
        likelihood(Independent(process, WRONG), process, clean.expand(count, 2), label, passes=passes, seed=s).bits
        for s in range(800 if passes == 1 else 400)
    ]
    error = np.std(figures) / math.sqrt(len(figures))
    assert abs(np.mean(figures) - integral(process, clean) / 2 / math.log(2)) < 4 * error
    assert error < 0.2


@pytest.mark.parametrize(
    ("figure", "setting", "count", "draws"),
    [
        ("bits per token", "masked, passes 16", 20, 300),
        ("bits per token", "uniform, passes 16", 20, 200),
        ("bits per token", "uniform, passes 4", 200, 200),
        ("log-odds of a sequence", "masked, passes 4", 20, 200),
        ("log-odds of a sequence", "uniform, passes 4", 20, 200),
    ],
)
def test_intervals_hold(figure: str, setting: str, count: int, draws: int) -> None:
    (case,) = (each for each in CASES if (each.figure, each.setting) == (figure, setting))
    found = simulate(case, count, draws)
    assert found.low <= 0.98, found
    assert found.high >= 0.93, found
    assert found.narrowest > 0
    assert found.none == 0


def test_no_interval_where_it_would_not_hold() -> None:
    (case,) = (each for each in CASES if (each.figure, each.setting) == ("bits per token", "uniform, passes 2"))
    assert simulate(case, 20, 3).none == 1
    process, labels = Masked(3), torch.zeros(400, dtype=torch.int64)
    impossible = Independent(process, torch.tensor([[[1.0, 0, 0], [1, 0, 0]]], dtype=torch.float64))
    found = likelihood(impossible, process, torch.ones(400, 2, dtype=torch.int64), labels).estimate()
    assert found.low > 0 or math.isnan(found.low)
    alone = likelihood(impossible, process, torch.zeros(1, 2, dtype=torch.int64), labels[:1], passes=500).estimate()
    assert math.isnan(alone.low)
    assert "no interval" in alone.note


def test_an_infinite_bound_has_no_error_and_spoils_no_other() -> None:
    """Two classes of equal bounds, and sequences that one of three classes cannot be."""
    process, count = Masked(3), 40
    laws = torch.tensor([[[0.7, 0.2, 0.1]], [[0.2, 0.7, 0.1]], [[1.0, 0.0, 0.0]]], dtype=torch.float64)

    def denoiser(tokens: torch.Tensor, time: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return laws[condition].log()

    tokens, classes = torch.arange(count).unsqueeze(1) % 2, [torch.full((count,), label) for label in range(3)]
    found = read(denoiser, process, tokens, classes[1:], passes=4)
    infinite = found.nats.isinf().any(-1)
    assert 0 < infinite.sum() < count
    assert found.error[infinite].isnan().all()
    assert (found.error[~infinite] > 0).all()


@pytest.mark.parametrize(("count", "passes"), [(1, 16), (359, 16), (5_000, 10), (10**6, 8)])
def test_all_reports_use_one_number_of_levels(count: int, passes: int) -> None:
    assert passes_for(count) == passes
