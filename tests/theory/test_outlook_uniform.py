"""Signals of the uniform process, against rates and steps that are found from the tables of small problems.

Nothing of the process but its kernel is used for what is expected: rates are ratios of marginals, and steps come from
the joint distribution of three times.
"""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from helpers import chi_square, table

from dguide import Uniform
from dguide.exact import Problem
from dguide.noise import Cosine, Linear
from dguide.theory.outlook import outlook
from dguide.theory.outlook.contexts import Contexts
from dguide.theory.outlook.noising import Replacing
from dguide.theory.outlook.rates import Rates

W, VOCAB = 2.0, 3


@pytest.fixture(autouse=True)
def time_in_full():
    """The network is told the time in the default dtype. The exact law needs all its digits."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def problem(d=3, prediction="posterior", noise=Linear(), sharpness=1.5):
    cond, rest = (table(VOCAB, d, seed, sharpness) for seed in (0, 1))
    return Problem(Uniform(VOCAB, noise, prediction), cond, 0.3 * cond + 0.7 * rest)


class Recorded:
    """A denoiser, and the states that it was asked for first: those of the noise level."""

    time_dependent = True

    def __init__(self, denoiser, time=lambda t: t):
        self.denoiser, self.time, self.asked = denoiser, time, []

    def null(self, condition):
        return self.denoiser.null(condition)

    def __call__(self, tokens, time, condition):
        self.asked.append(tokens)
        return self.denoiser(tokens, self.time(time), condition)


class Erring:
    """The exact denoiser with normal errors of the logits, fixed for each state, position, token and label."""

    time_dependent = True

    def __init__(self, given, scale, seed=0):
        self.oracle, self.null = given.oracle(), given.oracle().null
        size = [2, *[VOCAB] * given.positions, given.positions, VOCAB]
        self.errors = scale * torch.randn(size, generator=torch.Generator().manual_seed(seed))

    def __call__(self, tokens, time, condition):
        return self.oracle(tokens, time, condition) + self.errors[(condition, *tokens.T)]


def held_out(given, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    code = torch.multinomial(given.cond.flatten(), count, replacement=True, generator=generator)
    return code.unsqueeze(-1) // VOCAB ** torch.arange(given.positions - 1, -1, -1) % VOCAB, torch.zeros_like(code)


def looked_at(given, level, denoiser=None, count=400, weight=W, **options):
    """The signals at one level, and the noised sequences [N, L]."""
    recorded = Recorded(denoiser or given.oracle()) if not isinstance(denoiser, Recorded) else denoiser
    options = {"sequences": count, "batch_size": count} | options
    found = outlook(recorded, given.process, *held_out(given, count), weight=weight, levels=[level], **options)
    return found.levels[0], recorded.asked[0]


def marginals(law, kernels):
    """The law of noised states, with the kernel [V, V] of each position."""
    for axis, kernel in enumerate(kernels):
        law = torch.tensordot(law, kernel, ([axis], [0])).movedim(-1, axis)
    return law


def kernel(given, level):
    return given.process.kernel(float(given.process.noise.time(torch.tensor(level))))


def ratios(given, law, level):
    """Rates per unit of noise level [V] * d + [d, V]: to y at the position, 0 for the token that is there."""
    d, noised = given.positions, marginals(law, [kernel(given, level)] * given.positions)
    rates = torch.zeros([VOCAB] * d + [d, VOCAB])
    for state in product(range(VOCAB), repeat=d):
        for i in range(d):
            for y in range(VOCAB):
                moved = (*state[:i], y, *state[i + 1 :])
                rates[(*state, i, y)] = (y != state[i]) * noised[moved] / noised[state] / ((1 - level) * VOCAB)
    return rates


def tilted(given, level, weight=W):
    """log exit rates [V] * d + [d] of the conditional, of `Normalized` and of `Unlocking`."""
    cond, ref = (ratios(given, law, level) for law in (given.cond, given.uncond))
    both = torch.where(cond > 0, cond ** (1 + weight) * ref ** (-weight), 0.0)
    normalized = (1 + weight) * cond.sum(-1).log() - weight * ref.sum(-1).log()
    return cond.sum(-1).log(), normalized, both.sum(-1).log()


def steps(given, law, high, low):
    """Laws of each position after the exact step from level `high` to `low`, [V] * d + [d, V]."""
    d, early, late = given.positions, kernel(given, low), kernel(given, high)
    onward = torch.linalg.solve(early, late)
    found = torch.zeros([VOCAB] * d + [d, VOCAB])
    for i in range(d):
        for y in range(VOCAB):
            through = early[:, y : y + 1] * onward[y : y + 1]
            found[..., i, y] = marginals(law, [through if j == i else late for j in range(d)])
    return found / found.sum(-1, keepdim=True)


def leaving(given, states, high, low, weight=W):
    """Positions that leave in an ancestral step, `Normalized` and `Unlocking`, mean over states [N, d]."""
    found = []
    here = states.unsqueeze(-1)
    for law in (given.cond, given.uncond):
        step = steps(given, law, high, low)[tuple(states.T)]
        stay = step.gather(-1, here)
        found.append((-stay.squeeze(-1).log(), step.scatter(-1, here, 0.0) / (1 - stay)))
    (cond, to_cond), (ref, to_ref) = found
    z = torch.where(to_cond > 0, to_cond ** (1 + weight) * to_ref ** (-weight), 0.0).sum(-1)
    rate = cond ** (1 + weight) * ref ** (-weight)
    return tuple(float((1 - torch.exp(-each)).sum(-1).mean()) for each in (rate, rate * z))


exact_cases = pytest.mark.parametrize(
    ("prediction", "noise", "level", "weight"),
    [
        ("posterior", Linear(), 0.625, W),
        ("leave-one-out", Linear(), 0.3, W),
        ("posterior", Cosine(), 0.3, 0.5),
        ("leave-one-out", Cosine(), 0.9, 5.0),
    ],
)


@exact_cases
def test_z_pace_and_leaving_are_those_of_the_mechanisms_at_every_state(prediction, noise, level, weight):
    given = problem(prediction=prediction, noise=noise)
    signals, states = looked_at(given, level, weight=weight)
    cond, normalized, unlocking = (each[tuple(states.T)] for each in tilted(given, level, weight))
    torch.testing.assert_close(signals.positions, unlocking - normalized, rtol=0, atol=1e-10)
    jumps = cond.exp() / cond.exp().sum()
    assert signals.log_z == pytest.approx(float((jumps * (unlocking - normalized)).sum()), abs=1e-10)
    assert signals.pace == pytest.approx(float((jumps * (normalized - cond)).sum()), abs=1e-10)
    for count in (8, 1):  # in one step to data, too
        expected = leaving(given, states, level, max(0.0, level - 1 / count), weight)
        assert signals.leaving(count) == pytest.approx(expected, abs=1e-10)
    assert signals.leaving(8)[0] != pytest.approx(signals.leaving(8)[1], abs=1e-4)


@pytest.mark.parametrize("mistake", ["sign of w", "time reversed", "another law", "condition and reference exchanged"])
def test_a_classic_mistake_would_be_seen(mistake):
    given, level, weight = problem(), 0.3, W
    denoiser = given.oracle()
    if mistake == "time reversed":
        denoiser = Recorded(denoiser, lambda t: 1 - t)
    elif mistake == "another law":  # read as the posterior
        denoiser = problem(prediction="leave-one-out").oracle()
    elif mistake == "condition and reference exchanged":
        denoiser = Problem(given.process, given.uncond, given.cond).oracle()
    else:
        weight = -W
    signals, states = looked_at(given, level, denoiser)
    _, normalized, unlocking = (each[tuple(states.T)] for each in tilted(given, level, weight))
    assert float((signals.positions - unlocking + normalized).abs().max()) > 0.05
    right = leaving(given, states, level, level - 1 / 8, weight)
    assert max(abs(one - two) for one, two in zip(signals.leaving(8), right, strict=True)) > 0.01


@pytest.mark.parametrize("level", [0.2, 0.8])
def test_each_token_is_noised_by_the_kernel_of_the_level(level):
    given = problem(noise=Cosine())
    count = 4000
    _, states = looked_at(given, level, count=count, positions=2)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    clean = held_out(given, count)[0][order]
    for z in range(VOCAB):
        became = torch.bincount(states[clean == z], minlength=VOCAB)
        assert chi_square(became, kernel(given, level)[z]) > 1e-3
    # Each position on its own, so that their number is not fixed.
    changed = (states != clean).sum(1).double()
    p = level * (1 - 1 / VOCAB)
    assert float(changed.var()) == pytest.approx(given.positions * p * (1 - p), rel=0.1)


def test_rates_commute_and_predictions_do_not():
    given, level = problem(), 0.375
    signals, _ = looked_at(given, level)
    assert max(signals.error_cond, signals.error_ref, signals.error_ratio) < 1e-13
    a, b, x = (1, 2, (0, 0, 0))
    first, second, third = (torch.tensor([each]) for each in (x, (a, 0, 0), (0, b, 0)))
    at, label = torch.tensor([level]), torch.tensor([0])
    at_x, after_a, after_b = (given.oracle()(state, at, label)[0] for state in (first, second, third))
    assert abs(float(at_x[0, a] + after_a[1, b] - at_x[1, b] - after_b[0, a])) > 0.01


def test_planted_errors_of_rates_are_found_in_both_ways():
    # So even a table that errors of logits leave the mean of a rate as it is.
    given, level = problem(d=4, sharpness=0.3), 0.375
    found, excess, true = [], [], []
    for seed in range(6):
        erring = Erring(given, 0.2, seed)
        signals, states = looked_at(given, level, erring, count=2000)
        found.append((signals.error_cond, signals.error_ref, signals.error_ratio, signals.shared))
        excess.append(signals.claimed - signals.confirmed)
        contexts = Contexts(
            states, torch.arange(4).expand(len(states), -1), states, given.process.noise.time(torch.tensor(level))
        )
        at = torch.full((len(states),), level)
        told, right = (
            Rates.of(given.process, contexts, tuple(each(states, at, at.long() + k) for k in (0, 1)), W)
            for each in (lambda *x, e=erring: e(*x).log_softmax(-1), given.oracle())
        )

        def error(side, told=told, right=right):
            one, two = (getattr(each, side) for each in (told, right))
            apart = one.log_intensity.unsqueeze(-1) + one.log_landing - two.log_intensity.unsqueeze(-1)
            return apart - two.log_landing

        exits, law = right.cond.log_intensity.exp(), right.cond.log_landing.exp()
        errors = [error(side).nan_to_num(0.0) for side in ("cond", "ref")]
        errors.append(errors[0] - errors[1])
        true.append([float((exits * (law * e.square()).sum(-1)).sum() / exits.sum()) for e in errors])
    cond, ref, ratio, shared = torch.tensor(found).T
    for estimates, squares in zip((cond, ref, ratio), torch.tensor(true).T, strict=True):
        assert float(estimates.square().mean()) == pytest.approx(float(squares.mean()), rel=0.25)
    assert float(shared.mean()) == pytest.approx(0.0, abs=0.2)
    # Both errors are as large and independent: half the square of their difference is claimed in excess.
    assert sum(excess) / 6 == pytest.approx(float(torch.tensor(true)[:, 2].mean()) / 2, rel=0.4)


def test_the_conditional_process_claims_what_held_out_tokens_confirm():
    given, level, count = problem(), 0.375, 2000
    signals, states = looked_at(given, level, count=count)
    assert signals.claimed > 10 * signals.unsure
    assert abs(signals.claimed - signals.confirmed) < 3 * signals.unsure
    # Landing and waiting time of a jump.
    cond, ref = (ratios(given, law, level)[tuple(states.T)] for law in (given.cond, given.uncond))
    exits, others = cond.sum(-1), ref.sum(-1)
    landing = torch.special.xlogy(
        cond / exits.unsqueeze(-1), (cond / exits.unsqueeze(-1)) / (ref / others.unsqueeze(-1))
    )
    waiting = (exits / others).log() + others / exits - 1
    each = landing.nan_to_num(0.0).sum(-1) + waiting
    assert signals.claimed == pytest.approx(float((exits * each).sum() / exits.sum()), abs=1e-10)
    # The gain in the ELBO.
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    clean, at = held_out(given, count)[0][order], torch.full((count,), level)
    by = [given.process.elbo(given.oracle()(states, at, at.long() + k), clean, states, at) for k in (1, 0)]
    assert signals.confirmed == pytest.approx(float((by[0] - by[1]).sum() / exits.sum()), abs=1e-10)


def test_the_standard_error_is_that_of_repetitions():
    given = problem()
    found = []
    for seed in range(60):
        tokens, labels = held_out(given, 60, seed)
        looked = outlook(
            given.oracle(), given.process, tokens, labels, weight=W, levels=[0.375], positions=2, seed=seed
        )
        found.append((looked.levels[0].claimed - looked.levels[0].confirmed, looked.levels[0].unsure))
    excess, unsure = torch.tensor(found).T
    assert float(excess.std()) == pytest.approx(float(unsure.mean()), rel=0.3)


def test_clash_and_dependence_are_those_of_two_positions():
    given, level = problem(d=2), 0.25
    signals, states = looked_at(given, level, count=4000)
    cond, ref = (ratios(given, law, level) for law in (given.cond, given.uncond))
    both = torch.where(cond > 0, cond ** (1 + W) * ref ** (-W), 0.0)
    _, normalized, unlocking = (each.exp() for each in tilted(given, level))
    landing = both / both.sum(-1, keepdim=True)
    clash, dependence = torch.zeros(VOCAB, VOCAB), torch.zeros(VOCAB, VOCAB)
    for x, y in product(range(VOCAB), repeat=2):
        q0, q1 = landing[x, y]
        one, two = q0.unsqueeze(1) * landing[:, y, 1], q1 * landing[x, :, 0].T  # [a, b]: 0 then 1, and 1 then 0
        first = [float(rate[x, y, 0] / rate[x, y].sum()) for rate in (normalized, unlocking)]
        clash[x, y] = (one - two).abs().sum() / 2 * abs(first[0] - first[1])
        for law, here, after in (
            (q0, normalized[x, y, 1] * q1, normalized[:, y, 1].unsqueeze(-1) * landing[:, y, 1]),
            (q1, normalized[x, y, 0] * q0, normalized[x, :, 0].unsqueeze(-1) * landing[x, :, 0]),
        ):
            rate, later = here.sum(), after.sum(-1)
            apart = (after - here).abs().sum(-1) + (later - rate).abs()
            dependence[x, y] += (law * apart / torch.maximum(later, rate)).sum() / 4
    assert signals.clash == pytest.approx(float(clash[tuple(states.T)].mean()), rel=0.05)
    assert signals.dependence == pytest.approx(float(dependence[tuple(states.T)].mean()), rel=0.02)


def test_the_first_positions_to_leave_are_looked_at():
    given, level = problem(), 0.25
    states = torch.tensor([[0, 1, 2]]).repeat(20_000, 1)
    contexts = Contexts(
        states, torch.arange(3).expand_as(states), states, given.process.noise.time(torch.tensor(level))
    )
    law = tuple(given.oracle().log_probs(states[:1], level, k).expand(20_000, -1, -1) for k in (0, 1))
    first = Replacing(given.process).first(
        Rates.of(given.process, contexts, law, W), 2, torch.Generator().manual_seed(0)
    )
    exits = ratios(given, given.cond, level)[0, 1, 2].sum(-1)
    share = exits / exits.sum()
    orders = torch.bincount(3 * first[:, 0] + first[:, 1], minlength=9).view(3, 3)
    expected = share.unsqueeze(1) * share / (1 - share.unsqueeze(1)) * (1 - torch.eye(3))
    assert chi_square(orders, expected) > 1e-3


def test_posterior_and_leave_one_out_of_one_problem_have_the_same_signals():
    one, two = (
        outlook(given.oracle(), given.process, *held_out(given, 50), weight=W)
        for given in (problem(), problem(prediction="leave-one-out"))
    )
    for some, others in zip(one.levels, two.levels, strict=True):
        for name in one.shown:
            if name != "shared" and not name.startswith("error"):  # of nothing but rounding
                assert getattr(some, name) == pytest.approx(getattr(others, name), abs=1e-9)
    assert one.rows == two.rows == 2 * 50 * 4 * (1 + 3)
    assert [signals.level for signals in one.levels] == [0.875, 0.625, 0.375, 0.125]
    assert "pace" in str(one)


def test_a_condition_that_changes_nothing_has_no_signals():
    law = table(VOCAB, 2)
    given = Problem(Uniform(VOCAB), law, law)
    found = outlook(given.oracle(), given.process, *held_out(given, 20), weight=W)
    assert found.mean(lambda s: abs(s.log_z) + abs(s.pace) + s.clash + abs(s.claimed)) == pytest.approx(0, abs=1e-12)


def test_what_has_no_rates_or_is_of_no_known_kind_is_refused():
    class Sticky(Uniform):
        """Only some tokens can jump."""

        name = "sticky"
        always_movable = False

        def movable(self, tokens):
            return tokens > 0

    given = problem()
    tokens, labels = held_out(given, 10)
    with pytest.raises(ValueError, match=r"process: got Sticky, expected .*mask token.*, or one in which every token"):
        outlook(given.oracle(), Sticky(VOCAB), tokens, labels, weight=W)
    with pytest.raises(ValueError, match=r"outlook level: got 1\.0, expected a number above 0, at most 0\.999"):
        outlook(given.oracle(), given.process, tokens, labels, weight=W, levels=[1.0])
    assert math.isfinite(
        outlook(given.oracle(), given.process, tokens, labels, weight=W, levels=[0.999]).levels[0].pace
    )
