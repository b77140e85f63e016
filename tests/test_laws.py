"""Laws against the oracle: every sampler, every mechanism, both processes.

The classic mistakes, and the tests that fail when one is made (each is made on purpose in `test_mistakes.py`, where
the judgement used here must reject it):

- Z_w left in the rates of `Normalized`, or out of those of `Unlocking`:
  `test_a_grid_sampler_follows_its_chain`, `test_first_hitting_follows_the_continuous_law`,
  `test_masked_fraction_in_one_dimension`
- the sign of w, or guidance_scale = 1 + w taken for w: `test_first_hitting_follows_the_continuous_law`,
  `test_closed_forms_of_two_positions`
- time reversed, in the schedule or for the denoiser: `test_first_hitting_follows_the_continuous_law` (ramp-up,
  interval), `test_a_grid_sampler_follows_its_chain` (uniform)
- the mask drawn as data: `test_no_mask_is_drawn_when_it_is_a_column`
- w taken at the wrong end of a step: `test_w_is_averaged_over_a_step`, `test_w_is_taken_at_the_jump`
- the tails of float32: `test_draws_keep_the_tail`
"""

from __future__ import annotations

import pytest
import torch
from judge import COND, COND3, SAMPLES, UNCOND, UNCOND3, distance, draw, g_test

import dguide
from dguide import exact
from dguide.categorical import draw as draw_tokens

MECHANISMS = [dguide.Normalized, dguide.Unlocking, dguide.Simple]
GRID = [dguide.Ancestral, dguide.Euler, dguide.TauLeaping]
PROCESSES = [dguide.Masked, dguide.Uniform]
SCHEDULES = {
    "constant": lambda w: dguide.Constant(w),
    "ramp-up": lambda w: dguide.RampUp(2 * w),
    "interval": lambda w: dguide.Interval(w, 0.25, 0.8),
}
LEVEL = 0.01  # chance of a false alarm in a whole family of tests


@pytest.mark.parametrize("w", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("shape", SCHEDULES)
@pytest.mark.parametrize("mechanism", MECHANISMS[:2])
def test_first_hitting_follows_the_continuous_law(mechanism, shape, w):
    process, guidance = dguide.Masked(3), mechanism(SCHEDULES[shape](w))
    tokens = draw(process, guidance, dguide.FirstHitting())
    assert (
        g_test(tokens, exact.solve(exact.Problem(process, COND, UNCOND), guidance, tolerance=1e-6).final) > LEVEL / 18
    )


def test_first_hitting_needs_no_order_of_positions():
    process, guidance = dguide.Masked(2), dguide.Unlocking(dguide.RampUp(3.0, 0.2, 0.5))
    tokens = draw(process, guidance, dguide.FirstHitting(), COND3, UNCOND3)
    assert g_test(tokens, exact.solve(exact.Problem(process, COND3, UNCOND3), guidance, tolerance=1e-6).final) > LEVEL


@pytest.mark.parametrize("sampler", GRID)
@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("process", PROCESSES)
def test_a_grid_sampler_follows_its_chain(process, mechanism, sampler):
    process, guidance, sampler = process(3), mechanism(dguide.RampUp(3.0)), sampler(steps=3)
    tokens = draw(process, guidance, sampler, count=SAMPLES // 2)
    assert g_test(tokens, exact.chain(exact.Problem(process, COND, UNCOND), guidance, sampler)) > LEVEL / 18


def test_the_problems_tell_mechanisms_apart():
    """Without this, the tests above could pass for the wrong mechanism."""
    masked = dguide.Masked(3)
    final = [exact.solve(exact.Problem(masked, COND, UNCOND), m(3.0), tolerance=1e-6).final for m in MECHANISMS[:2]]
    assert distance(*final) > 0.2
    chained = [exact.chain(exact.Problem(masked, COND, UNCOND), m(3.0), dguide.Ancestral(3)) for m in MECHANISMS]
    assert distance(chained[0], chained[1]) > 0.2
    assert distance(chained[1], chained[2]) > 0.02  # Simple tends to Unlocking: at three steps still apart


@pytest.mark.parametrize("sampler", GRID)
@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("process", PROCESSES)
def test_the_chain_tends_to_the_continuous_law_at_first_order(process, mechanism, sampler):
    process, shape = process(2), dguide.RampUp(1.5)
    limit = dguide.Unlocking(shape) if mechanism is dguide.Simple else mechanism(shape)
    final = exact.solve(exact.Problem(process, COND3, UNCOND3), limit).final
    coarse, fine = (
        distance(exact.chain(exact.Problem(process, COND3, UNCOND3), mechanism(shape), sampler(steps=steps)), final)
        for steps in (32, 64)
    )
    assert fine < 0.04
    # The samplers that start at alpha = 1e-3 keep a bias of that size.
    assert fine < 0.62 * coarse + (2e-4 if process.finite_level < 1 else 0)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("mechanism", MECHANISMS[:2])
def test_no_guidance_is_the_conditional_model(process, mechanism):
    solution = exact.solve(exact.Problem(process(3), COND, UNCOND), mechanism(0.0))
    assert distance(solution.final, COND) < 1e-8


@pytest.mark.parametrize("process", PROCESSES)
def test_w_of_minus_one_is_the_reference(process):
    for mechanism in MECHANISMS[:2]:
        assert distance(exact.solve(exact.Problem(process(3), COND, UNCOND), mechanism(-1.0)).final, UNCOND) < 1e-8


@pytest.mark.parametrize("process", PROCESSES)
def test_mechanisms_and_samplers_agree_without_guidance(process):
    process, one = process(3), dguide.Ancestral(steps=4)
    laws = [exact.chain(exact.Problem(process, COND, UNCOND), mechanism(0.0), one) for mechanism in MECHANISMS]
    assert distance(laws[0], laws[1]) < 1e-12
    assert distance(laws[0], laws[2]) < 1e-12


@pytest.mark.parametrize("w", [0.5, 2.0])
def test_masked_fraction_in_one_dimension(w):
    """t for Normalized, t^Z for Unlocking: in the solution, and in samples."""
    cond, uncond = COND.sum(1), UNCOND.sum(1)
    z = float((cond ** (1 + w) * uncond ** (-w)).sum())
    tilted = cond ** (1 + w) * uncond ** (-w) / z
    process = dguide.Masked(3)
    for mechanism, power in ((dguide.Normalized, 1.0), (dguide.Unlocking, z)):
        solution = exact.solve(exact.Problem(process, cond, uncond), mechanism(w))
        assert torch.allclose(solution.masked_fraction, solution.times**power, atol=1e-7)
        assert distance(solution.final, tilted) < 1e-7
        oracle = exact.Oracle(process, [cond], uncond)
        path = dguide.sample(
            oracle,
            process=process,
            length=1,
            condition=torch.zeros(SAMPLES // 4, dtype=torch.int64),
            guidance=mechanism(w),
            sampler=dguide.Ancestral(steps=8),
            seed=3,
            trajectory=True,
        ).trajectory
        seen = (path.tokens == 3).double().mean((1, 2))
        expected = path.times[:, 0] ** power
        assert torch.all((seen - expected).abs() < 4.5 * (expected * (1 - expected) / (SAMPLES // 4)).sqrt() + 1e-12)


@pytest.mark.parametrize("w", [1.0, 3.0])
def test_closed_forms_of_two_positions(w):
    c, u = COND, UNCOND
    tilted = c ** (1 + w) * u ** (-w)

    def z(cond, ref):
        return (cond ** (1 + w) * ref ** (-w)).sum(-1)

    first = z(c.sum(1), u.sum(1)), z(c.sum(0), u.sum(0))
    second_given_first = z(c / c.sum(1, keepdim=True), u / u.sum(1, keepdim=True)).unsqueeze(1)
    first_given_second = z((c / c.sum(0)).T, (u / u.sum(0)).T).unsqueeze(0)
    routes = 1 / (first[0] * second_given_first), 1 / (first[1] * first_given_second)
    normalized = tilted / 2 * (routes[0] + routes[1])
    unlocking = tilted / (first[0] + first[1]) * (1 / second_given_first + 1 / first_given_second)
    process = dguide.Masked(3)
    assert distance(exact.solve(exact.Problem(process, c, u), dguide.Normalized(w)).final, normalized) < 1e-8
    assert distance(exact.solve(exact.Problem(process, c, u), dguide.Unlocking(w)).final, unlocking) < 1e-8


def test_no_mask_is_drawn_when_it_is_a_column():
    """The mask is column 0 here and the network is sure of it; the laws must not notice."""
    inner = dguide.Masked(3)
    oracle, guidance = exact.Oracle(inner, [COND], UNCOND), dguide.Normalized(2.0)

    def shifted(tokens, time, condition):
        logits = oracle((tokens - 1) % 4, time, condition)
        return torch.cat((torch.full_like(logits[..., :1], 5.0), logits), -1)

    shifted.null = oracle.null
    tokens = dguide.sample(
        shifted,
        process=dguide.Masked(vocab_size=4, mask_id=0),
        length=2,
        condition=torch.zeros(SAMPLES // 4, dtype=torch.int64),
        guidance=guidance,
        sampler=dguide.FirstHitting(),
    ).tokens
    assert int(tokens.min()) > 0
    assert g_test(tokens - 1, exact.solve(exact.Problem(inner, COND, UNCOND), guidance).final) > LEVEL


def test_w_is_averaged_over_a_step():
    """One step with a weight that acts in its first half only: Unlocking sees half of it, not all or nothing."""
    process, sampler = dguide.Masked(3), dguide.Ancestral(steps=2)
    guidance = dguide.Unlocking(dguide.Interval(4.0, 0.75, 1.0))
    expected = exact.chain(exact.Problem(process, COND, UNCOND), guidance, sampler)
    by_hand = exact.chain(
        exact.Problem(process, COND, UNCOND), dguide.Unlocking(dguide.Interval(2.0, 0.5, 1.0)), sampler
    )
    assert distance(expected, by_hand) < 1e-12
    assert g_test(draw(process, guidance, sampler, count=SAMPLES // 4), expected) > LEVEL


def test_w_is_taken_at_the_jump():
    """One position, two steps: Normalized draws from the mean over t of q_{w(t)}, whatever the grid."""
    cond, uncond = COND.sum(1), UNCOND.sum(1)
    process, guidance = dguide.Masked(3), dguide.Normalized(dguide.RampUp(6.0))
    w = (torch.arange(20000, dtype=torch.float64) + 0.5).unsqueeze(-1) / 20000 * 6
    laws = cond ** (1 + w) * uncond ** (-w)
    mean = (laws / laws.sum(-1, keepdim=True)).mean(0)
    assert distance(exact.solve(exact.Problem(process, cond, uncond), guidance).final, mean) < 1e-7
    for sampler in (dguide.Ancestral(2), dguide.Euler(3), dguide.TauLeaping(1), dguide.Ancestral(grid=(1, 0.9, 0))):
        if not isinstance(sampler, dguide.TauLeaping):
            assert distance(exact.chain(exact.Problem(process, cond, uncond), guidance, sampler), mean) < 1e-9
        tokens = draw(process, guidance, sampler, cond, uncond, SAMPLES // 4)
        assert g_test(tokens, exact.chain(exact.Problem(process, cond, uncond), guidance, sampler)) > LEVEL / 4


def test_the_uniform_law_against_ratios_of_marginals():
    """An independent solution of the uniform process: matrix exponentials of the generator that the ratios of the
    marginals give, over many short steps in the log-odds of the noise level."""
    n, w, steps = 3, 1.0, 800
    edges = torch.linspace(14, -14, steps + 1, dtype=torch.float64)
    odds = (edges[1:] + edges[:-1]) / 2
    level, alpha = torch.sigmoid(odds).view(-1, 1, 1), torch.sigmoid(-odds).view(-1, 1, 1)
    eye = torch.eye(n, dtype=torch.float64)
    kernel = alpha * eye + level / n
    off = (1 - eye).unsqueeze(-1)
    for mechanism in MECHANISMS[:2]:
        generator = torch.zeros(steps, n, n, n, n, dtype=torch.float64)  # [step, from 1, from 2, to 1, to 2]
        for position in range(2):
            rates = []
            for table in (COND, UNCOND):
                p = kernel.mT @ table @ kernel
                p = p if position == 0 else p.mT
                rates.append(
                    p.unsqueeze(1) / p.unsqueeze(2) / (alpha.unsqueeze(-1) * n) * off
                )  # [step, from, to, other]
            exits = [rate.sum(2, keepdim=True) for rate in rates]
            tilted = torch.where(off > 0, rates[0] ** (1 + w) * rates[1] ** (-w), 0.0)
            if mechanism is dguide.Normalized:
                tilted = tilted / tilted.sum(2, keepdim=True) * exits[0] ** (1 + w) * exits[1] ** (-w)
            pattern = "sabo,op->saobp" if position == 0 else "sabo,op->soapb"
            generator += torch.einsum(pattern, tilted, eye)
        generator = generator.view(steps, n * n, n * n)
        generator = generator - torch.diag_embed(generator.sum(-1))
        width = (edges[:-1] - edges[1:]).view(-1, 1, 1)
        moves = torch.matrix_exp(generator * level * alpha * width)
        law = torch.full((n * n,), 1 / n**2, dtype=torch.float64)
        for move in moves:
            law = law @ move
        solution = exact.solve(exact.Problem(dguide.Uniform(n), COND, UNCOND), mechanism(w), tolerance=1e-7)
        assert distance(law.view(n, n), solution.final) < 1e-5


def test_forced_positions_are_counted_and_none_is_left_masked():
    process = dguide.Masked(3)
    oracle, condition = exact.Oracle(process, [COND], UNCOND), torch.zeros(5000, dtype=torch.int64)
    shared = {"process": process, "length": 2, "condition": condition, "guidance": dguide.Normalized(1.0)}
    leaping = dguide.sample(oracle, sampler=dguide.TauLeaping(steps=4), **shared)
    assert int((leaping.tokens == 3).sum()) == 0
    # Lambda is h / t at t = 4/4 .. 1/4; the last interval leaves with probability 1.
    stay = 1.0
    for hazard in (1 / 4, 1 / 3, 1 / 2, 1.0):
        stay *= 1 - hazard * 2.718281828459045 ** (-hazard)
    share = float(leaping.forced.double().mean()) / 2
    assert abs(share - stay) < 4.5 * (stay * (1 - stay) / 10000) ** 0.5
    assert int(dguide.sample(oracle, sampler=dguide.Ancestral(steps=4), **shared).forced.sum()) == 0


def test_draws_keep_the_tail():
    """A law with half its mass in a tail of 126,463 tokens: the share of the head, and the lower half of the tail."""
    vocab, count = 126_464, 1000
    weights = torch.full((1, vocab), 0.5 / (vocab - 1), dtype=torch.float64)
    weights[0, 77] = 0.5
    u = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    tokens = torch.cat([draw_tokens(weights.log().expand(200, -1), part) for part in u.split(200)])
    assert abs(int((tokens == 77).sum()) - count // 2) <= 1
    edge = (tokens < vocab // 2) & (tokens != 77)
    assert abs(int(edge.sum()) - count // 4) <= 1
