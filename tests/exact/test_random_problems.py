"""Random problems are distributions, depend on the seed alone, and have the properties of their parameters."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from dguide.exact import random_problems
from dguide.exact.random_problems import RANDOM_PROBLEMS, dirichlet, ising, markov, mixture

every_family = pytest.mark.parametrize("family", RANDOM_PROBLEMS)
SHARE = {"dirichlet": 0.2, "mixture": 1 / 5, "markov": 1 / 5, "ising": 1 / 5}
STRONG = {
    "dirichlet": {"concentration": 0.1, "share": 0.1},
    "mixture": {"overlap": 0.1, "classes": 10},
    "markov": {"concentration": 0.1, "classes": 10},
    "ising": {"field": 3.0, "classes": 10},
}


@every_family
@pytest.mark.parametrize(("n", "d"), [(2, 4), (3, 3), (5, 2)])
def test_the_condition_is_part_of_the_whole(family, n, d):
    problem = RANDOM_PROBLEMS[family](n, d, seed=3)
    for law in (problem.cond, problem.uncond):
        assert law.shape == (n,) * d
        assert float(law.sum()) == pytest.approx(1, abs=1e-12)
    rest = problem.uncond - SHARE[family] * problem.cond
    assert float(rest.min()) >= -1e-15
    assert 0 < problem.log_z(3.0) <= 3 * math.log(1 / SHARE[family])
    assert problem.name == f"{family} n={n} d={d} seed=3"


@every_family
def test_a_seed_is_a_problem(family):
    first, again, other = (RANDOM_PROBLEMS[family](3, 3, seed) for seed in (1, 1, 2))
    assert torch.equal(first.cond, again.cond)
    assert torch.equal(first.uncond, again.uncond)
    assert 0.5 * float((first.cond - other.cond).abs().sum()) > 0.02


@every_family
def test_the_global_generator_is_left_alone(family):
    state = torch.random.get_rng_state()
    RANDOM_PROBLEMS[family](2, 3, 0)
    assert torch.equal(torch.random.get_rng_state(), state)


@every_family
def test_guidance_can_be_strong(family):
    log_z = sorted(RANDOM_PROBLEMS[family](3, 4, seed, **STRONG[family]).log_z(3.0) for seed in range(10))
    assert log_z[2] > 3.5


def test_parameters_move_the_strength_of_guidance():
    def median(make, **parameters):
        return sorted(make(3, 3, seed, **parameters).log_z(3.0) for seed in range(11))[5]

    assert median(dirichlet, concentration=5.0) < 1.5 < 3 < median(dirichlet, concentration=0.2)
    assert median(mixture, overlap=0.9) < 1 < 3 < median(mixture, overlap=0.2)
    assert median(markov, concentration=20.0) < 1 < 3 < median(markov, concentration=0.3)
    assert median(ising, field=0.3) < 1 < 3 < median(ising, field=3.0)


@pytest.mark.parametrize("overlap", [0.02, 0.3, 0.95])
@pytest.mark.parametrize("spread", [0.0, 1.0])
@pytest.mark.parametrize(("n", "d", "seed"), [(2, 4, 0), (2, 4, 5), (4, 3, 1)])
def test_classes_of_a_mixture_overlap_as_asked(overlap, spread, n, d, seed):
    problem = mixture(n, d, seed, overlap=overlap, classes=4, spread=spread)
    others = (4 * problem.uncond - problem.cond) / 3
    assert float(torch.minimum(problem.cond, others).sum()) == pytest.approx(overlap, abs=1e-6)


def test_positions_of_a_class_of_a_mixture_are_independent():
    cond = mixture(3, 3, 7).cond
    first, second, third = cond.sum((1, 2)), cond.sum((0, 2)), cond.sum((0, 1))
    assert torch.allclose(cond, torch.einsum("i,j,k->ijk", first, second, third), atol=1e-15)


def test_a_spread_makes_some_positions_sure_and_leaves_others_open():
    def contrast(spread):
        marginals = [mixture(3, 6, seed, spread=spread).cond for seed in range(5)]
        sure = torch.stack([law.movedim(i, 0).flatten(1).sum(-1).max() for law in marginals for i in range(6)])
        return float(sure.std())

    assert contrast(1.5) > 1.4 * contrast(0.0)


def test_markov_chains_forget_all_but_the_last_token():
    for law in (markov(3, 4, 2).cond, markov(2, 3, 2).cond):
        past = law.flatten(0, -3)  # what came before, the last but one, the last
        last = (past / past.sum(-1, keepdim=True))[past.sum((-1, -2)) > 1e-9]
        assert torch.allclose(last, last[:1].expand_as(last), atol=1e-9)


def test_ising_counts_neighbours_and_agreement_with_the_pattern():
    n, d, coupling, field = 2, 6, 0.7, 1.3  # 2 rows of 3
    problem = ising(n, d, 4, coupling=coupling, field=field)
    pattern = torch.tensor(max(product(range(n), repeat=d), key=lambda x: float(ising(n, d, 4, 0.0, 9.0).cond[x])))
    pairs = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
    weights = torch.zeros([n] * d, dtype=torch.float64)
    for x in product(range(n), repeat=d):
        alike = sum(x[i] == x[j] for i, j in pairs)
        right = sum(int(a == b) for a, b in zip(x, pattern.tolist(), strict=True))
        weights[x] = math.exp(coupling * alike + field * right)
    assert torch.allclose(problem.cond, weights / weights.sum(), atol=1e-14)


def test_dirichlet_tables_have_the_spread_of_their_law():
    # Var of a coordinate of a symmetric Dirichlet law over S states is (S - 1) / (S^2 (S a + 1)).
    a, states = 0.3, 8
    values = torch.stack([dirichlet(2, 3, seed, concentration=a).cond.flatten() for seed in range(1500)])
    variance = (states - 1) / (states**2 * (states * a + 1))
    assert float(values.var()) == pytest.approx(variance, rel=0.08)


def test_the_ends_of_the_ranges_make_problems():
    assert mixture(3, 4, 0, spread=10.0).log_z(3.0) > 0
    assert ising(2, 3, (1 << 43) - 1, coupling=1e6, field=-1e6).log_z(1.0) >= 0


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: dirichlet(1, 3, 0), "at least 2 tokens"),
        (lambda: markov(3, 0, 0), "at least 1 position"),
        (lambda: ising(9, 9, 0), "exact state space"),
        (lambda: dirichlet(2, 2, 0, concentration=0.0), "concentration"),
        (lambda: dirichlet(2, 2, 0, share=0.0), "share"),
        (lambda: mixture(2, 2, 0, overlap=1.0), "overlap"),
        (lambda: mixture(2, 2, 0, classes=1), "classes"),
        (lambda: mixture(2, 2, 0, spread=-1.0), "spread"),
        (lambda: markov(2, 2, 0, concentration=-1.0), "concentration"),
        (lambda: ising(2, 2, 0, classes=5), "4 patterns"),
        (lambda: ising(2, 2, 0, field=math.inf), "field"),
        (lambda: ising(2, 2, 0, field=1e308), "field"),
        (lambda: ising(2, 2, 0, coupling="a"), "coupling"),
        (lambda: mixture(2, 2, 0, overlap="a"), "overlap"),
        (lambda: mixture(2, 2, 0, spread=math.inf), "spread"),
        (lambda: mixture(2, 2, 0, spread=1e4), "spread"),
        (lambda: mixture(2, 2, 0, classes=2.5), "classes"),
        (lambda: markov(2, 2, 0, classes=2.0), "classes"),
        (lambda: markov(2, 2, 0, classes=10**10), "classes"),
        (lambda: dirichlet(2, 2, 0, concentration=math.inf), "concentration"),
        (lambda: dirichlet(2, 2, 0.5), "seed"),
        (lambda: dirichlet(2, 2, 10**20), "seed"),
    ],
)
def test_what_makes_no_problem_is_refused(call, what):
    with pytest.raises(ValueError, match=what):
        call()


def test_families_are_named_once():
    assert set(RANDOM_PROBLEMS) == set(random_problems.__all__) - {"RANDOM_PROBLEMS"}
