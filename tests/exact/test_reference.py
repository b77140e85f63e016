"""`exact.solve` against a dense generator that is built state by state and integrated by other methods (`dense.py`)."""

from __future__ import annotations

import pytest
import torch
from dense import at_levels, data, generator, prior, stepped
from helpers import table
from judge import COND, COND3, UNCOND, UNCOND3, distance

from dguide import InverseLinear, Masked, Normalized, Piecewise, RampUp, Uniform, Unlocking, exact, noise
from dguide.process import Process

LEVELS = [1.0, 0.9, 0.5, 0.1, 0.01, 0.0]
every_mechanism = pytest.mark.parametrize("mechanism", [Normalized, Unlocking])


def mixed(process: Process, d: int, seed: int) -> exact.Problem:
    """Random tables. The class is a fifth of the reference. A mask that is a column has probability 0."""
    laws = [table(process.vocab_size, d, seed + k) for k in range(2)]
    keep = process.data_logits(torch.zeros(process.vocab_size)).isfinite().double()
    for i in range(d):
        laws = [(law.movedim(i, -1) * keep).movedim(-1, i) for law in laws]
    cond, rest = (law / law.sum() for law in laws)
    return exact.Problem(process, cond, 0.2 * cond + 0.8 * rest)


def masked_fraction(problem: exact.Problem, laws: torch.Tensor) -> torch.Tensor:
    size, d = problem.process.input_size, problem.positions
    tokens = torch.cartesian_prod(*[torch.arange(size)] * d).view(-1, d)
    return laws @ problem.process.unfinished(tokens).double().mean(1)


@every_mechanism
@pytest.mark.parametrize(
    ("problem", "w"),
    [
        (exact.Problem(Masked(3), COND, UNCOND), 3.0),
        (exact.Problem(Masked(3), COND, UNCOND), -0.5),
        (exact.Problem(Masked(2), COND3, UNCOND3), 6.0),
        (mixed(Masked(7, noise=noise.Cosine()), 2, 1), 1.5),
        (mixed(Masked(3), 3, 2), 2.0),
        (mixed(Masked(4, mask_id=1), 2, 3), 1.0),
        (mixed(Masked(1 + 1), 1, 4), 4.0),
    ],
    ids=["judge", "judge, w < 0", "three", "wide", "64 states", "mask is a column", "one"],
)
def test_masked_at_constant_weight(problem, w, mechanism):
    laws = at_levels(problem, mechanism(w), LEVELS)
    times = problem.process.noise.time(torch.tensor(LEVELS, dtype=torch.float64))
    solution = exact.solve(problem, mechanism(w), times=times, tolerance=1e-12)
    assert distance(solution.final, data(problem, laws[-1])) < 1e-10
    torch.testing.assert_close(solution.masked_fraction[:-1], masked_fraction(problem, laws)[:-1], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "guidance",
    [
        Normalized(RampUp(3.0, 0.2, 0.5)),
        Unlocking(RampUp(3.0, 0.2, 0.5)),
        Unlocking(InverseLinear(2.0)),
        Unlocking(Piecewise(((0, 3), (0.3, 1), (0.3, -0.5), (1, 2)))),
    ],
    ids=lambda guidance: f"{type(guidance).__name__} {guidance.weight}",
)
def test_masked_under_a_schedule(guidance):
    problem = exact.Problem(Masked(2), COND3, UNCOND3)
    expected = data(problem, stepped(problem, guidance))
    assert distance(exact.solve(problem, guidance, tolerance=1e-12).final, expected) < 1e-9


@pytest.mark.parametrize(
    ("problem", "guidance"),
    [
        (exact.Problem(Uniform(3), COND, UNCOND), Normalized(1.5)),
        (exact.Problem(Uniform(3), COND, UNCOND), Unlocking(RampUp(3.0, 0.2, 0.5))),
        (mixed(Uniform(3), 3, 5), Unlocking(1.0)),
        (mixed(Uniform(4, noise=noise.Cosine()), 2, 6), Normalized(InverseLinear(1.0))),
    ],
    ids=["judge", "judge, ramp-up", "27 states", "inverse"],
)
def test_uniform(problem, guidance):
    expected = data(problem, stepped(problem, guidance))
    assert distance(exact.solve(problem, guidance, tolerance=1e-12).final, expected) < 1e-9


def test_the_references_agree_with_each_other():
    """Steps against the exponential, and steps of two widths against each other."""
    problem, guidance = exact.Problem(Masked(3), COND, UNCOND), Unlocking(1.0)
    exponential = at_levels(problem, guidance, [0.0])[0]
    assert distance(stepped(problem, guidance), exponential) < 1e-12
    problem, guidance = exact.Problem(Uniform(2), COND3, UNCOND3), Unlocking(RampUp(3.0, 0.2, 0.5))
    assert distance(stepped(problem, guidance), stepped(problem, guidance, 0.7)) < 1e-11


def test_the_generator_reverses_the_process():
    """Without guidance the distribution at each level is the noisy table, which follows from Bayes' rule."""
    for process in (Masked(2), Uniform(2)):
        problem = exact.Problem(process, COND3, UNCOND3)
        laws = []
        for m in (0.4 - 1e-4, 0.4, 0.4 + 1e-4):
            kernel, law = process.kernel(float(process.noise.time(torch.tensor(m, dtype=torch.float64)))), COND3
            for _ in range(3):
                law = torch.tensordot(law, kernel, dims=([0], [0]))
            laws.append(law.flatten())
        flow = laws[1] @ generator(problem, Normalized(0.0), 0.4, 0.0)
        torch.testing.assert_close(flow, (laws[0] - laws[2]) / 2e-4, rtol=0, atol=1e-7)
        assert float(prior(problem).sum()) == pytest.approx(1.0)
