"""Steps with several stages: agreement with the step matrix, limits of size, propagated predictions."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from helpers import law_on_data
from judge import COND, UNCOND, distance

from dguide import Ancestral, Euler, Masked, Normalized, RampUp, Simple, Trapezoidal, Uniform, Unlocking
from dguide.exact import Problem, chain
from dguide.exact.predictions import Predictions
from dguide.exact.space import Space
from dguide.exact.stages import advanced


@pytest.mark.parametrize("process", [Masked(3), Uniform(3)], ids=["masked", "uniform"])
@pytest.mark.parametrize("guidance", [Normalized(RampUp(2.0)), Unlocking(1.0), Simple(1.0)], ids=str)
@pytest.mark.parametrize("sampler", [Ancestral(3), Euler(3)], ids=str)
def test_one_stage_is_the_step_matrix(process, guidance, sampler) -> None:
    problem = Problem(process, COND, UNCOND)
    space = Space.of(process, 2)
    predictions, law = Predictions(space, problem.oracle()), space.prior()
    times = sampler.times(process)
    for time, earlier in pairwise(times):
        law = advanced(law, space, predictions, guidance, sampler.stages(process, guidance, time, earlier))
    assert distance(space.data_law(law), chain(problem, guidance, sampler)) < 1e-13


def test_too_many_pairs_are_refused() -> None:
    table = torch.full([3] * 8, 3.0**-8, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"exact\.chain: got .* transitions in a step"):
        chain(Problem(Masked(3), table, table), Normalized(1.0), Trapezoidal(4))


@pytest.mark.parametrize("process", [Masked(4), Masked(4, mask_id=1), Uniform(4)], ids=str)
def test_a_prediction_is_carried_by_bayes_rule(process) -> None:
    """One position, so other positions give no information: the exact prediction at another time."""
    law = law_on_data(process, 1, seed=3)
    oracle = Problem(process, law, law).oracle()
    noisy = torch.arange(process.input_size)[process.movable(torch.arange(process.input_size))]
    for t, s in ((1.0, 0.4), (0.8, 0.3), (0.3, 0.02)):
        before, after = (oracle.log_probs(noisy.unsqueeze(-1), x, 0).squeeze(1) for x in (t, s))
        times = torch.tensor((t, s), dtype=torch.float64)
        torch.testing.assert_close(process.propagated(noisy, times[0], times[1], before).exp(), after.exp())
