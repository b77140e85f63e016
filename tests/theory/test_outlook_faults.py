"""Figures of an outlook whose faults no other test saw: those of factors and of means."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dguide import Masked
from dguide.exact import Problem
from dguide.theory.outlook import Outlook, outlook

EVEN = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 0]])  # each token is half of the held-out ones, wherever masks are
LABELS = torch.zeros(2, dtype=torch.int64)


class Biased:
    """Predicts two tokens of the same probability, with an error of e / 2 with the condition and -e / 2 without."""

    time_dependent = False

    def __init__(self, error: float) -> None:
        self.error = error

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        side = self.error * (0.5 - condition.double()).view(-1, 1, 1)
        return side * torch.tensor([0.5, -0.5]).expand(*tokens.shape, 2) * 2

    def null(self, condition: Tensor) -> Tensor:
        return torch.ones_like(condition)


def looked_at(error: float, *levels: float) -> Outlook:
    return outlook(Biased(error), Masked(2), EVEN, LABELS, weight=1.0, levels=levels)


def test_what_is_claimed_too_much_tells_the_error_of_the_log_ratio() -> None:
    for error in (0.02, 0.1):
        (signals,) = looked_at(error, 1.0).levels
        assert signals.confirmed == pytest.approx(0, abs=1e-12)
        assert signals.overclaim == pytest.approx(error, rel=1e-3)  # the log-ratio has e and -e, where it should have 0


def test_a_step_is_a_share_of_the_noise_that_is_left() -> None:
    for signals in looked_at(0.5, 1.0, 0.5).levels:
        masks, share = 4 * signals.level, 1 / (8 * signals.level)
        normalized, unlocking = signals.leaving(8)
        assert normalized == pytest.approx(masks * share)
        assert unlocking == pytest.approx(masks * (1 - (1 - share) ** math.exp(signals.log_z)))  # one Z_w everywhere
        assert unlocking > normalized


def test_the_mean_of_a_signal_is_over_the_noise_levels() -> None:
    found = looked_at(0.5, 1.0, 0.5, 0.75)
    assert found.mean(lambda signals: signals.level) == pytest.approx(0.75)
    assert found.mean(lambda signals: 3.0) == pytest.approx(3.0)


def test_dependence_is_the_total_variation_that_a_filled_position_makes() -> None:
    """Summed by hand over both tokens of both positions, which are not alike."""
    cond = torch.tensor([[0.5, 0.1], [0.3, 0.1]], dtype=torch.float64)
    problem = Problem(Masked(2), cond, torch.full((2, 2), 0.25, dtype=torch.float64))  # so the tilted law is p_c^2

    def tilted(law: Tensor) -> Tensor:
        return law.square() / law.square().sum(-1, keepdim=True)

    moved = []
    for joint in (cond, cond.T):
        first, other = tilted(joint.sum(1)), tilted(joint.sum(0))
        after = tilted(joint / joint.sum(1, keepdim=True))
        moved.append(float((first * (after - other).abs().sum(1) / 2).sum()))
    assert moved[0] != pytest.approx(moved[1], rel=0.05)
    tokens, labels = torch.zeros(4000, 2, dtype=torch.int64), torch.zeros(4000, dtype=torch.int64)
    (signals,) = outlook(
        problem.oracle(), problem.process, tokens, labels, weight=1.0, levels=[1.0], sequences=4000
    ).levels
    assert signals.dependence == pytest.approx(sum(moved) / 2, rel=0.03)
