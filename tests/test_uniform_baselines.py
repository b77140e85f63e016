"""The baselines of the uniform process are no straw men: they draw the laws that they should."""

from __future__ import annotations

import pytest
import torch
from helpers import chi_square, law_on_data

from benchmarks import uniform, uniform_baselines
from benchmarks.common import Shape
from dguide import Ancestral, Euler, Simple, Uniform, Unlocking
from dguide.exact import Problem, chain, solve

VOCAB, POSITIONS, COUNT, STEPS, WEIGHT = 3, 2, 40_000, 3, 1.0
CASES = {
    "plug-in": ("leave-one-out", Simple(WEIGHT), Ancestral(STEPS)),
    "euler": ("posterior", Unlocking(WEIGHT), Euler(STEPS)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_baseline_has_the_law_of_its_chain(name: str) -> None:
    prediction, guidance, sampler = CASES[name]
    process = Uniform(VOCAB, prediction=prediction)
    problem = Problem(process, *(law_on_data(process, POSITIONS, seed, sharpness=0.8) for seed in (7, 8)))
    law = chain(problem, guidance, sampler)
    assert 0.5 * float((law - solve(problem, Unlocking(WEIGHT)).final).abs().sum()) > 0.05, "too easy a problem"
    torch.manual_seed(0)
    oracle, labels = problem.oracle(), torch.zeros(COUNT, dtype=torch.int64)
    step = uniform_baselines.BASELINES[name]
    tokens = uniform_baselines.run(step, oracle, labels, POSITIONS, VOCAB, STEPS, WEIGHT)
    drawn = torch.bincount(tokens[:, 0] * VOCAB + tokens[:, 1], minlength=VOCAB**POSITIONS)
    assert chi_square(drawn, law) > 1e-3


def test_everything_is_measured() -> None:
    shape = Shape("tiny", batch=2, length=4, vocab=11, mask=11, steps=3)
    found = uniform.measure(shape, repeats=1)
    assert len(found["reads"]) == 9 + len(uniform_baselines.BASELINES)
    assert min(found["seconds"].values()) > 0
