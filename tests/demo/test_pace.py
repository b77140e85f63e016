from __future__ import annotations

import pytest
import torch

from dguide import Constant, Normalized, RampUp, Unlocking
from dguide.demo.pace import pace, problem


def test_the_problem_is_what_it_says():
    small = problem(tokens=3, length=2, contrast=1.0)
    cond, uncond = small.cond, small.uncond
    e = torch.e
    one = torch.tensor([e, 1, 1], dtype=torch.float64) / (e + 2)
    assert torch.allclose(cond, torch.outer(one, one))
    assert torch.allclose(uncond.sum(), torch.ones((), dtype=torch.float64))
    assert torch.allclose(uncond, uncond.T)
    assert torch.allclose(uncond.sum(0), torch.full((3,), 1 / 3, dtype=torch.float64))


@pytest.mark.parametrize("guidance", [Normalized(2.0), Unlocking(2.0), Unlocking(RampUp(4.0))], ids=str)
def test_samples_follow_the_theory(guidance):
    curve = pace(guidance, 3000, seed=1)
    theory = torch.stack([curve.theory[(curve.times - t).abs().argmin()] for t in curve.at])
    assert float(((curve.measured - theory).abs() / curve.error).max()) < 4


def test_normalized_keeps_the_pace_and_unlocking_does_not():
    kept, lost = pace(Normalized(Constant(2.0)), 10), pace(Unlocking(Constant(2.0)), 10)
    assert torch.allclose(kept.theory, kept.times, atol=1e-6)
    middle = (lost.times - 0.8).abs().argmin()
    assert float(lost.theory[middle]) < 0.6
