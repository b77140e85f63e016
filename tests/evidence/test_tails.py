"""A floor under both predictions, and why a late weight makes fewer valid molecules."""

from __future__ import annotations

import math

import pytest
import torch

import dguide
from dguide import Ancestral, Masked, Normalized
from dguide.exact import Problem, chain, solve
from dguide.guidance import Step
from dguide.process import Jump
from studies.evidence.bounded import Bounded
from studies.evidence.models import dataset
from studies.evidence.tails import FLOOR, NONE, cells, guidance, small
from studies.evidence.validity import completed, impossible, problem


def landing(mechanism: dguide.Guidance, cond: torch.Tensor, ref: torch.Tensor, weight: float) -> torch.Tensor:
    step = Step(lambda log_p: Jump(torch.zeros(1, dtype=torch.float64), log_p), lambda rate: -rate.exp())
    told = torch.tensor([weight], dtype=torch.float64)
    return mechanism.guided(cond.log()[None], ref.log()[None], told, step).log_landing[0].exp()


COND = torch.tensor([0.6, 0.399, 1e-3, 1e-9], dtype=torch.float64)
REF = torch.tensor([0.3, 0.7 - 2e-9, 1e-9, 1e-9], dtype=torch.float64)


def test_likely_tokens_are_guided_and_improbable_ones_are_not():
    """The third token has a ratio of a million: it wins without a floor, and nearly keeps its probability with one."""
    free, held = (landing(mechanism(2.0), COND, REF, 2.0) for mechanism in (Normalized, Bounded))
    assert free[2] > 0.99
    assert held[2] < 2e-3
    assert held[0] / held[1] == pytest.approx(COND[0] / COND[1] * ((0.61 / 0.31) / (0.409 / (REF[1] + 0.01))) ** 2)


def test_without_guidance_and_with_a_floor_that_is_tiny_it_is_the_mechanism_of_the_library():
    assert torch.allclose(landing(Bounded(0.0), COND, REF, 0.0), COND / COND.sum())
    assert torch.allclose(landing(Bounded(2.0, 1e-30), COND, REF, 2.0), landing(Normalized(2.0), COND, REF, 2.0))


def test_samples_follow_the_law_with_the_floor():
    flat = Problem(Masked(4), COND / COND.sum(), REF / REF.sum())
    labels = torch.zeros(20_000, dtype=torch.int64)
    tokens = dguide.sample(
        flat.oracle(), process=flat.process, length=1, condition=labels, guidance=Bounded(2.0), sampler=Ancestral(2)
    ).tokens
    law = landing(Bounded(2.0), flat.cond, flat.uncond, 2.0)
    seen = torch.bincount(tokens[:, 0], minlength=4) / len(tokens)
    assert float((seen - law).abs().max()) < 4 * math.sqrt(0.25 / len(tokens))


def test_the_cells_are_what_they_are_called():
    assert guidance(NONE).weight.weight == 0  # type: ignore[union-attr]
    assert isinstance(guidance(("ramp-up", 3.0, FLOOR)), Bounded)
    assert type(guidance(("ramp-up", 3.0, 0.0))) is Normalized
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    for cell in cells((3.0,))[1:]:
        assert float(guidance(cell).weight.average(*ends)) == pytest.approx(3.0)  # type: ignore[union-attr]


def test_exact_predictions_make_no_impossible_string_one_position_at_a_time():
    case, possible = problem(0)
    for weight in (0.0, 2.0, dguide.RampUp(4.0)):
        assert float(solve(case, Normalized(weight), tolerance=1e-6).final[~possible].sum()) < 1e-9


def test_a_late_weight_multiplies_independent_errors_and_an_early_one_shared_ones():
    for seed in range(2):
        found = impossible(seed)
        own, common = found["independent"], found["shared"]
        assert own["ramp-up"] > own["constant"] > own["inverse"] > own["none"]
        assert common["ramp-up"] < common["constant"] < common["inverse"] < common["none"]


def test_a_floor_costs_little_where_predictions_are_right_and_helps_where_they_err_independently():
    found = small(0)
    free, held = (f"constant, mean w = 2, {floor}" for floor in ("no floor", "floor 0.01"))
    assert abs(found["no"][held] - found["no"][free]) < 0.01
    assert found["independent"][held] < found["independent"][free] - 0.01
    assert float(chain(problem(0)[0], Bounded(2.0), Ancestral(2)).sum()) == pytest.approx(1)


def test_a_molecule_stays_valid_with_its_own_token_and_some_token_breaks_it():
    tokens = dataset("qm9-masked").validation.tokens[:20]
    where = torch.arange(20) % 6
    broken = completed(tokens, where)
    assert not broken[torch.arange(20), tokens[torch.arange(20), where]].any()
    assert bool(broken.any(-1).all())
