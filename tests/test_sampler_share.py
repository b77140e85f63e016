"""The study of samplers: its samplers follow their laws, its parts add up, and rejection makes large Z leave late."""

from __future__ import annotations

import math

import pytest
import torch

import dguide
from dguide import Masked, Normalized, Simple, Unlocking
from dguide.exact import Problem, chain, solve, total_variation
from dguide.exact.random_problems import dirichlet
from dguide.theory.strength import SCHEDULES
from studies.common import ROOT
from studies.evidence.models import loaded
from studies.evidence.sampler_share import EVIDENCE
from studies.evidence.share.cells import BOTH, FIRST_HITTING, STEPS, Cell
from studies.evidence.share.hypotheses import AGAIN, HYPOTHESES, judged
from studies.evidence.share.one_position import LEAVES, forced
from studies.evidence.share.parts import PARTS, part
from studies.evidence.share.plan import COMPUTED, FURTHER, GROUPS, QUICK, SMALL
from studies.evidence.share.samplers import SAMPLERS, Released, made

COUNT = 20_000


def one(z: float) -> Problem:
    """One position with Z_w = z at w = 1: the condition is certain, and the reference gives it 1 / z."""
    return Problem(Masked(2), torch.tensor([1.0, 0.0]), torch.tensor([1 / z, 1 - 1 / z]))


def drawn(problem: Problem, guidance: dguide.Guidance, sampler: dguide.Sampler) -> dguide.Samples:
    labels = torch.zeros(COUNT, dtype=torch.int64)
    return dguide.sample(
        problem.oracle(),
        process=problem.process,
        length=problem.positions,
        condition=labels,
        guidance=guidance,
        sampler=sampler,
    )


@pytest.mark.parametrize("sampler", LEAVES)
@pytest.mark.parametrize(("z", "steps"), [(1.5, 4), (8.0, 4), (8.0, 16), (30.0, 8)])
def test_as_many_positions_are_forced_as_the_formula_says(sampler, z, steps):
    """And for tau-leaping not as many as without the rejection, nor as in the limit of many steps."""
    seen = float(drawn(one(z), Unlocking(1.0), made(sampler, steps)).forced.double().mean())
    expected = forced(sampler, z, steps)
    assert abs(seen - expected) < 4 * math.sqrt(max(expected * (1 - expected), 1 / COUNT) / COUNT)
    if sampler == "TauLeaping":
        assert expected > forced("Unrejected", z, steps) + 0.002
        assert expected > steps**-z + 0.002


def test_with_rejection_larger_z_leaves_later_and_without_it_sooner():
    weak, strong = (forced("TauLeaping", z, 8) for z in (5.0, 50.0))
    assert weak < 0.1 < 0.9 < strong
    assert forced("Unrejected", 50.0, 8) < forced("Unrejected", 5.0, 8)


def test_normalized_is_forced_as_often_whatever_z_is():
    for z in (1.0, 30.0):
        seen = float(drawn(one(z), Normalized(1.0), dguide.TauLeaping(8)).forced.double().mean())
        assert abs(seen - forced("TauLeaping", 1.0, 8)) < 0.01


@pytest.mark.parametrize("mechanism", [Normalized, Unlocking, Simple])
@pytest.mark.parametrize("sampler", ["Released", "Unrejected"])
def test_the_samplers_of_the_study_draw_from_their_exact_law(sampler, mechanism):
    problem = dirichlet(3, 2, seed=0)
    tokens = drawn(problem, mechanism(2.0), made(sampler, 4)).tokens
    seen = torch.bincount(3 * tokens[:, 0] + tokens[:, 1], minlength=9).double() / COUNT
    law = chain(problem, mechanism(2.0), made(sampler, 4)).flatten()
    unsure = (law * (1 - law) / COUNT).sqrt()
    assert bool(((seen - law).abs() < 4 * unsure + 1e-4).all())


def test_without_rejection_the_steps_tend_to_continuous_time():
    """The weight varies, so that the pace matters and not only the order."""
    problem, guidance = dirichlet(3, 2, seed=0), Unlocking(dguide.RampUp(4.0))
    limit = solve(problem, guidance).final
    far = [float(total_variation(chain(problem, guidance, made("Unrejected", t)), limit)) for t in (64, 128)]
    assert 0.4 < far[1] / far[0] < 0.6


def test_the_released_end_takes_the_most_probable_token_of_every_mask_that_is_left():
    problem = one(100.0)
    flat = Problem(Masked(3), torch.tensor([0.4, 0.35, 0.25]), torch.full((3,), 1 / 3))
    samples = drawn(flat, Normalized(0.0), Released.of(2))
    left = (1 - 0.99 * math.exp(-0.99)) * torch.tensor([1.0, 0.0, 0.0]) + 0.99 * math.exp(-0.99) * flat.cond
    seen = torch.bincount(samples.tokens[:, 0], minlength=3) / COUNT
    assert samples.calls.conditional == 2
    assert float((seen - left).abs().max()) < 0.015
    assert Released.of(8).times(problem.process).tolist()[-2:] == pytest.approx([0.01, 0.0])


def test_the_parts_of_the_gap_add_up_to_it():
    total: dict[Cell, int] = {}
    for name in ("rejection", "held rates", "pace", "order"):
        for sign, cell in part(name, 16):
            total[cell] = total.get(cell, 0) + sign
    assert {cell: sign for cell, sign in total.items() if sign} == {cell: sign for sign, cell in part("gap", 16)}
    assert set(PARTS) == {"gap", "rejection", "held rates", "pace", "order", "end"}


def test_every_hypothesis_can_be_judged_from_the_groups_that_are_computed():
    cells = {cell for group in list(GROUPS.values())[:COMPUTED] for cell in group}
    wanted = {cell for each in HYPOTHESES for _, cell in each.signed}
    assert wanted <= cells
    assert {cell for name in PARTS for _, cell in part(name, 8)} <= {*QUICK}


def test_the_section_of_the_page_is_that_of_the_results():
    page = ROOT / "docs" / EVIDENCE.page
    assert EVIDENCE.text() == page.read_text(encoding="utf-8"), f"{EVIDENCE.command} --fill"
    assert EVIDENCE.command in page.read_text(encoding="utf-8")


def test_verdicts_follow_the_intervals():
    ends = {HYPOTHESES[0].name: (0.1, 0.2), HYPOTHESES[1].name: (-0.2, -0.1), HYPOTHESES[2].name: (-0.1, 0.1)}

    def estimated(name, signed, level):
        low, high = ends[name]
        return dguide.evaluate.Estimate(name, (low + high) / 2, low, high, 300, level=level)

    cells = [cell for each in HYPOTHESES[:3] for _, cell in each.signed]
    found = judged(estimated, cells)
    assert [each["verdict"] for each in found] == ["confirmed", "refuted", "undecided"]
    assert found[0]["level"] == pytest.approx(1 - 0.05 / len(HYPOTHESES))
    assert [len(side) for side in found[1]["cells"]] == [2, 2]


def test_the_whole_plan_has_every_combination_once_asked_for():
    whole = set(list(GROUPS.values())[-1])
    expected = 3 * 3 * len(STEPS) * len(SAMPLERS) * 3 + 3 * 3 * len(BOTH)
    assert len(whole) == expected
    assert {cell for group in GROUPS.values() for cell in group} == whole
    assert {cell.sampler for cells, _ in SMALL.values() for cell in cells} == {*SAMPLERS, FIRST_HITTING}
    assert {cell.schedule for cell in whole} == set(SCHEDULES)


def test_further_models_get_the_cells_that_their_process_allows_and_the_findings_of_the_first():
    """A cell that a process cannot have would end a study of hours; a hypothesis without cells would not be judged."""
    for name, cells in FURTHER.items():
        kept = [each.name for each in AGAIN if {cell for _, cell in each.signed} <= set(cells)]
        masked = isinstance(loaded(name).process, Masked)
        assert kept == [each.name for each in AGAIN][: None if masked else 2]
        assert masked or not {cell.sampler for cell in cells} & {"Released", FIRST_HITTING}


def test_the_findings_are_those_of_the_digits_with_the_signs_that_were_seen():
    signs = {each["name"]: each["verdict"] for each in EVIDENCE.found()["hypotheses"]}
    assert signs["Rejection widens the gap"] == "refuted"
    assert AGAIN[0].signed == [(-sign, cell) for sign, cell in HYPOTHESES[1].signed]
    assert AGAIN[1].signed == [(-sign, cell) for sign, cell in HYPOTHESES[2].signed]
    assert [signs[each.name] for each in AGAIN[2:]] == ["confirmed", "confirmed"]
