"""Closed forms against formulas by hand, the solution in continuous time and a dense generator."""

from __future__ import annotations

import math
from itertools import permutations, product

import pytest
import torch
from dense import at_levels, data, prior
from helpers import f64, table
from judge import COND, COND3, UNCOND, UNCOND3, distance

from dguide import (
    Cosine,
    Interval,
    InverseLinear,
    Linear,
    Masked,
    Normalized,
    Piecewise,
    RampUp,
    Unlocking,
    exact,
    noise,
)

ONE = exact.Problem(Masked(3), COND.sum(1), UNCOND.sum(1))
TWO = exact.Problem(Masked(3), COND, UNCOND)
THREE = exact.Problem(Masked(2), COND3, UNCOND3)
MECHANISMS = [Normalized, Unlocking]
every_mechanism = pytest.mark.parametrize("mechanism", MECHANISMS)
WEIGHTS = [-1.0, -0.5, 0.0, 1.0, 3.0]
SCHEDULES = [RampUp(3.0, 0.2, 0.5), Interval(4.0, 0.25, 0.8), InverseLinear(2.0), Cosine(3.0), Linear(-0.4)]


def z(cond, ref, w):
    """Z_w over the last axis, of positive distributions."""
    return (cond ** (1 + w) * ref ** (-w)).sum(-1)


def given(law, i, state, decided):
    """p(x_i | x_decided) in plain indexing."""
    picked = law[tuple(state[j] if j in decided else slice(None) for j in range(law.ndim))]
    left = [j for j in range(law.ndim) if j not in decided]
    marginal = picked.sum([k for k, j in enumerate(left) if j != i]) if len(left) > 1 else picked
    return marginal / marginal.sum()


# One position.


@every_mechanism
@pytest.mark.parametrize("w", WEIGHTS)
def test_one_position_at_constant_weight(w, mechanism):
    """The tilted distribution for both mechanisms; masked with probability t or t^Z."""
    solution = exact.one_position(ONE, mechanism(w))
    power = float(z(ONE.cond, ONE.uncond, w)) if mechanism is Unlocking else 1.0
    assert distance(solution.final, ONE.target(w)) < 1e-13
    torch.testing.assert_close(solution.masked_fraction, solution.times**power, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@every_mechanism
def test_one_position_under_a_schedule(mechanism, schedule):
    problem = exact.Problem(Masked(3, noise=noise.Cosine()), ONE.cond, ONE.uncond)
    closed, solved = (solve(problem, mechanism(schedule)) for solve in (exact.one_position, exact.solve))
    assert distance(closed.final, solved.final) < 1e-8
    assert torch.equal(closed.times, solved.times)
    torch.testing.assert_close(closed.masked_fraction, solved.masked_fraction, rtol=0, atol=1e-8)


@every_mechanism
def test_one_position_with_a_jump_of_the_weight(mechanism):
    """w = 2 down to m = 0.3, then 0.5. By hand: a mixture of two tilted distributions by the jump probability."""
    late = 0.3 ** (float(z(ONE.cond, ONE.uncond, 2.0)) if mechanism is Unlocking else 1.0)
    expected = (1 - late) * ONE.target(2.0) + late * ONE.target(0.5)
    schedule = Piecewise(((0, 0.5), (0.3, 0.5), (0.3, 2), (1, 2)))
    assert distance(exact.one_position(ONE, mechanism(schedule)).final, expected) < 1e-13


def test_early_and_late_are_alike_for_one_position_and_normalized():
    """The jump level is uniform, so w and its mirror image give the same result. With Unlocking early w count more."""
    late, early = (exact.one_position(ONE, Normalized(s(2.0))).final for s in (Linear, InverseLinear))
    assert distance(late, early) < 1e-13
    late, early = (exact.one_position(ONE, Unlocking(s(2.0))).final for s in (Linear, InverseLinear))
    assert distance(early, ONE.cond) > distance(late, ONE.cond) + 0.05


def test_one_position_at_weights_that_no_step_could_follow():
    """Z is e^430: all positions jump at once, at the largest weight."""
    assert distance(exact.one_position(ONE, Unlocking(300.0)).final, ONE.target(300.0)) < 1e-13
    final = exact.one_position(ONE, Unlocking(InverseLinear(150.0))).final
    assert distance(final, ONE.target(300.0)) < 1e-12


# Any number of positions, constant weight.


@every_mechanism
@pytest.mark.parametrize("w", [-0.5, 1.0, 3.0])
def test_two_positions_by_hand(w, mechanism):
    c, u = COND, UNCOND
    tilted = c ** (1 + w) * u ** (-w)
    first, second = z(c.sum(1), u.sum(1), w), z(c.sum(0), u.sum(0), w)
    second_then = z(c / c.sum(1, keepdim=True), u / u.sum(1, keepdim=True), w).unsqueeze(1)
    first_then = z((c / c.sum(0)).T, (u / u.sum(0)).T, w).unsqueeze(0)
    expected = {
        Normalized: tilted / 2 * (1 / (first * second_then) + 1 / (second * first_then)),
        Unlocking: tilted / (first + second) * (1 / second_then + 1 / first_then),
    }[mechanism]
    assert distance(exact.jump_chain(TWO, mechanism(w)), expected) < 1e-14


@every_mechanism
def test_all_orders_of_three_positions(mechanism):
    """T(x) times a sum over orders: 1 / (3! prod Z) for Normalized, 1 / prod (sum of Z) for Unlocking."""
    w, d = 2.0, 3
    expected = torch.zeros_like(COND3)
    for state in product(range(2), repeat=d):
        for order in permutations(range(d)):
            route = 1.0
            for k, i in enumerate(order):
                pace = {
                    j: float(z(*(given(law, j, state, order[:k]) for law in (COND3, UNCOND3)), w)) for j in order[k:]
                }
                route /= (d - k) * pace[i] if mechanism is Normalized else sum(pace.values())
            expected[state] += route
    expected *= COND3 ** (1 + w) * UNCOND3 ** (-w)
    assert distance(exact.jump_chain(THREE, mechanism(w)), expected) < 1e-14


@every_mechanism
@pytest.mark.parametrize("w", WEIGHTS)
@pytest.mark.parametrize(
    "problem",
    [
        ONE,
        TWO,
        THREE,
        exact.Problem(Masked(3), table(3, 4, 1), table(3, 4, 2)),
        exact.Problem(Masked(4, mask_id=0), *(torch.nn.functional.pad(p, (1, 0, 1, 0)) for p in (COND, UNCOND))),
        exact.Problem(Masked(2), f64(1, 0, 0, 1).view(2, 2) / 2, f64(3, 1, 2, 2).view(2, 2) / 8),
    ],
    ids=["one", "two", "three", "four", "mask is a column", "zeros"],
)
def test_the_jump_chain_is_the_continuous_law(problem, w, mechanism):
    assert distance(exact.jump_chain(problem, mechanism(w)), exact.solve(problem, mechanism(w)).final) < 1e-8


def test_what_is_missing_is_the_look_ahead():
    """h(x_A) is the partition function of all masked positions. Landing with Z_i q_w(y) h(x_A, y) / h(x_A) gives the
    target in any order, and these rates keep the unguided pace."""
    w, d = 3.0, 3
    weights = COND3 ** (1 + w) * UNCOND3 ** (-w)

    def look_ahead(state, decided):
        left = [j for j in range(d) if j not in decided]
        tables = [law.sum(left) for law in (COND3, UNCOND3)] if left else [COND3, UNCOND3]
        here = tuple(state[j] for j in sorted(decided))
        fixed = tuple(state[j] if j in decided else slice(None) for j in range(d))
        return float(weights[fixed].sum() / (tables[0][here] ** (1 + w) * tables[1][here] ** (-w)))

    blind = torch.zeros(2)
    for state in product(range(2), repeat=d):
        for order in permutations(range(d)):
            chance, missing = 1.0, 1.0
            for k, i in enumerate(order):
                laws = [given(law, i, state, order[:k]) for law in (COND3, UNCOND3)]
                rates = laws[0] ** (1 + w) * laws[1] ** (-w)
                seen = [look_ahead((*state[:i], y, *state[i + 1 :]), order[: k + 1]) for y in range(2)]
                seen = f64(*seen) / look_ahead(state, order[:k])
                assert float(rates @ seen) == pytest.approx(1.0, abs=1e-12)
                chance *= float((rates * seen)[state[i]])
                missing *= float(rates[state[i]] / rates.sum())
            assert chance == pytest.approx(float(THREE.target(w)[state]), rel=1e-10)
            blind += f64(missing / 6, 0)
    assert float(blind[0]) == pytest.approx(1.0)
    assert distance(exact.jump_chain(THREE, Normalized(w)), THREE.target(w)) > 0.1  # the error without it


@every_mechanism
def test_independent_positions_need_no_look_ahead(mechanism):
    """For product distributions every partition function is constant, and the result is the target."""
    c, u = (torch.einsum("a,b,c->abc", *(table(3, 1, seed + k) for k in range(3))) for seed in (0, 7))
    problem = exact.Problem(Masked(3), c, u)
    assert distance(exact.jump_chain(problem, mechanism(3.0)), problem.target(3.0)) < 1e-13


# Divergence and distances.


@pytest.mark.parametrize("w", [-0.9, -0.3, 0.5, 1.0, 7.0])
@pytest.mark.parametrize("problem", [ONE, TWO, THREE], ids=["one", "two", "three"])
def test_log_z_is_w_times_a_renyi_divergence(problem, w):
    assert problem.log_z(w) == pytest.approx(w * exact.renyi(problem.cond, problem.uncond, 1 + w), rel=1e-12)


def test_renyi_divergence():
    p, q = f64(0.5, 0.5), f64(0.25, 0.75)
    assert exact.renyi(p, q, 2) == pytest.approx(math.log(4 / 3), rel=1e-14)
    assert exact.renyi(p, q, 1) == pytest.approx(0.5 * math.log(4 / 3), rel=1e-14)
    assert exact.renyi(p, q, 1 + 1e-6) == pytest.approx(exact.renyi(p, q, 1), rel=1e-5)
    assert exact.renyi(p, q, math.inf) == pytest.approx(math.log(2), rel=1e-14)
    assert exact.renyi(f64(1, 0), p, 0.5) == pytest.approx(math.log(2), rel=1e-14)
    assert exact.renyi(COND, COND, 3) == pytest.approx(0, abs=1e-14)


@every_mechanism
@pytest.mark.parametrize("problem", [ONE, TWO, THREE], ids=["one", "two", "three"])
def test_distance_to_noise(problem, mechanism):
    levels = [1.0, 0.9, 0.5, 0.1, 0.0]
    laws = at_levels(problem, mechanism(1.5), levels)
    expected = (laws - prior(problem)).abs().sum(-1) / 2
    assert torch.allclose(exact.distance_to_noise(problem, mechanism(1.5), f64(*levels)), expected, rtol=0, atol=1e-12)
    alone = [
        [given(law, i, (0,) * problem.positions, ()) for law in (problem.cond, problem.uncond)]
        for i in range(problem.positions)
    ]
    paces = [float(z(*pair, 1.5)) for pair in alone]
    power = sum(paces) if mechanism is Unlocking else problem.positions
    torch.testing.assert_close(expected, 1 - f64(*levels) ** power, rtol=0, atol=1e-12)


def test_distance_to_noise_under_a_schedule():
    """Normalized: 1 - m^d for every schedule. Unlocking: by hand for a weight that jumps."""
    levels = f64(0.8, 0.3, 0.1)
    moved = exact.distance_to_noise(THREE, Normalized(RampUp(3.0, 0.2, 0.5)), levels)
    torch.testing.assert_close(moved, 1 - levels**3, rtol=0, atol=1e-13)
    early, late = (1 - float(exact.distance_to_noise(THREE, Unlocking(w), f64(0.5))) for w in (2.0, 0.5))
    both = exact.distance_to_noise(THREE, Unlocking(Piecewise(((0, 0.5), (0.5, 0.5), (0.5, 2), (1, 2)))), f64(0.25))
    assert float(both) == pytest.approx(1 - early * late, rel=1e-12)


def left(problem, guidance, levels):
    """Total variation to the final distribution, from the dense generator. It is the probability of a mask."""
    laws = at_levels(problem, guidance, [*levels, 0.0])
    apart = (laws[:-1] - laws[-1]).abs().sum(-1) / 2
    some = 1 - torch.stack([data(problem, law).sum() for law in laws[:-1]])
    torch.testing.assert_close(apart, some, rtol=0, atol=1e-12)
    return apart


@every_mechanism
@pytest.mark.parametrize("w", [-1.0, 0.5, 2.0])
@pytest.mark.parametrize("problem", [ONE, TWO, THREE], ids=["one", "two", "three"])
def test_distance_to_data(problem, w, mechanism):
    levels = f64(1.0, 0.9, 0.5, 0.1)
    lower, upper = exact.distance_to_data(problem, mechanism(w), levels)
    apart = left(problem, mechanism(w), levels.tolist())
    assert bool((lower <= apart + 1e-12).all())
    assert bool((apart <= upper + 1e-12).all())
    if mechanism is Normalized or problem is ONE:
        torch.testing.assert_close(lower, upper, rtol=0, atol=1e-12)
        power = float(z(ONE.cond, ONE.uncond, w)) if mechanism is Unlocking else 1.0
        torch.testing.assert_close(upper, 1 - (1 - levels**power) ** problem.positions, rtol=0, atol=1e-12)


def test_a_mask_left_of_two_positions_by_hand():
    """Unlocking: m^S + sum over first jumps of Z_i q_i(x_i) (m^Z' - m^S) / (S - Z'), Z' of the other position then."""
    w, levels = 1.0, f64(0.9, 0.5, 0.1)
    total, first = 0.0, []
    for i in range(2):
        c, u = (law.movedim(i, 0) for law in (COND, UNCOND))
        rates = c.sum(1) ** (1 + w) * u.sum(1) ** (-w)
        first.append((rates, z(c / c.sum(1, keepdim=True), u / u.sum(1, keepdim=True), w)))
        total += float(rates.sum())
    expected = levels**total
    for rates, then in first:
        ends = (levels.unsqueeze(1) ** then - levels.unsqueeze(1) ** total) / (total - then)
        expected = expected + ends @ rates
    torch.testing.assert_close(left(TWO, Unlocking(w), levels.tolist()), expected, rtol=0, atol=1e-12)


def test_the_end_comes_doubly_exponentially_fast_in_one_position():
    """m^exp(w D_inf) <= TV = m^Z <= m^exp(w KL)."""
    kl, most = (exact.renyi(ONE.cond, ONE.uncond, order) for order in (1, math.inf))
    for w in (0.5, 1.0, 2.0, 3.0):
        apart = float(exact.distance_to_data(ONE, Unlocking(w), f64(0.9))[0])
        assert 0.9 ** math.exp(w * most) <= apart <= 0.9 ** math.exp(w * kl)


def test_the_end_does_not_in_two_if_one_follows_from_the_other():
    """p(x_2 | x_1) is the same with and without the condition: after x_1, x_2 leaves at the unguided pace for all w."""
    then = f64(0.6, 0.4, 0.3, 0.7).view(2, 2)
    problem = exact.Problem(Masked(2), f64(0.9, 0.1).unsqueeze(1) * then, f64(0.3, 0.7).unsqueeze(1) * then)
    apart = [float(left(problem, Unlocking(w), [0.5])[0]) for w in (0.0, 2.0, 4.0, 8.0)]
    assert min(apart) > 0.35
    both = exact.Problem(Masked(2), torch.outer(*[f64(0.9, 0.1)] * 2), torch.outer(*[f64(0.3, 0.7)] * 2))
    assert float(left(both, Unlocking(4.0), [0.5])[0]) < 1e-15


@pytest.mark.parametrize("order", [1 + 1e-15, 1 - 1e-12, 1 + 2e-7])
def test_the_divergence_is_continuous_at_one(order: float) -> None:
    p, q = f64([0.5, 0.5]), f64([0.9, 0.1])
    assert exact.renyi(p, q, order) == pytest.approx(exact.renyi(p, q, 1.0), abs=1e-6)
