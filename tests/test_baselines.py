"""The baselines of the benchmarks are no straw men: they draw the laws that they should."""

from __future__ import annotations

import itertools

import pytest
import torch
from helpers import chi_square, law_on_data

from benchmarks import baselines, common, pace
from dguide import Ancestral, Masked, Normalized, TauLeaping
from dguide.exact import Problem, chain, solve

VOCAB, POSITIONS, COUNT = 4, 2, 40_000
WEIGHT = 1.0
PROCESS = Masked(VOCAB, mask_id=VOCAB - 1)
PROBLEM = Problem(PROCESS, *(law_on_data(PROCESS, POSITIONS, seed, sharpness=0.8) for seed in (7, 8)))
STEPS = 3


class Finite:
    """The exact denoiser with finite logits, as those of a network are."""

    def __init__(self):
        self.oracle = PROBLEM.oracle()
        self.null = self.oracle.null

    def __call__(self, tokens, time, condition):
        return self.oracle(tokens, time, condition).clamp_min(-50)


def drawn(name, steps):
    """Counts [V, V] of samples of a baseline."""
    torch.manual_seed(0)
    labels = torch.zeros(COUNT, dtype=torch.int64)
    step = baselines.BASELINES[name]
    tokens = baselines.run(step, Finite(), labels, POSITIONS, steps, WEIGHT, PROCESS.mask_id)
    return torch.bincount(tokens[:, 0] * VOCAB + tokens[:, 1], minlength=VOCAB**POSITIONS)


def far(one, other):
    """Total variation."""
    return 0.5 * float((one - other).abs().sum())


def law_of_low_confidence():
    """Law of two positions decided one by one, the more probable draw first."""
    network, mask = Finite(), PROCESS.mask_id
    law = torch.zeros(VOCAB, VOCAB, dtype=torch.float64)

    def tilted(*tokens):
        pair = torch.tensor([tokens, tokens])
        logits = network(pair, torch.ones(2), torch.tensor([0, 1])).double()
        return torch.softmax(baselines.guided(logits[0], logits[1], WEIGHT, mask), -1)

    first = tilted(mask, mask)
    for a, b in itertools.product(range(VOCAB - 1), repeat=2):
        chance = first[0, a] * first[1, b]
        assert first[0, a] != first[1, b], "a tie has no order"
        if first[0, a] > first[1, b]:
            law[a] += chance * tilted(a, mask)[1]
        else:
            law[:, b] += chance * tilted(mask, b)[0]
    return law


@pytest.mark.parametrize(
    ("name", "sampler"),
    [("poisson", TauLeaping(STEPS)), ("gumbel32", Ancestral(STEPS)), ("multinomial", Ancestral(STEPS))],
)
def test_a_baseline_along_a_grid_has_the_law_of_its_chain(name, sampler):
    law = chain(PROBLEM, Normalized(WEIGHT), sampler)
    assert far(law, chain(PROBLEM, Normalized(WEIGHT), Ancestral(1))) > 0.2, "too easy a problem"
    assert far(law, solve(PROBLEM, Normalized(WEIGHT)).final) > 0.1, "too easy a problem"
    assert chi_square(drawn(name, STEPS), law) > 1e-3


def test_llada_in_random_order_decides_one_position_after_the_other():
    assert chi_square(drawn("llada", POSITIONS), solve(PROBLEM, Normalized(WEIGHT)).final) > 1e-3


def test_llada_in_low_confidence_order_decides_the_more_probable_draw_first():
    law = law_of_low_confidence()
    random_order = solve(PROBLEM, Normalized(WEIGHT)).final
    assert far(law, random_order) > 0.02, "the orders could not be told apart"
    assert chi_square(drawn("llada-low-confidence", POSITIONS), law) > 1e-3


@pytest.mark.parametrize("name", ["poisson", "gumbel32", "multinomial", "llada", "llada-low-confidence"])
def test_a_baseline_keeps_what_is_decided_and_leaves_no_mask(name):
    torch.manual_seed(0)
    shape = common.quick(common.IMAGE)
    network, seen = common.Stub(shape), []

    def spy(tokens, time, condition):
        seen.append(tokens[: shape.batch].clone())
        return network(tokens, time, condition)

    spy.null = network.null
    labels = torch.zeros(shape.batch, dtype=torch.int64)
    step = baselines.BASELINES[name]
    final = baselines.run(step, spy, labels, shape.length, shape.steps, WEIGHT, shape.mask)
    for before, after in itertools.pairwise([*seen, final]):
        decided = before != shape.mask
        assert torch.equal(before[decided], after[decided])
    assert bool((final != shape.mask).all())


def test_llada_unmasks_the_same_number_in_every_step():
    tokens, mask = torch.full((2, 7), 4), 4
    cond, ref = torch.randn(2, 2, 7, 5, generator=torch.Generator().manual_seed(0)).unbind(0)
    left = []
    for stage in baselines.stages(3):
        tokens = baselines.BASELINES["llada"](tokens, stage, cond, ref, WEIGHT, mask)
        left.append((tokens == mask).sum(-1).tolist())
    assert left == [[4, 4], [2, 2], [0, 0]]  # 7 = 3 + 2 + 2


def test_the_chance_to_leave_is_that_of_the_float32_draw():
    vocab, left, draws = 4, 2, 20_000
    torch.manual_seed(0)
    grid = pace.noise(torch.arange(pace.GRID, dtype=torch.float32) / pace.GRID).flip(0)
    chance = pace.chance(pace.luckiest(vocab, draws), vocab, left, grid)
    weights = torch.full((draws, vocab + 1), 1 / vocab * 0.5)
    weights[:, vocab] = 0.5
    left_over = (baselines.gumbel_draw(weights) == vocab).float().mean()
    assert abs(float(chance.mean()) - 0.5) < 0.02
    assert abs(1 - float(left_over) - float(chance.mean())) < 0.02
