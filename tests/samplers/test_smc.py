"""Sequential Monte Carlo: laws at every number of particles, the limit, the normalising constant, independence."""

from __future__ import annotations

import itertools
import math
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from helpers import Network
from judge import COND, COND3, UNCOND, UNCOND3, counts_of, distance, g_test
from torch import Tensor

import dguide
from dguide import SMC, Ancestral, Euler, FirstHitting, Masked, Normalized, RampUp, Simple, TauLeaping, Uniform
from dguide import Unlocking as Unlock
from dguide.exact import Problem
from dguide.guidance import Guidance
from dguide.samplers import Particles, Sampler, State

TWO = Problem(Masked(3), COND, UNCOND)
THREE = Problem(Masked(2), COND3, UNCOND3)


def star(positions: int = 4, sure: float = 0.9) -> Problem:
    """The first token is fair, and says whether the others are mostly 0 or fair too; without the condition all are
    fair. What looks ahead matters: Normalized decides the first token before it knows how much the others can gain."""
    law = torch.tensor([0.5, 0.5], dtype=torch.float64)
    for _ in range(positions - 1):
        law = law.unsqueeze(-1) * torch.tensor([[sure, 1 - sure], [0.5, 0.5]], dtype=torch.float64).view(
            2, *[1] * (law.ndim - 1), 2
        )
    return Problem(Masked(2), law, torch.full([2] * positions, 0.5**positions, dtype=torch.float64), "star")


STAR = star()


def draw(problem: Problem, guidance: Guidance, sampler: Sampler, count: int, **options: Any) -> dguide.Samples:
    arguments: dict[str, Any] = {"condition": torch.zeros(count, dtype=torch.int64), "seed": 1}
    return dguide.sample(
        problem.oracle(),
        process=problem.process,
        length=problem.positions,
        guidance=guidance,
        sampler=sampler,
        **(arguments | options),
    )


def noise(law: Tensor, count: int) -> float:
    """Mean total variation between a law and the frequencies of `count` samples of it."""
    return 0.5 * float((2 * law * (1 - law) / (math.pi * count)).sqrt().sum())


# --- every number of particles ---------------------------------------------------------------------------------------


def laws(problem: Problem, tokens: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Predictions [d, V] under the condition and under none."""
    one, label = torch.tensor([tokens]), torch.tensor([0])
    cond, ref = (problem.oracle()(one, torch.ones(1), label + k)[0].exp() for k in (0, 1))
    return cond, ref


@cache
def landings(tokens: tuple[int, ...], weight: float, target: float) -> list[tuple[float, tuple[int, ...], float]]:
    """All next landings in TWO with `Normalized`: (probability, tokens after it, factor of the weight)."""
    cond, ref = laws(TWO, tokens)
    tilted = cond ** (1 + weight) * ref ** (-weight)
    proposal = tilted / tilted.sum(-1, keepdim=True)
    factor = cond ** (1 + target) * ref ** (-target) / proposal
    masked = [i for i, x in enumerate(tokens) if x == 3]
    return [
        (float(proposal[i, y]) / len(masked), (*tokens[:i], y, *tokens[i + 1 :]), float(factor[i, y]))
        for i in masked
        for y in range(3)
    ]


def law_of_two_particles(weight: float, target: float, resample: bool) -> tuple[Tensor, float]:
    """The exact law of what two particles return on TWO, and the mean of the estimate, by going through all cases."""
    law, mean = torch.zeros(3, 3, dtype=torch.float64), 0.0
    first = landings((3, 3), weight, target)
    for (p, x, a), (q, y, b) in itertools.product(first, first):
        share = a / (a + b)
        if resample:
            even = (a + b) / 2
            outcomes = [(1 - abs(2 * share - 1), x, y, even, even)]  # one mark of systematic resampling in each share
            outcomes += [(2 * share - 1, x, x, even, even), (1 - 2 * share, y, y, even, even)]
        else:
            outcomes = [(1.0, x, y, a, b)]
        for chance, left, right, wl, wr in outcomes:
            if chance <= 0:
                continue
            seconds = itertools.product(landings(left, weight, target), landings(right, weight, target))
            for (r, end, c), (s, other, d) in seconds:
                mass, one, two = p * q * chance * r * s, wl * c, wr * d
                mean += mass * (one + two) / 2
                law[end] += mass * one / (one + two)
                law[other] += mass * two / (one + two)
    return law, mean


@pytest.mark.parametrize("resample", [False, True])
@pytest.mark.parametrize(("weight", "target"), [(3.0, 3.0), (1.0, 3.0), (0.0, 1.0)])
def test_two_particles_follow_their_exact_law(weight: float, target: float, resample: bool) -> None:
    law, mean = law_of_two_particles(weight, target, resample)
    assert abs(float(law.sum()) - 1) < 1e-12
    assert abs(math.log(mean) - TWO.log_z(target)) < 1e-12  # unbiased, resampled or not
    assert distance(law, law_of_two_particles(weight, target, not resample)[0]) > 0.01
    sampler = SMC(2, weight=target, threshold=float(resample))
    tokens = draw(TWO, Normalized(weight), sampler, 50_000).tokens
    assert g_test(tokens, law) > 0.01 / 6


@pytest.mark.parametrize("sampler", [FirstHitting(), Ancestral(3), Euler(3), TauLeaping(3)], ids=str)
def test_one_particle_is_the_sampler_inside(sampler: Sampler) -> None:
    guidance = Normalized(RampUp(3.0))
    plain = draw(THREE, guidance, sampler, 500, first_index=7, trajectory=True)
    one = draw(THREE, guidance, SMC(1, sampler, weight=1.5), 500, first_index=7, trajectory=True)
    assert torch.equal(one.tokens, plain.tokens)
    assert torch.equal(one.trajectory.tokens, plain.trajectory.tokens)
    assert torch.equal(one.trajectory.times, plain.trajectory.times)
    assert torch.equal(one.forced, plain.forced)
    assert one.calls == plain.calls
    assert plain.log_normalizer is None


# --- the limit -------------------------------------------------------------------------------------------------------


def test_the_distance_to_the_target_falls_to_the_noise_of_sampling() -> None:
    target, count = STAR.target(2.0), 2000
    seen = {}
    for particles in (1, 4, 16, 64):
        tokens = draw(STAR, Normalized(2.0), SMC(particles), count).tokens
        seen[particles] = distance(counts_of(tokens, 2) / count, target)
    assert abs(seen[1] - 0.198) < 0.02  # how far the law of Normalized is from it
    assert seen[4] < 0.45 * seen[1]
    assert seen[16] < 0.45 * seen[4] + noise(target, count)
    assert seen[64] < 1.6 * noise(target, count)


def test_unlocking_inside_tends_to_the_same_target() -> None:
    target, count = STAR.target(2.0), 3000
    apart = {}
    for particles in (1, 32):
        tokens = draw(STAR, Unlock(2.0), SMC(particles), count).tokens
        apart[particles] = distance(counts_of(tokens, 2) / count, target)
    assert apart[1] > 0.13
    assert apart[32] < 1.6 * noise(target, count)


def frozen_mass(weight: float, together: float) -> Tensor:
    """Tilts of TWO when both positions leave in one step, with the same predictions, with probability `together`."""
    cond, ref = laws(TWO, (3, 3))
    start = cond ** (1 + weight) * ref ** (-weight)
    return together * start[0].unsqueeze(1) * start[1] + (1 - together) * tilted(TWO, weight)


@pytest.mark.parametrize("inside", [Ancestral, Euler])
@pytest.mark.parametrize("mechanism", [Normalized, Unlock, Simple])
def test_the_limit_along_a_grid_of_two_steps(mechanism: type[Guidance], inside: type[Sampler]) -> None:
    cond, ref = laws(TWO, (3, 3))
    z = (cond**3 * ref ** (-2)).sum(-1)
    first = {
        Normalized: torch.full((2,), 0.5),  # probability to leave in the first step, by position
        Unlock: 1 - 0.5**z if inside is Ancestral else (0.5 * z).clamp_max(1),
        Simple: z / (z + 1),
    }[mechanism]
    together = float(first[0] * first[1] + (1 - first[0]) * (1 - first[1]))
    mass = frozen_mass(2.0, together)
    assert distance(mass / mass.sum(), TWO.target(2.0)) > 0.1
    assert_masses(draw(TWO, mechanism(2.0), SMC(8, inside(2)), 6000), mass)


# --- the normalising constant ----------------------------------------------------------------------------------------


def assert_masses(result: dguide.Samples, masses: Tensor) -> None:
    """Estimates summed by what was returned have the mean `masses` [V] * d, and so their total, at any number of
    particles: within four and a half standard errors, that of the total being small."""
    assert result.log_normalizer is not None
    which = (result.tokens * len(masses) ** torch.arange(masses.ndim - 1, -1, -1)).sum(-1)
    values = torch.zeros(len(which), masses.numel() + 1, dtype=torch.float64)
    values[:, -1] = result.log_normalizer.exp()
    values.scatter_(1, which.unsqueeze(-1), values[:, -1:])
    expected = torch.cat((masses.flatten(), masses.sum().view(1)))
    error = values.std(0) / len(which) ** 0.5
    assert float(error[-1] / expected[-1]) < 0.03
    seen_often = (values > 0).sum(0) > 50
    deviation = (values.mean(0) - expected).abs()[seen_often]
    assert bool((deviation < 4.5 * error[seen_often] + 1e-9 * expected[-1]).all())


def tilted(problem: Problem, weight: float) -> Tensor:
    return problem.target(weight) * math.exp(problem.log_z(weight))


CASES: list[tuple[Problem, Guidance, float]] = [
    (TWO, Normalized(1.0), 1.0),
    (TWO, Unlock(1.0), 1.0),
    (TWO, Normalized(RampUp(2.0)), 1.0),
    (THREE, Normalized(2.0), 2.0),
    (THREE, Unlock(2.0), 2.0),
    (STAR, Normalized(2.0), 2.0),
    (STAR, Unlock(2.0), 2.0),
    (THREE, Normalized(0.5), -0.5),
    (THREE, Normalized(0.5), 0.0),
    (THREE, Normalized(RampUp(4.0)), 2.0),
    (THREE, Unlock(RampUp(4.0)), 2.0),
    (THREE, Unlock(dguide.Interval(3.0, 0.2, 0.6)), 1.0),
    (THREE, Normalized(0.0), 1.0),
    (THREE, Normalized(-1.0), 1.0),
    (THREE, Unlock(-1.0), 0.0),
]


@pytest.mark.parametrize(("problem", "guidance", "target"), CASES, ids=lambda x: getattr(x, "name", None))
@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_the_estimate_is_unbiased(problem: Problem, guidance: Guidance, target: float, threshold: float) -> None:
    result = draw(problem, guidance, SMC(4, weight=target, threshold=threshold), 5000)
    assert_masses(result, tilted(problem, target))


def test_weights_of_each_sample() -> None:
    weights = torch.tensor([-1.0, 0.0, 1.0, 2.0]).repeat(3000)
    result = draw(THREE, Normalized(weights), SMC(4, threshold=1.0), len(weights))
    assert result.log_normalizer is not None
    assert float(result.log_normalizer[::4].abs().max()) < 1e-9  # the reference itself
    assert float(result.log_normalizer[1::4].abs().max()) < 1e-9  # the conditional itself
    for k in (2, 3):
        part = replace(result, tokens=result.tokens[k::4], log_normalizer=result.log_normalizer[k::4])
        assert_masses(part, tilted(THREE, float(weights[k])))


def test_what_is_given_is_kept_and_the_rest_is_estimated_given_it() -> None:
    count = 6000
    initial = torch.tensor([[1, 2, 2]]).repeat(count, 1)
    result = draw(THREE, Normalized(2.0), SMC(8), count, initial=initial, fixed=initial == 1)
    assert bool((result.tokens[:, 0] == 1).all())
    cond, ref = COND3[1] / COND3[1].sum(), UNCOND3[1] / UNCOND3[1].sum()
    assert_masses(replace(result, tokens=result.tokens[:, 1:]), cond**3 * ref ** (-2))
    nothing = draw(THREE, Normalized(2.0), SMC(8), 3, initial=torch.zeros(3, 3, dtype=torch.int64))
    assert nothing.log_normalizer is not None
    assert nothing.log_normalizer.tolist() == [0.0] * 3
    assert nothing.calls.conditional == 0


# --- who it depends on -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guidance", "inside"),
    [(Normalized(3.0), FirstHitting()), (Unlock(3.0), FirstHitting()), (Normalized(3.0), Ancestral(3))],
    ids=["normalized", "unlocking", "grid"],
)
def test_samples_do_not_depend_on_the_batch(guidance: Guidance, inside: Sampler) -> None:
    sampler = SMC(5, inside, threshold=0.9)
    given = torch.tensor([[2, 2, 2], [2, 0, 2], [1, 1, 2], [0, 0, 1]]).repeat(16, 1)

    def part(start: int, stop: int, **options: Any) -> tuple[Tensor, Tensor]:
        count = stop - start
        result = draw(THREE, guidance, sampler, count, first_index=start, initial=given[start:stop], **options)
        assert result.log_normalizer is not None
        return result.tokens, result.log_normalizer

    tokens, estimates = part(0, 64)
    for pieces in (
        [part(0, 64, batch_size=7)],
        [part(0, 20), part(20, 63), part(63, 64)],
        [part(i, i + 1) for i in range(64)],
    ):
        assert torch.equal(torch.cat([piece[0] for piece in pieces]), tokens)
        assert torch.equal(torch.cat([piece[1] for piece in pieces]), estimates)


@pytest.mark.parametrize("inside", [FirstHitting(), dguide.EntropyBounded(0.3)], ids=["first-hitting", "bounded"])
def test_who_is_returned_does_not_depend_on_how_long_others_take(inside: Sampler) -> None:
    given = torch.full((40, 5), 3).masked_fill(torch.arange(40).unsqueeze(-1) % 5 > torch.arange(5), 0)
    arguments: dict[str, Any] = {
        "process": Masked(3),
        "length": 5,
        "condition": torch.zeros(40, dtype=torch.int64),
        "guidance": Normalized(1.0),
        "sampler": SMC(4, inside),
        "initial": given,
    }
    whole = dguide.sample(Network(3), **arguments).tokens
    assert torch.equal(dguide.sample(Network(3), **arguments, batch_size=3).tokens, whole)


@pytest.mark.parametrize("mechanism", [Normalized, Unlock])
def test_no_random_number_is_used_twice(mechanism: type[Guidance], monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that was taken over by a copy must not draw again what decided that its owner had to go."""
    module = sys.modules["dguide.samplers.run"]
    drawn: Counter[tuple[int, ...]] = Counter()
    plain = module.uniform

    def spy(seed: int, stream: int, index: Tensor, position: Tensor, number: Tensor | int) -> Tensor:
        if stream in (dguide.random.Stream.LANDING, dguide.random.Stream.ACCEPT):
            counters = torch.broadcast_tensors(index, position, torch.as_tensor(number))
            drawn.update((int(stream), *row) for row in torch.stack(counters, -1).view(-1, 3).tolist())
        return plain(seed, stream, index, position, number)

    monkeypatch.setattr(module, "uniform", spy)
    draw(THREE, mechanism(3.0), SMC(6, threshold=1.0), 40)
    assert len(drawn) >= 40 * 6 * 3
    assert set(drawn.values()) == {1}


def test_the_path_is_that_of_the_particle_that_was_chosen() -> None:
    result = draw(THREE, Normalized(3.0), SMC(6, threshold=1.0), 300, trajectory=True)
    path = result.trajectory
    assert path is not None
    assert path.tokens.shape == (4, 300, 3)
    assert torch.equal(path.tokens[-1], result.tokens)
    for before, after in itertools.pairwise(path.tokens):
        assert torch.equal(before[before != 2], after[before != 2])
        assert bool(((before != after).sum(-1) == 1).all())
    assert bool((path.times.diff(dim=0) < 0).all())


def test_calls_are_counted_as_passes_and_both_networks_are_asked_where_the_target_needs_them() -> None:
    for guidance, target, calls in [
        (Normalized(2.0), None, (3, 3)),
        (Normalized(0.0), None, (3, 0)),
        (Normalized(-1.0), None, (0, 3)),
        (Normalized(0.0), 1.0, (3, 3)),
        (Normalized(-1.0), 0.0, (3, 3)),
    ]:
        seen = draw(THREE, guidance, SMC(8, weight=target), 10).calls
        assert (seen.conditional, seen.reference) == calls


def test_every_step_shows_the_particles() -> None:
    rows = []

    def look(run: Any, state: State) -> None:
        rows.append(len(state.tokens))
        assert isinstance(state, Particles) == (len(rows) < 3)

    draw(THREE, Normalized(2.0), SMC(8), 10, callback=look)
    assert rows == [80, 80, 10]


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"particles": 0}, "SMC particles: got 0"),
        ({"particles": True}, "SMC particles: got True"),
        ({"particles": 2.0}, "SMC particles: got 2.0"),
        ({"sampler": "ancestral"}, "SMC sampler: got 'ancestral', expected an instance"),
        ({"sampler": SMC(2)}, "SMC sampler: got another SMC"),
        ({"weight": -2.0}, "SMC weight: got -2.0"),
        ({"weight": math.inf}, "SMC weight: got inf"),
        ({"weight": "3"}, "SMC weight: got '3'"),
        ({"threshold": 1.5}, "SMC threshold: got 1.5"),
        ({"threshold": math.nan}, "SMC threshold: got nan"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SMC(**arguments)


@pytest.mark.parametrize(
    ("process", "guidance", "sampler", "message"),
    [
        (Uniform(2), Normalized(1.0), SMC(sampler=Ancestral()), "SMC with the process: got Uniform, expected Masked"),
        (Masked(2), Simple(1.0), SMC(), "FirstHitting with Simple"),
        (Masked(2), Normalized(RampUp(1.0)), SMC(), "SMC weight: got none, with the schedule ramp-up"),
        (Masked(2), Normalized(0.0), SMC(weight=-1), "SMC weight: got -1.*expected guidance of constant weight -1"),
    ],
)
def test_combinations_without_meaning(process: Any, guidance: Guidance, sampler: SMC, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(Problem(process, COND3, UNCOND3), guidance, sampler, 2)


def test_a_sampler_that_does_not_report_is_refused() -> None:
    class Silent(FirstHitting):
        def step(self, run: Any, state: State) -> State:
            return State(torch.zeros_like(state.tokens), state.clocks, state.jumps, state.forced, state.time, 1)

    with pytest.raises(ValueError, match="got Silent, expected one that reports its landings"):
        draw(THREE, Normalized(1.0), SMC(2, Silent()), 2)


def test_an_index_beyond_the_counter_is_refused() -> None:
    with pytest.raises(ValueError, match="first_index"):
        draw(THREE, Normalized(1.0), SMC(4), 2, first_index=2**61)
