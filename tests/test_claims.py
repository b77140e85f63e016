"""The claims of the theory, one test each, that no other test makes; docs/theory.md has the table of all of them.

Where a claim holds only under a condition, the test holds both the claim and what happens without the condition.
"""

from __future__ import annotations

import math
import re
import runpy
from itertools import product
from pathlib import Path

import pytest
import torch
from helpers import PROCESSES, f64, identities, law_on_data, table
from judge import COND, COND3, UNCOND, UNCOND3, distance

from dguide import (
    Ancestral,
    InverseLinear,
    Linear,
    Masked,
    Normalized,
    RampUp,
    Simple,
    Uniform,
    Unlocking,
    exact,
    noise,
)
from dguide.guidance.base import normalise, tilt
from studies.random_problems import softmax_problems

ROOT = Path(__file__).parents[1]
MECHANISMS = [Normalized, Unlocking]
every_process = pytest.mark.parametrize("process", PROCESSES, ids=identities(PROCESSES))
every_mechanism = pytest.mark.parametrize("mechanism", MECHANISMS)


# Processes.


@every_process
def test_without_guidance_an_ancestral_step_is_the_posterior(process):
    """P(x_s^i | x_t) = sum over x_0 of p(x_0 | x_t) q(x_s^i | x_t^i, x_0^i), from the whole table by Bayes' rule."""
    law, (time, earlier) = law_on_data(process, 2, seed=1), (0.7, 0.3)
    late, early = process.kernel(time), process.kernel(earlier)
    # From s to t: what the kernel of t is that of s times.
    keep = float(process.noise.alpha(f64(time)) / process.noise.alpha(f64(earlier)))
    size = process.input_size
    onward = keep * torch.eye(size, dtype=torch.float64) + (1 - keep) * process.kernel(1.0)[0]
    oracle, checked = exact.Oracle(process, [law], law), 0
    for here in product(range(size), repeat=2):
        # sum over x_0 of p(x_0) q(x_s^1 | x_0^1) q(x_t | x_s^1, x_0^2), for the first position
        joint = torch.einsum("ab,as,b->s", law, early, late[:, here[1]]) * onward[:, here[0]]
        if float(joint.sum()) == 0:
            continue
        tokens = torch.tensor([here])
        logits = oracle.log_probs(tokens, time, 0)[:, 0]
        w = f64(0.0)
        step = Ancestral().transition(
            process, Normalized(0.0), tokens[:, 0], f64(time), f64(earlier), logits, logits, w
        )
        stay = step.log_stay.exp()
        got = torch.zeros(size, dtype=torch.float64)
        got[: process.vocab_size] = torch.where(stay < 1, (1 - stay) * step.log_landing.exp()[0].nan_to_num(0.0), 0.0)
        got[here[0]] += stay[0]
        torch.testing.assert_close(got, joint / joint.sum(), rtol=0, atol=1e-12)
        checked += 1
    assert checked >= 9


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("process", [Masked(3), Uniform(3)], ids=["masked", "uniform"])
def test_ancestral_steps_are_exact_for_one_position_and_only_for_one(process, steps):
    one = exact.Problem(process, COND.sum(1), UNCOND.sum(1))
    assert distance(exact.chain(one, Normalized(0.0), Ancestral(steps)), one.cond) < 1e-12
    two = exact.Problem(process, COND, UNCOND)
    assert distance(exact.chain(two, Normalized(0.0), Ancestral(steps)), COND) > 0.02  # positions jump together


@pytest.mark.parametrize("kind", [Masked, Uniform])
@pytest.mark.parametrize("mechanism", [*MECHANISMS, Simple])
def test_ancestral_steps_are_finite_at_pure_noise(mechanism, kind):
    process, tokens = kind(3), torch.tensor([3 if kind is Masked else 0])
    laws = (f64(0.7, 0.2, 0.1).log().unsqueeze(0), f64(0.2, 0.2, 0.6).log().unsqueeze(0))
    step = Ancestral().transition(process, mechanism(2.0), tokens, f64(1.0), f64(0.6), *laws, f64(2.0))
    assert -math.inf < float(step.log_stay) < 0
    assert float(step.log_landing.exp().sum()) == pytest.approx(1.0)


@every_mechanism
@pytest.mark.parametrize("kind", [Masked, Uniform])
def test_alpha_changes_nothing_at_equal_noise_levels(kind, mechanism):
    """w is a function of m: the final law is the same under any noise schedule, and the masked fraction at equal m."""
    solved = []
    for schedule in (noise.Linear(), noise.Cosine(), noise.Polynomial(3.0)):
        process = kind(2, noise=schedule)
        times = schedule.time(f64(0.9, 0.5, 0.1))
        problem = exact.Problem(process, COND3, UNCOND3)
        solved.append(exact.solve(problem, mechanism(RampUp(2.0, 0.2, 0.6)), times=times))
    for other in solved[1:]:
        assert distance(other.final, solved[0].final) < 1e-8
        torch.testing.assert_close(other.masked_fraction, solved[0].masked_fraction, rtol=0, atol=1e-7)


# Tilt and partition function.


def test_z_is_below_one_only_where_the_reference_forbids():
    """Z_w >= 1 for w >= 0 if the reference allows what the condition does. A token that only the reference forbids is
    not tilted, and then it need not be."""

    def log_z(cond, ref, w):
        return float(normalise(tilt(cond.log(), ref.log(), f64(w)))[1])

    cond, ref = f64(0.1, 0.2, 0.7), f64(0.6, 0.3, 0.1)
    assert min(log_z(cond, ref, w) for w in (0.1, 1.0, 5.0)) > 0
    assert max(log_z(cond, ref, w) for w in (-0.1, -0.5, -0.9)) < 0
    assert math.exp(log_z(f64(0.5, 0.5, 0), f64(0.0, 1.0, 0), 1.0)) == pytest.approx(0.75)


def test_log_z_is_convex_in_w_but_the_divergence_is_not():
    """log Z_w is the logarithm of a moment of c / u; D_{1+w} only grows, and its limit log max c / u bends it down."""
    w = torch.linspace(-0.95, 12.0, 260, dtype=torch.float64).tolist()
    pairs = [(table(4, 1, seed, 2.0), table(4, 1, seed + 50, 2.0)) for seed in range(20)]
    for cond, ref in pairs:
        d = f64(*[exact.renyi(cond, ref, 1 + x) for x in w])
        log_z = d * f64(*w)
        assert float(log_z.diff(n=2).min()) > -1e-11
        assert float(d.diff().min()) > -1e-12
        assert float(d[-1]) < exact.renyi(cond, ref, math.inf)
        assert float(d.diff(n=2).min()) < -1e-7


# Mechanisms.


def test_the_released_masked_code_of_simple_is_normalized():
    """Its step: softmax of gamma log c + (1 - gamma) log u, times the chance 1 - s / t to leave; gamma = 1 + w."""
    cond, ref = (torch.stack([table(4, 1, seed) for seed in range(k, k + 5)]).log() for k in (0, 10))
    gamma, time, earlier, w = 3.5, 0.8, 0.6, torch.full((5,), 2.5, dtype=torch.float64)
    released = torch.softmax(gamma * cond + (1 - gamma) * ref, -1) * (time - earlier) / time
    args = (torch.full((5,), 4), f64(time), f64(earlier), cond, ref, w)
    step, equation = (Ancestral().transition(Masked(4), m(2.5), *args) for m in (Normalized, Simple))
    got = (1 - step.log_stay.exp()).unsqueeze(-1) * step.log_landing.exp()
    torch.testing.assert_close(got, released, rtol=1e-12, atol=0)
    assert float((equation.log_stay.exp() - step.log_stay.exp()).abs().max()) > 0.1  # the equation is another mechanism


def test_simple_tends_to_unlocking():
    """In the law of the samples, at first order in the steps, on a problem where Normalized is 0.39 away."""
    problem = exact.Problem(Masked(3), COND, UNCOND)
    limit = exact.jump_chain(problem, Unlocking(3.0))
    gaps = [distance(exact.chain(problem, Simple(3.0), Ancestral(steps)), limit) for steps in (64, 128, 256)]
    assert gaps[2] < 0.6 * gaps[1] < 0.36 * gaps[0]
    assert gaps[2] < 0.03
    assert distance(exact.jump_chain(problem, Normalized(3.0)), limit) == pytest.approx(0.39, abs=0.005)


def test_unlocking_unmasks_z_times_too_fast():
    """The exit rate of every masked position is the unguided one times its Z_w, at every state and time."""
    process, w = Masked(3), f64(2.0).expand(4)
    oracle = exact.Problem(process, COND, UNCOND).oracle()
    tokens = torch.tensor([[3, 0], [3, 1], [3, 2], [3, 3]])
    for time in (0.9, 0.2):
        laws = [oracle.log_probs(tokens, time, label)[:, 0] for label in (0, 1)]
        jumps = [process.rates(tokens[:, 0], f64(time), law) for law in laws]
        z = (laws[0].exp() ** 3 * laws[1].exp() ** -2).sum(-1)
        for mechanism, pace in ((Normalized, torch.ones(4, dtype=torch.float64)), (Unlocking, z)):
            rate = mechanism(2.0).combine(*jumps, w).log_intensity.exp()
            torch.testing.assert_close(rate, pace / time, rtol=1e-12, atol=0)


def test_normalized_changes_the_pace_of_the_uniform_process():
    """lambda_c^(1+w) lambda_u^-w is lambda_c only where the two exit rates agree, as they do for the masked process."""
    laws = (f64(0.8, 0.1, 0.1).log().unsqueeze(0), f64(0.3, 0.3, 0.4).log().unsqueeze(0))
    for process, here, changes in ((Uniform(3), 0, True), (Masked(3), 3, False)):
        jumps = [process.rates(torch.tensor([here]), f64(0.5), law) for law in laws]
        guided = Normalized(2.0).combine(*jumps, f64(2.0))
        assert (abs(float(guided.log_intensity - jumps[0].log_intensity)) > 0.5) == changes


def test_mechanisms_are_one_for_two_tokens_and_the_uniform_process():
    """With two tokens there is one place to land: Z is 1, and rates differ by nothing."""
    problem = exact.Problem(Uniform(2), COND3, UNCOND3)
    laws = [exact.solve(problem, mechanism(RampUp(3.0))).final for mechanism in MECHANISMS]
    assert distance(*laws) < 1e-12
    assert distance(laws[0], COND3) > 0.1


# What guidance does, on small random problems with exact predictions.


def test_mechanisms_agree_on_mild_random_problems_only():
    """Their distances to the tilted target agree within 0.01 in nearly all problems with softmax tables of spread 0.5
    and w = 1, and in few with spread 1.5 and w = 3. The laws themselves differ by more than the distances."""

    def gaps(sharpness, w):
        found = []
        for problem in softmax_problems(24, sharpness, share=0.0):
            laws = [exact.jump_chain(problem, mechanism(w)) for mechanism in MECHANISMS]
            apart = [distance(law, problem.target(w)) for law in laws]
            found.append((abs(apart[0] - apart[1]), distance(*laws)))
        return f64(*[gap for gap, _ in found]), f64(*[between for _, between in found])

    mild, wild = gaps(0.5, 1.0), gaps(1.5, 3.0)
    assert float((mild[0] < 0.01).double().mean()) > 0.9
    assert float((wild[0] < 0.01).double().mean()) < 0.4
    assert float(wild[0].max()) > 0.2
    assert bool((wild[1] >= wild[0] - 1e-12).all())


def test_neither_mechanism_is_the_nearer_to_the_target():
    """With exact predictions each is nearer in some problems, and dropping Z_w can cost: 0.35 against 0.05 here."""
    problem = exact.Problem(Masked(3), COND, UNCOND)
    apart = [distance(exact.jump_chain(problem, mechanism(3.0)), problem.target(3.0)) for mechanism in MECHANISMS]
    assert apart[0] == pytest.approx(0.345, abs=0.005)
    assert apart[1] == pytest.approx(0.053, abs=0.005)
    nearer = 0
    for other in softmax_problems(30, 1.5, share=0.2):
        laws = [exact.jump_chain(other, mechanism(3.0)) for mechanism in MECHANISMS]
        nearer += distance(laws[0], other.target(3.0)) < distance(laws[1], other.target(3.0))
    assert 6 <= nearer <= 24


@every_mechanism
def test_early_guidance_harms_and_late_helps(mechanism):
    """Distance to the target of the mean weight: smaller for the ramp 2w(1 - m) than for its mirror image 2wm in most
    random problems, and on average; not in all of them."""
    apart = []
    for problem in softmax_problems(18, 1.5, share=0.2, shapes=[(4, 2), (2, 4), (3, 3)]):
        laws = [exact.solve(problem, mechanism(s(3.0)), tolerance=1e-6).final for s in (Linear, InverseLinear)]
        apart.append([distance(law, problem.target(3.0)) for law in laws])
    late, early = f64(*[a for a, _ in apart]), f64(*[b for _, b in apart])
    assert float((late < early).double().mean()) >= 0.65
    assert float((early - late).mean()) > 0.03
    assert float((early - late).min()) < 0


# The example.


def test_the_theory_by_hand(capsys):
    names = runpy.run_path(str(ROOT / "examples" / "theory_by_hand.py"))
    lines = capsys.readouterr().out.splitlines()
    assert [line[-5:] for line in lines] == ["0.345", "0.053"]
    for line, mechanism in zip(lines, MECHANISMS, strict=True):
        assert line.startswith(f"{mechanism.__name__:<10}")
        assert distance(names["hand"][mechanism.__name__], exact.jump_chain(names["problem"], mechanism(3.0))) < 1e-12
    assert distance(names["hand"]["Normalized"], names["hand"]["Unlocking"]) > 0.1


def test_every_claim_names_a_test_that_exists():
    text = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 35
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
    here = re.findall(r"^def (test_\w+)\(", Path(__file__).read_text(encoding="utf-8"), re.MULTILINE)
    told = {name for _, name in named} | {"test_the_theory_by_hand", "test_every_claim_names_a_test_that_exists"}
    assert set(here) <= told
