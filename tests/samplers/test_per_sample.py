"""A schedule times one number for each sample: each row is drawn as by the schedule scaled by its number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers import Network, identities

import dguide
from dguide import (
    SMC,
    Ancestral,
    Blocks,
    Constant,
    Euler,
    FirstHitting,
    Halton,
    InputError,
    Interval,
    LowConfidence,
    Masked,
    Normalized,
    Piecewise,
    Power,
    RampUp,
    Remasking,
    Simple,
    TauLeaping,
    Trapezoidal,
    Uniform,
    Unlocking,
    exact,
)
from dguide.guidance import Schedule

FACTOR = torch.tensor([0.0, 2.0, 0.5, 4.0, 2.0])  # powers of two, so that products are exact
LABELS = torch.tensor([0, 1, 2, 0, 1])
SCHEDULES: list[Schedule] = [RampUp(1.0, right=0.25), Interval(1.5, 0.25, 0.75), Constant(1.0), Power(0.5, p=1.0)]
BOTH = [Masked(4), Uniform(4)]
CASES: list[tuple[Any, Any, Any]] = [
    *((p, g, s) for p in BOTH for g in (Normalized, Unlocking) for s in (Ancestral(4), Trapezoidal(3))),
    *((p, g, s) for p in BOTH for g in (Normalized, Unlocking) for s in (Euler(4), TauLeaping(4))),
    *((Masked(4), g, FirstHitting()) for g in (Normalized, Unlocking)),
    *(
        (Masked(4), Normalized, s)
        for s in (Remasking(4), LowConfidence(3), Halton(3, shape=(2, 3)), Blocks(LowConfidence(2), 3))
    ),
    *((p, Simple, Ancestral(4)) for p in BOTH),
    (Masked(4), Unlocking, SMC(4, weight=1.0)),
]


def draw(process: Any, guidance: Any, sampler: Any, **changes: Any) -> dguide.Samples:
    given = {"process": process, "length": 6, "condition": LABELS, "guidance": guidance, "sampler": sampler}
    return dguide.sample(Network(4), **given | changes)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize(("process", "mechanism", "sampler"), CASES, ids=identities(CASES))
def test_each_row_is_that_of_its_own_schedule(process: Any, mechanism: Any, sampler: Any, schedule: Schedule) -> None:
    weight = schedule.per_sample(FACTOR)
    tokens = draw(process, mechanism(weight), sampler, batch_size=2).tokens
    assert torch.equal(tokens, draw(process, mechanism(weight), sampler).tokens)
    for factor in FACTOR.unique().tolist():
        alone = draw(process, mechanism(schedule.scaled_to(factor * schedule.mean())), sampler).tokens
        assert torch.equal(tokens[factor == FACTOR], alone[factor == FACTOR])


def test_a_weight_per_sample_is_refused_where_it_has_no_meaning() -> None:
    table = torch.tensor([[0.4, 0.1], [0.1, 0.4]])
    problem = exact.Problem(Masked(2), table, torch.full((2, 2), 0.25))
    guidance = Normalized(RampUp(1.0).per_sample(FACTOR))
    for call in (lambda: exact.solve(problem, guidance), lambda: exact.chain(problem, guidance, Ancestral(2))):
        with pytest.raises(InputError, match="expected a number or a schedule"):
            call()
    with pytest.raises(InputError, match="SMC weight: got none, with the schedule ramp-up"):
        draw(Masked(4), guidance, SMC(4))
    with pytest.raises(InputError, match="weight: got 5 values, expected one for each of the 2 samples"):
        draw(Masked(4), guidance, Ancestral(2), condition=LABELS[:2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RampUp(FACTOR), r"RampUp weight: got a tensor of shape \[5\].*per_sample\(tensor \[B\]\)"),  # type: ignore[arg-type]
        (lambda: RampUp(1.0).per_sample([1.0, 2.0]), r"per_sample: got \[1.0, 2.0\], expected a tensor \[B\]"),  # type: ignore[arg-type]
        (lambda: RampUp(1.0).per_sample(FACTOR.view(1, 5)), r"per_sample: got shape \[1, 5\]"),
        (lambda: RampUp(1.0).per_sample(-FACTOR), "expected finite numbers of at least -1"),
        (lambda: RampUp(1.0).per_sample(FACTOR / 0), "expected finite numbers of at least -1"),
        (
            lambda: Piecewise(((0, 0), (0.5, -0.5), (0.5, 1), (1, 1))).per_sample(FACTOR),
            "expected finite numbers of at least -1",
        ),
    ],
)
def test_factors_that_make_no_weights_are_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
