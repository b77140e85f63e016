"""Input that cannot be solved is refused before any computation. Messages say what was given and what is expected."""

from __future__ import annotations

import math

import pytest
import torch

from dguide import Ancestral, FirstHitting, Masked, Normalized, RampUp, Simple, Uniform, Unlocking, exact

FAIR = torch.tensor([[0.4, 0.1], [0.1, 0.4]])
GOOD = exact.Problem(Masked(2), FAIR, FAIR)
LARGE = torch.full([5] * 9, 5.0**-9, dtype=torch.float64)
TIMES = torch.tensor([1.0, 0.5])
nan = math.nan


def blind(tokens, time, labels):
    return torch.zeros(*tokens.shape, 2)


TABLES = {
    "sum": (
        lambda: exact.Problem(Masked(2), 2 * FAIR, FAIR),
        r"cond: got entries .*sum 2\.0.*, expected probabilities",
    ),
    "negative": (lambda: exact.Problem(Masked(2), FAIR, torch.tensor([1.2, -0.2])), r"uncond: got entries from -0\.2"),
    "nan": (lambda: exact.Problem(Masked(2), nan * FAIR, FAIR), "cond: got entries from nan"),
    "infinite": (lambda: exact.Problem(Masked(2), FAIR, math.inf * FAIR), "uncond: got entries from inf"),
    "complex": (lambda: exact.Problem(Masked(2), 1j * FAIR, FAIR), r"cond: got torch\.complex64, expected real"),
    "a list": (lambda: exact.Problem(Masked(2), FAIR.tolist(), FAIR), "cond: got list, expected a tensor of shape"),
    "columns": (lambda: exact.Problem(Masked(3), FAIR, FAIR), r"cond: got \(2, 2\), expected .*\[3\] \* d"),
    "unequal axes": (lambda: exact.Problem(Masked(2), torch.ones(2, 3) / 6, FAIR), r"cond: got \(2, 3\)"),
    "no axis": (lambda: exact.Problem(Masked(2), torch.tensor(1.0), FAIR), r"cond: got \(\), expected"),
    "positions": (
        lambda: exact.Problem(Masked(2), FAIR, FAIR.sum(0)),
        r"got \[2, 1\], expected the same number of pos",
    ),
    "support": (
        lambda: exact.Problem(Masked(2), FAIR, torch.tensor([[0, 0.5], [0.25, 0.25]])),
        r"uncond: got probability zero at \[0, 0\] where cond has 0\.4, expected .* mix some of cond into it",
    ),
    "mass on the mask": (
        lambda: exact.Problem(Masked(2, mask_id=1), torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])),
        "uncond: got mass on token 1, the mask, at position 0, expected none",
    ),
    "process by name": (lambda: exact.Problem("masked", FAIR, FAIR), r"process: got 'masked', expected .*Masked\("),
    "process by class": (lambda: exact.Problem(Masked, FAIR, FAIR), r"process: got .*, expected .*Masked\("),
    "oracle without classes": (lambda: exact.Oracle(Masked(2), [], FAIR), "cond: got list, expected .* at least one"),
    "oracle of a bare table": (lambda: exact.Oracle(Masked(2), FAIR, FAIR), "cond: got Tensor, expected a list"),
    "oracle of unequal tables": (lambda: exact.Oracle(Masked(2), [FAIR], FAIR.sum(0)), "same number of positions"),
    "oracle process": (lambda: exact.Oracle(None, [FAIR], FAIR), "process: got None, expected"),
}
CALLS = {
    "labels": (
        lambda: GOOD.oracle()(torch.zeros(1, 2, dtype=int), TIMES[:1], torch.tensor([7])),
        r"got \[7\], expected 0",
    ),
    "tokens": (
        lambda: GOOD.oracle()(torch.tensor([[5, 0]]), TIMES[:1], torch.tensor([0])),
        r"tokens: got shape \(1, 2\), tokens 0 to 5, expected \[B, 2\] with tokens 0 to 2",
    ),
    "length": (
        lambda: GOOD.oracle()(torch.zeros(1, 3, dtype=int), TIMES[:1], torch.tensor([0])),
        r"got shape \(1, 3\)",
    ),
    "target below -1": (lambda: GOOD.target(-1.5), r"weight: got -1\.5, expected a finite number of at least -1"),
    "target of nan": (lambda: GOOD.target(nan), "weight: got nan"),
    "target of text": (lambda: GOOD.target("1"), "weight: got '1', expected a number"),
    "log_z of nothing": (lambda: GOOD.log_z(None), "weight: got None, expected a number"),
    "renyi of a list": (lambda: exact.renyi([1.0], FAIR, 2), "renyi p: got list"),
    "renyi of no distribution": (
        lambda: exact.renyi(FAIR, 2 * FAIR, 2),
        r"renyi q: got entries from 0\.2.*, expected a distribution",
    ),
    "renyi shapes": (lambda: exact.renyi(FAIR, FAIR.sum(0), 2), r"renyi shapes: got \(\(2, 2\), \(2,\)\)"),
    "renyi order": (lambda: exact.renyi(FAIR, FAIR, 0), "renyi order: got 0, expected a number above 0"),
    "renyi order nan": (lambda: exact.renyi(FAIR, FAIR, nan), "renyi order: got nan"),
    "renyi support": (
        lambda: exact.renyi(FAIR.sum(0), torch.tensor([1.0, 0.0]), 2),
        "renyi q: got zero where p is not",
    ),
    "two for one": (lambda: exact.one_position(GOOD, Normalized(1.0)), "got 2 positions, expected 1. Use jump_chain"),
    "schedule for a chain": (
        lambda: exact.jump_chain(GOOD, Normalized(RampUp(1.0))),
        "weight: got ramp-up:.*exact.solve",
    ),
    "schedule for bounds": (lambda: exact.distance_to_data(GOOD, Unlocking(RampUp(1.0)), TIMES), "expected a constant"),
}
SOLVERS = {
    "solve": exact.solve,
    "chain": lambda problem, guidance: exact.chain(problem, guidance, Ancestral(2)),
    "jump_chain": exact.jump_chain,
    "one_position": exact.one_position,
    "distance_to_noise": lambda problem, guidance: exact.distance_to_noise(problem, guidance, TIMES),
    "distance_to_data": lambda problem, guidance: exact.distance_to_data(problem, guidance, TIMES),
}
TIMED = {
    "solve": lambda times: exact.solve(GOOD, Normalized(1.0), times=times),
    "one_position": lambda times: exact.one_position(
        exact.Problem(Masked(2), FAIR.sum(0), FAIR.sum(0)), Normalized(1.0), times
    ),
    "distance_to_noise": lambda times: exact.distance_to_noise(GOOD, Normalized(1.0), times),
    "distance_to_data": lambda times: exact.distance_to_data(GOOD, Normalized(1.0), times),
}


def refuses(make, match):
    with pytest.raises(ValueError, match=match) as caught:
        make()
    assert ": got " in str(caught.value)
    assert ", expected " in str(caught.value)


@pytest.mark.parametrize("name", TABLES)
def test_tables(name):
    refuses(*TABLES[name])


@pytest.mark.parametrize("name", CALLS)
def test_arguments(name):
    refuses(*CALLS[name])


@pytest.mark.parametrize("name", SOLVERS)
def test_what_is_no_problem_or_no_guidance(name):
    refuses(lambda: SOLVERS[name](FAIR, Normalized(1.0)), "problem: got Tensor, expected an exact.Problem")
    for wrong in ("normalized", 1.0, None, Normalized):
        refuses(lambda: SOLVERS[name](GOOD, wrong), "guidance: got")
    refuses(
        lambda: SOLVERS[name](GOOD, Normalized(torch.ones(2))), "weight: got a tensor, expected a number or a sched"
    )


@pytest.mark.parametrize("name", sorted(SOLVERS.keys() - {"chain"}))
def test_a_mechanism_without_rates(name):
    refuses(lambda: SOLVERS[name](GOOD, Simple(1.0)), "guidance: got Simple.*expected Normalized or Unlocking")


@pytest.mark.parametrize("name", sorted(SOLVERS.keys() - {"chain", "solve"}))
def test_closed_forms_are_those_of_the_masked_process(name):
    problem = exact.Problem(Uniform(2), FAIR, FAIR)
    refuses(lambda: SOLVERS[name](problem, Normalized(1.0)), "process: got uniform, expected the masked.*exact.solve")


@pytest.mark.parametrize(
    "times", [[1.0, 0.0], 0.5, torch.tensor([nan]), torch.tensor([1.5]), torch.tensor([-0.1])], ids=str
)
@pytest.mark.parametrize("name", TIMED)
def test_times(name, times):
    refuses(lambda: TIMED[name](times), r"times: got .*, expected .*times from 0 to 1")


@pytest.mark.parametrize("tolerance", [0, -1e-9, nan, "fine", None])
def test_tolerance(tolerance):
    refuses(lambda: exact.solve(GOOD, Normalized(1.0), tolerance=tolerance), "exact.solve tolerance: got")


@pytest.mark.parametrize("denoiser", ["oracle", blind], ids=["text", "without null"])
def test_denoisers(denoiser):
    for call in (exact.solve, lambda *a, **k: exact.chain(*a, Ancestral(2), **k)):
        refuses(lambda: call(GOOD, Normalized(1.0), denoiser=denoiser), r"denoiser: got \w+, expected .*null\(labels\)")


def test_samplers():
    refuses(lambda: exact.chain(GOOD, Normalized(1.0), FirstHitting()), "sampler: got FirstHitting.*exact.solve")


def test_too_many_states():
    large = exact.Problem(Masked(5), LARGE, LARGE)
    for call in (exact.solve, lambda *a: exact.chain(*a, Ancestral(2))):
        refuses(lambda: call(large, Normalized(1.0)), r"got 6\^9 states, expected at most \d+\. Take fewer tokens")


def test_a_step_that_would_take_hours_is_refused() -> None:
    law = torch.ones([2] * 18, dtype=torch.float64) / 2**18
    problem = exact.Problem(Uniform(2), law, law)
    with pytest.raises(ValueError, match=r"exact.chain: got 6.9e\+10 transitions in a step, expected at most"):
        exact.chain(problem, Normalized(1.0), Ancestral(2))


def test_too_many_states_to_solve() -> None:
    law = torch.ones([2] * 23, dtype=torch.float32) / 2**23
    problem = exact.Problem(Uniform(2), law, law)
    with pytest.raises(ValueError, match=r"2\^23 states, expected at most"):
        exact.solve(problem, Normalized(1.0))


@pytest.mark.parametrize("shape", [(), (3, 2)])
def test_times_in_another_shape(shape: tuple) -> None:
    for function in (exact.solve, exact.one_position):
        problem = GOOD if function is exact.solve else exact.Problem(Masked(2), FAIR.sum(0), FAIR.sum(0))
        with pytest.raises(ValueError, match=r"times: got shape .*, expected 1 dimension"):
            function(problem, Unlocking(1.0), times=torch.full(shape, 0.5))


@pytest.mark.parametrize("answer", [nan, -math.inf, None], ids=str)
def test_a_denoiser_that_answers_nonsense(answer: float | None) -> None:
    class Wrong:
        time_dependent = False

        def __call__(self, tokens, time, labels):
            return None if answer is None else torch.full((*tokens.shape, 2), answer)

        def null(self, labels):
            return labels

    for run in (
        lambda: exact.solve(GOOD, Unlocking(1.0), denoiser=Wrong()),
        lambda: exact.chain(GOOD, Normalized(1.0), Ancestral(2), denoiser=Wrong()),
    ):
        with pytest.raises(ValueError, match=r"logits of the denoiser: got .*, expected"):
            run()
