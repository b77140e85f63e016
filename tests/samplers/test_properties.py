"""Whatever the shapes, vocabularies, weights, schedules and logits: tokens that may be, and never the mask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import dguide
from dguide import (
    Ancestral,
    Blocks,
    Constant,
    Cosine,
    EntropyBounded,
    Euler,
    FirstHitting,
    Interval,
    InverseLinear,
    LowConfidence,
    LowEntropy,
    Masked,
    Normalized,
    Power,
    RampUp,
    Remasking,
    Simple,
    TauLeaping,
    TopMargin,
    Trapezoidal,
    Uniform,
    Unlocking,
)
from dguide.guidance import Schedule

VALUES = st.one_of(st.floats(-20, 20), st.sampled_from([-math.inf, 1e30, -1e30, 0.0]))
WEIGHTS = st.one_of(st.floats(-1, 8), st.sampled_from([-1.0, 0.0]))
SCHEDULES = st.one_of(
    WEIGHTS,
    WEIGHTS.map(Constant),
    st.builds(RampUp, st.floats(0, 8), st.just(0.0), st.sampled_from([0.0, 0.3, 1.0])),
    st.builds(Interval, st.floats(0, 8), st.just(0.25), st.sampled_from([0.5, 1.0])),
    st.builds(InverseLinear, st.floats(0, 4)),
    st.builds(Cosine, st.floats(0, 4)),
    st.builds(Power, st.floats(0, 2), st.sampled_from([0.0, 0.5, 4.0])),
)
GRID_SAMPLERS = st.builds(
    lambda kind, steps, grid: kind(steps, grid=grid),
    st.sampled_from([Ancestral, Euler, TauLeaping]),
    st.integers(1, 4),
    st.sampled_from(["uniform", "cosine"]),
)

CHOOSING = st.one_of(
    st.builds(
        lambda kind, steps, grid: kind(steps, grid),
        st.sampled_from([LowConfidence, TopMargin, LowEntropy]),
        st.integers(1, 5),
        st.sampled_from(["uniform", "cosine", "arccos"]),
    ),
    st.builds(EntropyBounded, st.sampled_from([0.0, 0.5, 9.0])),
)
CHOOSING = st.one_of(CHOOSING, st.builds(Blocks, CHOOSING, st.integers(1, 3)))


@dataclass
class Table:
    """Logits [2, L, V]: of the condition and of none, at every position."""

    logits: Tensor

    def null(self, condition: Tensor) -> Tensor:
        return torch.ones_like(condition)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return self.logits[condition] - 7.125  # the same law, and no row looks like probabilities


@dataclass
class Problem:
    process: Any
    denoiser: Table
    batch: int
    length: int
    seed: int


@st.composite
def problems(draw: st.DrawFn, kinds: tuple[str, ...] = ("masked", "inside", "uniform")) -> Problem:
    vocab, length = draw(st.integers(2, 5)), draw(st.integers(1, 4))
    kind = draw(st.sampled_from(kinds))
    mask = draw(st.integers(0, vocab - 1)) if kind == "inside" else vocab
    process = Uniform(vocab) if kind == "uniform" else Masked(vocab, mask_id=mask)
    size = 2 * length * vocab
    logits = torch.tensor(draw(st.lists(VALUES, min_size=size, max_size=size)), dtype=torch.float64)
    logits = logits.view(2, length, vocab)
    # Every row allows one token at least that is not the mask.
    allowed = 1 if mask == 0 else 0
    logits[..., allowed] = torch.where(logits[..., allowed].isinf(), 0.0, logits[..., allowed])
    dtype = draw(st.sampled_from([torch.float64, torch.float32]))
    return Problem(process, Table(logits.to(dtype)), draw(st.integers(1, 3)), length, draw(st.integers(0, 2**64 - 1)))


def check(problem: Problem, guidance: Any, sampler: Any) -> None:
    process, logits = problem.process, problem.denoiser.logits
    samples = dguide.sample(
        problem.denoiser,
        process=process,
        length=problem.length,
        condition=torch.zeros(problem.batch, dtype=torch.int64),
        guidance=guidance,
        sampler=sampler,
        seed=problem.seed,
    )
    tokens = samples.tokens
    assert tokens.shape == (problem.batch, problem.length)
    assert tokens.dtype == torch.int64
    assert ((tokens >= 0) & (tokens < process.vocab_size)).all()
    assert not process.unfinished(tokens).any()
    weight = guidance.weight
    assert isinstance(weight, Schedule)
    # At w = -1 it is the reference that forbids. Rates of the uniform process reach tokens that only the end forbids.
    only_reference = float(weight(torch.zeros(()))) == -1
    if process.prediction_free_rate or isinstance(sampler, Ancestral):
        chosen = logits[int(only_reference)].gather(-1, tokens.T).T
        assert (chosen > -math.inf).all()


@given(
    problem=problems(),
    weight=SCHEDULES,
    sampler=GRID_SAMPLERS,
    mechanism=st.sampled_from([Normalized, Unlocking, Simple]),
)
def test_grid_samplers(problem: Problem, weight: Any, sampler: Any, mechanism: Any) -> None:
    check(problem, mechanism(weight), sampler)


@given(
    problem=problems(),
    weight=SCHEDULES,
    sampler=st.builds(Trapezoidal, st.integers(1, 4), st.sampled_from(["uniform", "cosine"]), st.floats(0.1, 0.9)),
    mechanism=st.sampled_from([Normalized, Unlocking]),
)
def test_trapezoidal(problem: Problem, weight: Any, sampler: Any, mechanism: Any) -> None:
    check(problem, mechanism(weight), sampler)


@given(
    problem=problems(("masked", "inside")),
    weight=SCHEDULES,
    sampler=st.builds(Remasking, st.integers(1, 6), st.sampled_from(["uniform", "work"]), rate=st.floats(0, 50)),
    mechanism=st.sampled_from([Normalized, Unlocking, Simple]),
)
def test_remasking(problem: Problem, weight: Any, sampler: Any, mechanism: Any) -> None:
    check(problem, mechanism(weight), sampler)


@given(problem=problems(("masked", "inside")), weight=SCHEDULES)
def test_first_hitting_with_normalized(problem: Problem, weight: Any) -> None:
    check(problem, Normalized(weight), FirstHitting())


@given(problem=problems(("masked", "inside")), weight=SCHEDULES, sampler=CHOOSING)
def test_samplers_that_choose_who_is_unmasked(problem: Problem, weight: Any, sampler: Any) -> None:
    check(problem, Normalized(weight), sampler)


@given(problem=problems(("masked", "inside")), weight=WEIGHTS)
def test_first_hitting_with_unlocking_and_a_constant_weight(problem: Problem, weight: float) -> None:
    check(problem, Unlocking(weight), FirstHitting())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("mechanism", [Normalized, Unlocking, Simple])
@pytest.mark.parametrize("process", [Masked(3), Uniform(3)], ids=["masked", "uniform"])
def test_the_lowest_finite_value_forbids_like_minus_infinity(process: Any, mechanism: Any, dtype: torch.dtype) -> None:
    # Networks often fill forbidden columns with the lowest finite value.
    lowest = torch.finfo(dtype).min
    cond, ref = torch.tensor([lowest, 0.0, 1.0], dtype=dtype), torch.tensor([0.0, lowest, 1.0], dtype=dtype)
    logits = torch.stack((cond, ref)).unsqueeze(1).expand(2, 8, 3)
    for weight in (0.0, 0.5, 20.0):
        samples = dguide.sample(
            Table(logits),
            process=process,
            length=8,
            condition=torch.zeros(5, dtype=torch.int64),
            guidance=mechanism(weight),
            sampler=Ancestral(3),
        )
        assert set(samples.tokens.unique().tolist()) <= {1, 2}


@dataclass(frozen=True)
class Counted(RampUp):
    """A ramp that loses patience: a sampler that asks for w without end fails instead of hanging."""

    asked: ClassVar[int] = 0

    def __call__(self, level: Tensor) -> Tensor:
        Counted.asked += 1
        assert Counted.asked < 5_000, "w was asked for 5,000 times in one run"
        return super().__call__(level)

    def average(self, low: Tensor, high: Tensor) -> Tensor:
        return super().average(low, high)


@pytest.mark.parametrize("gap", [1.0, 30.0, 100.0, 1e30])
def test_first_hitting_with_unlocking_and_a_ramp_ends(gap: float) -> None:
    # The conditional is sure of the token that the reference finds unlikely.
    logits = torch.tensor([[[0.0, -gap, -gap]], [[-gap, 0.0, 0.0]]], dtype=torch.float64).expand(2, 4, 3)
    Counted.asked = 0
    check(Problem(Masked(3), Table(logits), 2, 4, 0), Unlocking(Counted(2.0)), FirstHitting())


def test_rounding_in_float32_is_no_rate_above_its_bound() -> None:
    # One token is left, so log Z_w is 0 for every w: the sum of (1 + w) and -w times its logits only up to rounding.
    logits = torch.zeros(2, 3, 2)
    logits[1, 1, 1] = -5
    Counted.asked = 0
    check(Problem(Masked(2, mask_id=0), Table(logits), 1, 3, 2), Unlocking(Counted(4.0, 0.1, 0.3)), FirstHitting())


@given(problem=problems(("masked", "inside")), weight=st.floats(0.1, 8))
def test_first_hitting_with_unlocking_and_ramps(problem: Problem, weight: float) -> None:
    Counted.asked = 0
    problem.denoiser.logits = problem.denoiser.logits.clamp(-5, 5) + torch.where(
        problem.denoiser.logits.isneginf(), -math.inf, 0.0
    )
    check(problem, Unlocking(Counted(weight, 0.1, 0.3)), FirstHitting())


@given(problem=problems(), weight=st.floats(-1, 8), sampler=GRID_SAMPLERS, step=st.integers(1, 3))
def test_shards_are_the_whole(problem: Problem, weight: float, sampler: Any, step: int) -> None:
    def draw(count: int, first: int) -> Tensor:
        return dguide.sample(
            problem.denoiser,
            process=problem.process,
            length=problem.length,
            condition=torch.zeros(count, dtype=torch.int64),
            guidance=Normalized(weight),
            sampler=sampler,
            seed=problem.seed,
            first_index=first,
        ).tokens

    whole = draw(5, 2)
    assert torch.equal(torch.cat([draw(min(step, 5 - i), 2 + i) for i in range(0, 5, step)]), whole)
