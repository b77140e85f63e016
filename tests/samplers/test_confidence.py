"""Samplers that choose who is unmasked: their exact laws by going through all cases, and what each promises."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from helpers import Network, law_on_data
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import COND3, UNCOND3, counts_of, distance, g_test
from torch import Tensor

import dguide
from dguide import (
    SMC,
    Blocks,
    Decoding,
    EntropyBounded,
    Halton,
    LowConfidence,
    LowEntropy,
    Masked,
    Normalized,
    Piecewise,
    RampUp,
    TopMargin,
)
from dguide.exact import Problem
from dguide.random import Stream, uniform
from dguide.samplers import Observer, Sampler
from dguide.samplers.unmasking.counts import remaining

PROBLEM = Problem(Masked(3), law_on_data(Masked(3), 3, 5, 2.0), law_on_data(Masked(3), 3, 6, 1.0))
WEIGHT = 1.5
LABELS = torch.tensor([0, 1, 2, 1, 0])
INSIDE = [LowConfidence(3), LowConfidence(3, "cosine", noise=2.0), TopMargin(4), LowEntropy(3), EntropyBounded(0.5)]
SAMPLERS: list[Any] = [*INSIDE, Halton(3, shape=(2, 4)), Blocks(LowConfidence(2), 3), Blocks(TopMargin(2), 3)]
SAMPLERS += [Blocks(Halton(2, shape=(4, 2)), 5), Blocks(EntropyBounded(1.0), 4)]


def draw(network: Any, sampler: Sampler, **changes: Any) -> dguide.Samples:
    arguments: dict[str, Any] = {
        "process": Masked(4),
        "length": 8,
        "condition": LABELS,
        "guidance": Normalized(2.0),
        "seed": 3,
    }
    return dguide.sample(network, sampler=sampler, **(arguments | changes))


def prompts() -> Tensor:
    """Samples with 8, 5, 1, 0 and 4 masks."""
    tokens = torch.randint(0, 4, (5, 8), generator=torch.Generator().manual_seed(0))
    for row, masks in enumerate([range(8), (0, 2, 3, 6, 7), (5,), (), (4, 5, 6, 7)]):
        tokens[row, list(masks)] = 4
    return tokens


# --- exact laws ------------------------------------------------------------------------------------------------------

Rule = Callable[[list[int], Tensor, Sequence[int]], list[int]]
"""From the masks, their laws [n, V] and a token drawn for each: those that leave."""


def law_of(problem: Problem, weight: float, rule: Rule, weighed: bool = False) -> Tensor:
    """The exact law of the samples, step by step and draw by draw; or, `weighed`, times their importance weights."""
    vocab, d = problem.process.vocab_size, problem.positions
    law = torch.zeros([vocab] * d, dtype=torch.float64)
    states: dict[tuple[int, ...], float] = {(vocab,) * d: 1.0}
    while states:
        after: dict[tuple[int, ...], float] = defaultdict(float)
        for tokens, mass in states.items():
            masked = [i for i in range(d) if tokens[i] == vocab]
            if not masked:
                law[tokens] += mass
                continue
            one = torch.tensor([tokens])
            cond, ref = (problem.oracle()(one, torch.ones(1), torch.tensor([k]))[0, masked].exp() for k in (0, 1))
            tilted = cond ** (1 + weight) * ref ** (-weight)
            q = tilted / tilted.sum(-1, keepdim=True)
            for drawn in itertools.product(range(vocab), repeat=len(masked)):
                new = list(tokens)
                factor = math.prod(float(q[j, y]) for j, y in enumerate(drawn))
                for i in rule(masked, q, drawn):
                    j = masked.index(i)
                    new[i] = drawn[j]
                    factor *= float(tilted[j].sum()) if weighed else 1.0
                after[tuple(new)] += mass * factor
        states = after
    return law


def surest(counts: dict[int, int], score: Callable[[Tensor, int], float]) -> Rule:
    """Those of the highest score leave, so many as `counts` says for so many masks."""

    def rule(masked: list[int], q: Tensor, drawn: Sequence[int]) -> list[int]:
        order = sorted(range(len(masked)), key=lambda j: (-score(q[j], drawn[j]), masked[j]))
        return [masked[j] for j in order[: counts[len(masked)]]]

    return rule


def confidence(q: Tensor, token: int) -> float:
    return float(q[token])


def margin(q: Tensor, token: int) -> float:
    first, second = sorted(q.tolist(), reverse=True)[:2]
    return first - second


def certainty(q: Tensor, token: int) -> float:
    return float(torch.xlogy(q, q).sum())


def bounded(bound: float) -> Rule:
    def rule(masked: list[int], q: Tensor, drawn: Sequence[int]) -> list[int]:
        entropy = [-certainty(row, 0) for row in q]
        order = sorted(range(len(masked)), key=lambda j: entropy[j])
        sets = [order[: k + 1] for k in range(len(order))]
        fit = [s for s in sets if len(s) == 1 or sum(entropy[j] for j in s) - max(entropy[j] for j in s) <= bound]
        return [masked[j] for j in fit[-1]]

    return rule


def in_order(order: list[int], counts: dict[int, int]) -> Rule:
    return lambda masked, q, drawn: [i for i in order if i in masked][: counts[len(masked)]]


def in_blocks(size: int, rule: Rule) -> Rule:
    """The rule within the first block that has a mask."""

    def within(masked: list[int], q: Tensor, drawn: Sequence[int]) -> list[int]:
        here = [j for j, i in enumerate(masked) if i // size == masked[0] // size]
        return rule([masked[j] for j in here], q[here], [drawn[j] for j in here])

    return within


ONE = {1: 1, 2: 1, 3: 1}
TWO = {1: 1, 2: 2, 3: 2}  # of three masks two, then one
LAWS: list[tuple[Sampler, Rule]] = [
    (LowConfidence(2), surest(TWO, confidence)),
    (LowConfidence(3), surest(ONE, confidence)),
    (TopMargin(2), surest(TWO, margin)),
    (TopMargin(3), surest(ONE, margin)),
    (LowEntropy(2), surest(TWO, certainty)),
    (LowEntropy(3), surest(ONE, certainty)),
    (EntropyBounded(0.0), bounded(0.0)),
    (EntropyBounded(0.6), bounded(0.6)),
    (Halton(2, shape=(1, 3)), in_order([1, 2, 0], TWO)),
    (Halton(3, shape=(3, 1)), in_order([1, 0, 2], ONE)),
    (Blocks(LowConfidence(1), 2), in_blocks(2, surest({1: 1, 2: 2}, confidence))),
    (Blocks(LowConfidence(2), 2), in_blocks(2, surest({1: 1, 2: 1}, confidence))),
    (Blocks(TopMargin(5), 1), in_order([0, 1, 2], ONE)),
]


def samples_of(sampler: Sampler, problem: Problem = PROBLEM, weight: float = WEIGHT, count: int = 40_000) -> Tensor:
    return dguide.sample(
        problem.oracle(),
        process=problem.process,
        length=problem.positions,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=Normalized(weight),
        sampler=sampler,
        seed=2,
    ).tokens


@pytest.mark.parametrize(("sampler", "rule"), LAWS, ids=lambda x: str(x) if isinstance(x, Sampler) else "")
def test_samples_follow_the_exact_law(sampler: Sampler, rule: Rule) -> None:
    law = law_of(PROBLEM, WEIGHT, rule)
    assert abs(float(law.sum()) - 1) < 1e-12
    assert g_test(samples_of(sampler), law) > 1e-3


def test_the_problem_tells_the_rules_apart() -> None:
    rules = [surest(ONE, confidence), surest(ONE, margin), in_order([1, 0, 2], ONE), in_order([0, 1, 2], ONE)]
    for first, second in itertools.combinations([law_of(PROBLEM, WEIGHT, rule) for rule in rules], 2):
        assert distance(first, second) > 0.02


def test_a_rejected_draw_that_is_kept_in_mind_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    # One uniform for all steps: what was rejected comes back.
    monkeypatch.setattr(LowConfidence, "predictable", True)
    assert g_test(samples_of(LowConfidence(3)), law_of(PROBLEM, WEIGHT, surest(ONE, confidence))) < 1e-6


def test_one_position_a_step_in_a_fixed_order_is_the_product_of_tilted_conditionals() -> None:
    c, u = PROBLEM.cond, PROBLEM.uncond
    law = torch.ones(3, 3, 3, dtype=torch.float64)
    for axes in [(1, 2), (2,), ()]:  # of x_0, of x_1 given x_0, of x_2 given both
        tilted = [t.sum(axes, keepdim=True) if axes else t for t in (c, u)]
        q = tilted[0] ** (1 + WEIGHT) * tilted[1] ** (-WEIGHT)
        axis = 2 - len(axes)
        law = law * q / q.sum(axis, keepdim=True)
    assert g_test(samples_of(Blocks(LowConfidence(1), 1)), law) > 1e-3
    # Without guidance that is the law itself, in this order as in every other.
    for sampler in (Halton(3, shape=(1, 3)), LowEntropy(3), TopMargin(3), EntropyBounded(0.0)):
        assert g_test(samples_of(sampler, weight=0.0), PROBLEM.cond) > 1e-3


INDEPENDENT = [torch.tensor(p, dtype=torch.float64) for p in ([0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8])]


def product(laws: list[Tensor]) -> Tensor:
    return torch.einsum("a,b,c->abc", *laws)


@pytest.mark.parametrize(
    "sampler",
    [TopMargin(1), TopMargin(3), LowEntropy(2), EntropyBounded(0.7), Halton(2, shape=(3, 1)), Blocks(LowEntropy(2), 2)],
    ids=str,
)
def test_independent_positions_are_exact(sampler: Sampler) -> None:
    problem = Problem(Masked(3), product(INDEPENDENT), torch.full((3, 3, 3), 1 / 27, dtype=torch.float64))
    assert g_test(samples_of(sampler, problem), problem.target(WEIGHT)) > 1e-3


def test_low_confidence_is_biased_towards_modes_even_there() -> None:
    # Two fair copies of (0.6, 0.4): one draw each, of which a 0 is kept if there is one, then the other drawn anew. So
    # the first is 0 with probability 1 - 0.4^2 = 0.84, the other with 0.6: 0.72 in the mean, 0.14 in total variation.
    fair = torch.tensor([0.6, 0.4], dtype=torch.float64)
    problem = Problem(Masked(2), torch.outer(fair, fair), torch.full((2, 2), 0.25, dtype=torch.float64))
    law = law_of(problem, 0.0, surest(ONE, confidence))
    tokens = samples_of(LowConfidence(2), problem, 0.0)
    assert g_test(tokens, law) > 1e-3
    assert abs(float((tokens == 0).double().mean()) - 0.72) < 0.006
    assert abs(distance(law, problem.cond) - 0.144) < 1e-9
    # In one step nothing is rejected.
    assert g_test(samples_of(LowConfidence(1), problem, 0.0), problem.cond) > 1e-3


# --- against plain code, sample by sample ----------------------------------------------------------------------------


def by_hand(network: Network, initial: Tensor, index: int, label: int, counts: list[int], noise: float) -> Tensor:
    """LowConfidence for one sample: `counts` masks are left after each step."""
    tokens, w, total = initial.clone(), 2.0, int((initial == 4).sum())
    for step, keep in enumerate(counts):
        masked = [i for i in range(8) if tokens[i] == 4]
        if not masked:
            break
        logits = [network(tokens.unsqueeze(0), torch.zeros(1), torch.tensor([c]))[0].double() for c in (label, 3)]
        q = torch.softmax((1 + w) * logits[0] - w * logits[1], -1)
        where = torch.tensor(masked)
        u = uniform(3, Stream.LANDING, torch.full_like(where, index), where, step)
        drawn = {i: int((q[i].cumsum(-1) <= x).sum()) for i, x in zip(masked, u, strict=True)}
        clock = -uniform(3, Stream.CLOCK, torch.full_like(where, index), where, step + 1).log()
        shake = noise * (1 - (step + 1) / len(counts)) * -clock.log()
        score = {i: float(q[i, drawn[i]].log() + s) for i, s in zip(masked, shake, strict=True)}
        leaving = sorted(masked, key=lambda i: (-score[i], i))[: len(masked) - keep]
        for i in leaving:
            tokens[i] = drawn[i]
    assert total == 0 or (tokens != 4).all()
    return tokens


def published(n: int, grid: str, steps: int) -> list[int]:
    """Masks left after each step, as the papers' code has it."""
    left, seen = n, []
    for k in range(1, steps + 1):
        if grid == "uniform":  # LLaDA: equal shares, the first ones larger
            left -= n // steps + (k <= n % steps)
        elif grid == "cosine":  # MaskGIT: one token at least, and one mask at least is left for the last step
            floor = math.floor(n * math.cos(math.pi / 2 * k / steps) + 1e-9)
            left = max(1, min(left - 1, floor)) if k < steps else 0
        else:  # Halton: how many are decided
            share = 1 - math.acos(k / steps) / (math.pi / 2)
            left = max(0, n - max(k, math.floor(n * share + 1e-9)))
        seen.append(left)
    return seen


@pytest.mark.parametrize("noise", [0.0, 2.0])
@pytest.mark.parametrize("grid", ["uniform", "cosine"])
def test_low_confidence_is_what_plain_code_does(grid: str, noise: float) -> None:
    network, initial = Network(4), prompts()
    tokens = draw(network, LowConfidence(3, grid, noise), initial=initial).tokens
    for i, label in enumerate(LABELS.tolist()):
        n = int((initial[i] == 4).sum())
        expected = by_hand(network, initial[i], i, label, published(n, grid, 3) if n >= 3 else [0, 0, 0], noise)
        assert torch.equal(tokens[i], expected)


def test_the_most_probable_tokens_are_taken_at_temperature_zero() -> None:
    network = Network(4)
    tokens = draw(network, LowConfidence(8), decoding=Decoding(temperature=0)).tokens
    for row, label in zip(tokens, LABELS.tolist(), strict=True):
        x = torch.full((8,), 4)
        for _ in range(8):
            logits = [network(x.unsqueeze(0), torch.zeros(1), torch.tensor([c]))[0].double() for c in (label, 3)]
            best = torch.softmax(3 * logits[0] - 2 * logits[1], -1).max(-1)
            i = int(torch.where(x == 4, best.values, -1.0).argmax())
            x[i] = best.indices[i]
        assert torch.equal(row, x)


@pytest.mark.parametrize("grid", ["uniform", "cosine", "arccos"])
def test_counts_are_the_published_ones(grid: str) -> None:
    for steps in (1, 2, 5, 8, 12, 32):
        counts = remaining(steps, grid, 300, torch.device("cpu"))
        assert counts.shape == (301, steps + 1)
        assert torch.equal(counts[:, 0], torch.arange(301))
        for n in range(301):
            ours, theirs = counts[n, 1:].tolist(), published(n, grid, steps)
            if grid == "cosine" and n < steps:
                # MaskGIT idles before its last mask then: here a step that would change nothing is none.
                moves = [k for k, _ in itertools.groupby([n, *theirs])][1:] if n else []
                theirs = moves + [0] * (steps - len(moves))
            assert ours == theirs, (n, steps)


def test_counts_of_given_shares() -> None:
    counts = remaining(4, (1.0, 0.9, 0.5, 0.29, 0.0), 100, torch.device("cpu"))
    assert counts[100].tolist() == [100, 90, 50, 29, 0]
    assert counts[10].tolist() == [10, 9, 5, 2, 0]
    assert counts[2].tolist() == [2, 1, 0, 0, 0]


# --- steps -----------------------------------------------------------------------------------------------------------


class Watch(Observer):
    """What was asked and what landed, step by step: (sample, position) by global index."""

    def __init__(self) -> None:
        self.asked: list[set[tuple[int, int]]] = []
        self.took: list[set[tuple[int, int]]] = []
        self.levels: list[Tensor] = []

    def looked(self, run: Any, tokens: Tensor, time: Tensor, predictions: Any) -> None:
        query = predictions.query
        assert (tokens[query.sample, query.position] == run.process.mask_id).all()
        self.asked.append(set(zip(query.sample.tolist(), query.position.tolist(), strict=True)))

    def landed(self, run: Any, landing: Any) -> None:
        self.took.append(set(zip(landing.sample.tolist(), landing.position.tolist(), strict=True)))
        self.levels.append(landing.level)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_each_position_lands_once_and_only_samples_with_masks_are_in_the_call(sampler: Sampler) -> None:
    network, watch, initial = Network(4), Watch(), prompts()
    samples = draw(network, sampler, initial=initial, callback=watch, trajectory=True)
    masked = {(int(i), int(j)) for i, j in (initial == 4).nonzero()}
    assert sum(len(took) for took in watch.took) == len(masked)
    assert set().union(*watch.took) == masked
    assert all(took <= asked for took, asked in zip(watch.took, watch.asked, strict=True))
    assert samples.calls.conditional == samples.calls.reference == len(network.calls) == len(watch.asked)
    for asked, (tokens, _, _) in zip(watch.asked, network.calls, strict=True):
        assert len(tokens) == 2 * len({i for i, _ in asked})
    assert samples.trajectory is not None
    assert all(torch.equal(x[initial != 4], initial[initial != 4]) for x in samples.trajectory.tokens)
    assert not samples.forced.any()
    level = torch.cat(watch.levels)
    assert ((level > 0) & (level < 1)).all()


@pytest.mark.parametrize("grid", ["uniform", "cosine", "arccos"])
@pytest.mark.parametrize("kind", [LowConfidence, TopMargin, LowEntropy])
def test_masks_left_after_each_step(kind: Any, grid: str) -> None:
    path = draw(Network(4), kind(4, grid), initial=prompts(), trajectory=True).trajectory
    assert path is not None
    left = (path.tokens == 4).sum(-1)
    for i, n in enumerate([8, 5, 1, 0, 4]):
        assert left[:, i].tolist() == remaining(4, grid, n, torch.device("cpu"))[n, : len(left)].tolist()
        if n:
            assert torch.allclose(path.times[:, i], left[:, i].double() / n)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_samples_do_not_depend_on_the_batch(sampler: Sampler) -> None:
    initial = prompts()
    options: dict[str, Any] = {"initial": initial, "guidance": Normalized(RampUp(3.0))}
    whole = draw(Network(4), sampler, **options).tokens
    for size in (1, 2, 3):
        assert torch.equal(draw(Network(4), sampler, batch_size=size, **options).tokens, whole)
    for i in range(5):
        part = options | {"initial": initial[[i]], "condition": LABELS[[i]], "first_index": i}
        assert torch.equal(draw(Network(4), sampler, **part).tokens, whole[[i]])


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_one_weight_a_sample_is_as_many_runs(sampler: Sampler) -> None:
    weights = torch.tensor([-1.0, 0.0, 0.5, 2.0, 6.0])
    together = draw(Network(4), sampler, guidance=Normalized(weights)).tokens
    for i, weight in enumerate(weights.tolist()):
        assert torch.equal(draw(Network(4), sampler, guidance=Normalized(weight)).tokens[i], together[i])


@pytest.mark.parametrize("sampler", [LowConfidence(2), TopMargin(2), LowEntropy(2), Halton(2, shape=(2, 4))], ids=str)
def test_w_is_its_mean_over_the_levels_of_the_step(sampler: Sampler) -> None:
    # Eight masks, four a step: from level 1 to 1/2, where the mean of this ramp is 1, and on to 0, where it is 3.
    steps = Piecewise(((0.0, 3.0), (0.5, 3.0), (0.5, 1.0), (1.0, 1.0)))
    ramp = draw(Network(4), sampler, guidance=Normalized(RampUp(4.0))).tokens
    assert torch.equal(ramp, draw(Network(4), sampler, guidance=Normalized(steps)).tokens)
    assert not torch.equal(ramp, draw(Network(4), sampler, guidance=Normalized(2.0)).tokens)


def test_alpha_and_a_mask_inside_the_vocabulary_change_nothing() -> None:
    for sampler in SAMPLERS:
        plain = draw(Network(4), sampler)
        cosine = draw(Network(4), sampler, process=Masked(4, noise=dguide.noise.Cosine()))
        assert torch.equal(plain.tokens, cosine.tokens)
        inside = draw(Network(4), sampler, process=Masked(4, mask_id=1)).tokens
        assert not (inside == 1).any()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_the_number_of_steps_ahead_is_a_bound(sampler: Sampler) -> None:
    from dguide.samplers import Run

    index, initial = torch.arange(5), prompts()
    run = Run(Network(4), Masked(4), Normalized(1.0), LABELS, LABELS, 0, index, index, 8, initial)
    states = list(sampler.states(run))
    ahead = [sampler.length(run, state) for state in states]
    assert ahead[-1] == 0
    assert len(states) - 1 <= ahead[0] <= 8 * 2
    if not isinstance(sampler, (Blocks, EntropyBounded)):
        assert ahead == list(range(len(states)))[::-1]


# --- entropy bounds --------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), bound=st.sampled_from([0.0, 0.3, 1.0, 2.5, 50.0]), scale=st.floats(0.1, 8.0))
def test_the_largest_set_of_lowest_entropies_within_the_bound_leaves(seed: int, bound: float, scale: float) -> None:
    network, watch = Network(4, seed=seed, scale=scale), Watch()
    path = draw(network, EntropyBounded(bound), callback=watch, trajectory=True, guidance=Normalized(1.0)).trajectory
    assert path is not None
    for k, took in enumerate(watch.took):
        x = path.tokens[k]
        cond, ref = (network(x, torch.ones(5), c).double() for c in (LABELS, torch.full((5,), 3)))
        entropy = torch.special.entr(torch.softmax(2 * cond - ref, -1)).sum(-1)
        for i in range(5):
            leaving = [float(entropy[i, j]) for s, j in took if s == i]
            staying = [float(entropy[i, j]) for j in range(8) if x[i, j] == 4 and (i, j) not in took]
            assert bool(leaving) == bool((x[i] == 4).any())
            if not leaving:
                continue
            assert len(leaving) == 1 or sum(leaving) - max(leaving) <= bound + 1e-4
            if staying:
                assert max(leaving) <= min(staying) + 1e-4
                assert sum(leaving) > bound - 1e-4  # the next one would break it


def test_tokens_of_one_step_share_no_more_than_the_bound() -> None:
    for seed in range(12):
        law = law_on_data(Masked(3), 4, seed, 3.0)
        problem = Problem(Masked(3), law, law)
        for bound in (0.2, 0.8, 1.6):
            watch = Watch()
            dguide.sample(
                problem.oracle(),
                process=problem.process,
                length=4,
                condition=torch.zeros(1, dtype=torch.int64),
                guidance=Normalized(0.0),
                sampler=EntropyBounded(bound),
                callback=watch,
            )
            chosen = sorted(j for _, j in watch.took[0])
            rest = tuple(j for j in range(4) if j not in chosen)
            joint = law.sum(rest) if rest else law
            alone = [law.sum(tuple(i for i in range(4) if i != j)) for j in chosen]
            shared = sum(torch.special.entr(p).sum() for p in alone) - torch.special.entr(joint).sum()
            assert -1e-9 <= float(shared) <= bound
    assert len(chosen) > 1  # the last bound let several leave


# --- blocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [*INSIDE, Halton(2, shape=(2, 4))], ids=str)
def test_blocks_are_filled_from_left_to_right_and_later_ones_are_not_looked_at(inside: Any) -> None:
    initial, watch = prompts(), Watch()
    draw(Network(4), Blocks(inside, 3), initial=initial, callback=watch)
    start = (initial == 4).long().argmax(-1)
    decided: set[tuple[int, int]] = set()
    for asked, took in zip(watch.asked, watch.took, strict=True):
        for i in {i for i, _ in asked}:
            masks = [j for j in range(8) if initial[i, j] == 4 and (i, j) not in decided]
            block = (masks[0] - int(start[i])) // 3
            here = {j for j in masks if (j - int(start[i])) // 3 == block}
            looked = {j for s, j in asked if s == i}
            assert looked == here or (isinstance(inside, Halton) and looked <= here)
        decided |= took


def test_a_block_as_long_as_the_sample_is_the_sampler_inside() -> None:
    for sampler in [*INSIDE, Halton(3, shape=(2, 4))]:
        for initial in (None, prompts()):
            inside = draw(Network(4), sampler, initial=initial, trajectory=True)
            blocks = draw(Network(4), Blocks(sampler, 8), initial=initial, trajectory=True)
            assert inside.trajectory is not None
            assert blocks.trajectory is not None
            assert torch.equal(inside.trajectory.tokens, blocks.trajectory.tokens)
            assert torch.equal(inside.trajectory.times, blocks.trajectory.times)


def test_every_block_has_its_own_steps_and_levels() -> None:
    path = draw(Network(4), Blocks(TopMargin(2), 4), trajectory=True).trajectory
    assert path is not None
    assert (path.tokens[:, 0] == 4).sum(-1).tolist() == [8, 6, 4, 2, 0]
    assert path.times[:, 0].tolist() == [1.0, 0.5, 0.0, 0.5, 0.0]


# --- SMC -------------------------------------------------------------------------------------------------------------

WEIGHABLE = [(sampler, rule) for sampler, rule in LAWS if sampler.predictable]


@pytest.mark.parametrize(("inside", "rule"), WEIGHABLE, ids=lambda x: str(x) if isinstance(x, Sampler) else "")
def test_particles_are_weighed_by_what_is_left_out(inside: Sampler, rule: Rule) -> None:
    mass = law_of(PROBLEM, 1.0, rule, weighed=True)
    count = 3000
    result = dguide.sample(
        PROBLEM.oracle(),
        process=PROBLEM.process,
        length=3,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=Normalized(1.0),
        sampler=SMC(4, inside),
        seed=4,
    )
    assert result.log_normalizer is not None
    estimate = result.log_normalizer.exp()
    assert abs(float(estimate.mean() - mass.sum())) < 4 * float(estimate.std()) / math.sqrt(count)
    one = samples_of(SMC(1, inside), PROBLEM, 1.0, 500)
    assert torch.equal(one, samples_of(inside, PROBLEM, 1.0, 500))


def test_many_particles_reach_the_target_where_one_position_leaves_a_step() -> None:
    problem = Problem(Masked(2), COND3, UNCOND3)
    target, count = problem.target(2.0), 2000
    noise = 0.5 * float((2 * target * (1 - target) / (math.pi * count)).sqrt().sum())
    far = [
        distance(counts_of(samples_of(sampler, problem, 2.0, count), 2) / count, target)
        for sampler in (TopMargin(3), SMC(64, TopMargin(3)))
    ]
    assert far[1] < 2 * noise < 4 * noise < far[0]


def test_who_is_chosen_by_the_token_cannot_be_weighed() -> None:
    for sampler in (LowConfidence(2), Blocks(LowConfidence(2), 2)):
        with pytest.raises(ValueError, match=r"SMC sampler: got .*LowConfidence.*Use one of Ancestral"):
            SMC(2, sampler)
