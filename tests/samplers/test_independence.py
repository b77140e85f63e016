"""A sample depends on its seed, its index and its own settings, and on nothing else, to the last bit."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from helpers import PROCESSES, oracle
from torch import Tensor

import dguide
from dguide import (
    Ancestral,
    Euler,
    FirstHitting,
    Masked,
    Normalized,
    RampUp,
    Simple,
    TauLeaping,
    Uniform,
    Unlocking,
    noise,
)
from dguide.guidance import Guidance
from dguide.process import Process
from dguide.samplers import Sampler

MECHANISMS = [Normalized, Unlocking, Simple]
SAMPLERS = [Ancestral(3), Euler(3), TauLeaping(3)]
COMBINATIONS = [(p, g, s) for p in PROCESSES for g in MECHANISMS for s in SAMPLERS]
COMBINATIONS += [(p, g, FirstHitting()) for p in PROCESSES[:2] for g in MECHANISMS[:2]]
SEED = 2**33 + 5
LABELS = torch.arange(64) % 2


class Noisy:
    """The exact denoiser, which uses and disturbs the global generators on the way."""

    def __init__(self, process: Process) -> None:
        self.oracle = oracle(process, d=3)
        self.null = self.oracle.null

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        torch.rand(3)
        np.random.rand()
        random.random()
        return self.oracle(tokens, time, condition)


def draw(process: Process, guidance: Guidance, sampler: Sampler, labels: Tensor = LABELS, **changes: Any) -> Tensor:
    arguments: dict[str, Any] = {"length": 3, "condition": labels, "seed": SEED}
    return dguide.sample(
        Noisy(process), process=process, guidance=guidance, sampler=sampler, **(arguments | changes)
    ).tokens


@pytest.mark.parametrize(("process", "mechanism", "sampler"), COMBINATIONS, ids=str)
def test_tokens_do_not_depend_on_the_batch(process: Process, mechanism: type[Guidance], sampler: Sampler) -> None:
    guidance = mechanism(RampUp(3.0))
    whole = draw(process, guidance, sampler)
    assert len(whole.unique(dim=0)) > 5
    torch.manual_seed(int(whole.sum()))
    assert torch.equal(draw(process, guidance, sampler, batch_size=7), whole)
    alone = [draw(process, guidance, sampler, LABELS[[i]], first_index=i) for i in (0, 1, 31, 62, 63)]
    assert torch.equal(torch.cat(alone), whole[[0, 1, 31, 62, 63]])
    shards = [draw(process, guidance, sampler, LABELS[a:b], first_index=a) for a, b in [(0, 20), (20, 63), (63, 64)]]
    assert torch.equal(torch.cat(shards), whole)


@pytest.mark.parametrize("process", [Masked(4), Uniform(4)], ids=["masked", "uniform"])
def test_batches_of_one(process: Process) -> None:
    guidance = Unlocking(RampUp(3.0))
    assert torch.equal(
        draw(process, guidance, Ancestral(3), batch_size=1), draw(process, guidance, Ancestral(3), batch_size=64)
    )


@pytest.mark.parametrize("process", [Masked(4), Uniform(4)], ids=["masked", "uniform"])
def test_global_generators_are_neither_read_nor_moved(process: Process) -> None:
    def plain(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return torch.zeros(*tokens.shape, 4)

    def once() -> Tensor:
        return dguide.sample(
            plain,
            process=process,
            length=5,
            condition=LABELS[:4],
            guidance=Normalized(0.0),
            sampler=Ancestral(3),
        ).tokens

    torch.manual_seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    first = once()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]
    torch.manual_seed(1)
    assert torch.equal(once(), first)


def test_far_shards_and_seeds_differ() -> None:
    draws = {
        tuple(
            draw(Masked(4), Normalized(1.0), Ancestral(3), LABELS[:8], seed=seed, first_index=first).flatten().tolist()
        )
        for seed in (0, 1, 2**32, 2**64 - 1)
        for first in (0, 8, 2**32, 2**40)
    }
    assert len(draws) == 16


def test_length_and_neighbours_do_not_matter_where_the_law_is_the_same() -> None:
    # A law without dependence between positions: the first tokens of a longer sample are the same.
    def plain(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return torch.arange(4.0).expand(*tokens.shape, 4)

    def tokens(length: int, sampler: Sampler) -> Tensor:
        return dguide.sample(
            plain,
            process=Masked(4),
            length=length,
            condition=LABELS[:4],
            guidance=Normalized(0.0),
            sampler=sampler,
        ).tokens

    for sampler in (Ancestral(3), FirstHitting()):
        assert torch.equal(tokens(9, sampler)[:, :5], tokens(5, sampler))


def test_settings_with_one_seed_are_coupled() -> None:
    # The same clocks: with and without guidance the same positions are decided in the same step.
    def path(guidance: Guidance) -> Tensor:
        result = dguide.sample(
            Noisy(Masked(4)),
            process=Masked(4),
            length=3,
            condition=LABELS,
            guidance=guidance,
            sampler=Ancestral(5),
            trajectory=True,
        ).trajectory
        assert result is not None
        return result.tokens

    assert torch.equal(path(Normalized(0.0)) == 4, path(Normalized(4.0)) == 4)
    assert not torch.equal(path(Normalized(0.0)), path(Normalized(4.0)))


class Learned(noise.Polynomial):
    """A schedule whose power is learned; like much that may change it has no hash."""

    __hash__ = None  # type: ignore[assignment]

    def learn(self, power: float) -> None:
        object.__setattr__(self, "power", power)


@pytest.mark.parametrize("sampler", [Ancestral(3), Euler(3), dguide.Trapezoidal(3), dguide.Remasking(3)], ids=str)
def test_a_noise_schedule_may_change_between_runs(sampler: Sampler) -> None:
    learned = Learned(1.0)
    found = []
    for power in (1.0, 4.0):
        learned.learn(power)
        for schedule in (learned, noise.Polynomial(power)):
            found.append(draw(Masked(4, noise=schedule), Normalized(RampUp(3.0)), sampler))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[2], found[3])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize("mechanism", [Normalized, Unlocking])
def test_a_finer_grid_is_coupled_to_a_coarser_one(mechanism: type[Guidance]) -> None:
    # A law that looks at nothing, so that steps are exact: what is masked at a common time is the same.
    class Fixed:
        def null(self, condition: Tensor) -> Tensor:
            return condition - 2

        def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
            laws = torch.tensor([[2.0, 0.0, 1.0, 0.0], [0.0, 1.0, 2.0, 0.5]])
            return laws[(condition < 0).long()].unsqueeze(1).expand(*tokens.shape, 4)

    def path(sampler: Sampler) -> tuple[Tensor, Tensor]:
        result = dguide.sample(
            Fixed(),
            process=Masked(4),
            length=10,
            condition=LABELS,
            guidance=mechanism(2.0),
            sampler=sampler,
            trajectory=True,
        ).trajectory
        assert result is not None
        return result.times, result.tokens == 4

    (coarse_times, coarse), (_, fine) = path(Ancestral(4)), path(Ancestral(12))
    assert torch.equal(fine[::3], coarse)
    hit_times, masked = path(FirstHitting())
    for k in range(1, 4):
        last = (hit_times >= coarse_times[k]).sum(0) - 1
        assert torch.equal(masked[last, torch.arange(64)], coarse[k])


LEVELS = [1.0, 0.8, 0.55, 0.3, 0.1, 0.02, 0.0]
OTHER_NOISE = [noise.Cosine(), noise.Polynomial(3.0), noise.Polynomial(0.5), noise.Geometric(1e-3, 10.0)]


@pytest.mark.parametrize("schedule", OTHER_NOISE, ids=str)
@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("sampler", [Ancestral, Euler, TauLeaping, FirstHitting])
def test_alpha_does_not_matter_at_equal_noise_levels(
    sampler: Any, mechanism: type[Guidance], schedule: noise.Noise
) -> None:
    def tokens(process: Masked) -> Tensor:
        if sampler is FirstHitting:
            return draw(process, mechanism(RampUp(3.0)), FirstHitting())
        times = process.noise.time(torch.tensor(LEVELS, dtype=torch.float64)).tolist()
        return draw(process, mechanism(RampUp(3.0)), sampler(grid=times))

    if sampler is FirstHitting and mechanism is Simple:
        with pytest.raises(ValueError, match="no meaning"):
            tokens(Masked(4))
        return
    assert torch.equal(tokens(Masked(4)), tokens(Masked(4, noise=schedule)))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_alpha_changes_the_uniform_process_only_through_the_time_the_network_reads(mechanism: type[Guidance]) -> None:
    class AtLevel:
        """Tells the exact denoiser of the linear schedule the noise level, whatever the time."""

        def __init__(self, process: Process) -> None:
            self.process, self.oracle = process, oracle(Uniform(4), d=3)
            self.null = self.oracle.null

        def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
            level = self.process.noise.level(time.double())
            nearest = torch.tensor(LEVELS, dtype=torch.float64)
            return self.oracle(tokens, nearest[(level.unsqueeze(-1) - nearest).abs().argmin(-1)], condition)

    def tokens(process: Process) -> Tensor:
        times = process.noise.time(torch.tensor(LEVELS, dtype=torch.float64)).tolist()
        return dguide.sample(
            AtLevel(process),
            process=process,
            length=3,
            condition=LABELS,
            guidance=mechanism(RampUp(3.0)),
            sampler=Ancestral(grid=times),
        ).tokens

    for schedule in OTHER_NOISE:
        assert torch.equal(tokens(Uniform(4)), tokens(Uniform(4, schedule)))
