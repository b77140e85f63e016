"""Blocks of positions, one after the other, drawn by any sampler."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers import law_on_data, oracle
from judge import g_test
from torch import Tensor

import dguide
from dguide import (
    Ancestral,
    Blocks,
    Euler,
    FirstHitting,
    LowConfidence,
    Masked,
    Normalized,
    RampUp,
    Remasking,
    Simple,
    TauLeaping,
    Trapezoidal,
    Uniform,
    Unlocking,
)
from dguide.exact import Oracle

MASKED, LENGTH = Masked(3), 4
GUIDED = Normalized(RampUp(2.0))


def draw(process: Any, sampler: Any, guidance: Any = GUIDED, count: int = 40, **rest: Any) -> Any:
    labels = torch.arange(count) % 2
    given = {"process": process, "length": LENGTH, "condition": labels, "guidance": guidance, "sampler": sampler}
    return dguide.sample(oracle(process, LENGTH), **(given | rest))


@pytest.mark.parametrize(
    ("process", "sampler", "guidance"),
    [
        (MASKED, Ancestral(4), GUIDED),
        (MASKED, Ancestral(4), Unlocking(1.0)),
        (MASKED, TauLeaping(4), Simple(1.0)),
        (MASKED, FirstHitting(), GUIDED),
        (MASKED, FirstHitting(), Unlocking(RampUp(2.0))),
        (MASKED, Remasking(4), GUIDED),
        (MASKED, Trapezoidal(3), Unlocking(1.0)),
        (MASKED, LowConfidence(2, noise=1.0), GUIDED),
        (Uniform(3), Ancestral(4), GUIDED),
        (Uniform(3, prediction="leave-one-out"), Euler(4), Unlocking(1.0)),
    ],
)
def test_one_block_of_everything_is_the_sampler_itself(process: Any, sampler: Any, guidance: Any) -> None:
    alone, block = (draw(process, each, guidance, trajectory=True) for each in (sampler, Blocks(sampler, LENGTH)))
    assert torch.equal(alone.tokens, block.tokens)
    assert alone.calls == block.calls
    assert torch.equal(alone.forced, block.forced)
    assert torch.equal(alone.trajectory.times, block.trajectory.times)
    assert torch.equal(alone.trajectory.tokens, block.trajectory.tokens)


@pytest.mark.parametrize("sampler", [FirstHitting(), Ancestral(2)])
def test_blocks_of_one_position_have_the_law_of_the_model(sampler: Any) -> None:
    law = law_on_data(MASKED, LENGTH)
    exact = Oracle(MASKED, [law], law)
    rest = {"process": MASKED, "length": LENGTH, "condition": torch.zeros(8_000, dtype=torch.int64)}
    tokens = dguide.sample(exact, guidance=None, sampler=Blocks(sampler, 1), **rest).tokens
    assert g_test(tokens, law) > 1e-6


def test_later_blocks_are_noise_until_the_present_one_is_done() -> None:
    for process in (MASKED, Uniform(3)):
        path = draw(process, Blocks(Ancestral(2), 2), trajectory=True).trajectory
        assert path.times[:, 0].tolist() == [1, 0.5, 0, 0.5, 0]
        assert torch.equal(path.tokens[0, :, 2:], path.tokens[2, :, 2:])
        assert torch.equal(path.tokens[2, :, :2], path.tokens[-1, :, :2])


@pytest.mark.parametrize(
    "sampler", [Ancestral(3), FirstHitting(), Remasking(3), LowConfidence(2, noise=1.0)], ids=lambda s: type(s).__name__
)
def test_a_block_is_drawn_as_if_those_before_had_been_given(sampler: Any) -> None:
    tokens = draw(MASKED, Blocks(sampler, 2)).tokens
    given = tokens.clone()
    given[:, 2:] = MASKED.noise_token
    assert torch.equal(draw(MASKED, sampler, initial=given).tokens, tokens)


def test_a_sample_does_not_depend_on_where_others_begin() -> None:
    mask = 3
    initial = torch.tensor([[0, mask, mask, 1], [mask, 1, mask, 2], [mask] * 4, [mask, 2, 0, 1]])
    for inside in (LowConfidence(2, noise=1.0), Ancestral(2), FirstHitting()):
        together = draw(MASKED, Blocks(inside, 1), count=4, initial=initial).tokens
        for row in range(4):
            rest: dict[str, Any] = {"condition": torch.tensor([row % 2]), "first_index": row}
            alone = draw(MASKED, Blocks(inside, 1), initial=initial[row : row + 1], **rest).tokens
            assert torch.equal(alone[0], together[row])


def test_the_number_of_steps_is_known_beforehand() -> None:
    run = dguide.samplers.prepare(
        oracle(MASKED, LENGTH),
        process=MASKED,
        length=LENGTH,
        condition=torch.zeros(2, dtype=torch.int64),
        guidance=Normalized(1.0),
        sampler=Blocks(Ancestral(4), 2),
    )
    sampler, left = Blocks(Ancestral(4), 2), []
    state = sampler.begin(run)
    while not sampler.finished(run, state):
        left.append(sampler.length(run, state))
        state = sampler.step(run, state)
    assert left == [8, 7, 6, 5, 4, 3, 2, 1]


class Causal:
    """A denoiser of blocks of one position with a cache that counts what it was given."""

    block_size, time_dependent = 1, False

    def __init__(self) -> None:
        self.whole = oracle(MASKED, LENGTH)
        self.given: list[str] = []

    def null(self, labels: Tensor) -> Tensor:
        return self.whole.null(labels)

    def lead(self, labels: Tensor, count: int) -> Tensor:
        return torch.zeros(count, dtype=torch.int64)

    def __call__(self, tokens: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        self.given.append(f"{len(tokens)} whole")
        return self.whole(tokens, time, labels)

    def prefix(self, labels: Tensor, count: int, length: int) -> Any:
        assert len(labels) == count
        return Kept(self, labels, length)


class Kept:
    """The oracle of whole sequences, given the blocks before."""

    def __init__(self, network: Causal, labels: Tensor, length: int) -> None:
        self.network, self.labels = network, labels
        self.tokens = torch.full((len(labels), length), MASKED.noise_token)
        self.done = 0

    def append(self, tokens: Tensor) -> None:
        self.network.given.append(f"{tuple(tokens.shape)} final")
        self.tokens[:, self.done : self.done + tokens.shape[1]] = tokens
        self.done += tokens.shape[1]

    def __call__(self, tokens: Tensor, time: Tensor, rows: Tensor) -> Tensor:
        self.network.given.append(f"{tuple(tokens.shape)} present")
        whole = self.tokens[rows]
        whole[:, self.done : self.done + 1] = tokens
        return self.network.whole(whole, time, self.labels[rows])[:, self.done : self.done + 1]


def causal(network: Any, sampler: Any, **rest: Any) -> Any:
    given = {"process": MASKED, "length": LENGTH, "condition": torch.arange(4) % 2, "guidance": Normalized(1.0)}
    return dguide.sample(network, sampler=sampler, **(given | rest))


def test_a_network_with_a_cache_is_given_the_present_block_alone() -> None:
    network = Causal()
    found = causal(network, Blocks(FirstHitting(), 1))
    assert network.given == ["(8, 1) present", "(8, 1) final"] * 3 + ["(8, 1) present"]
    assert torch.equal(found.tokens, causal(network.whole, Blocks(FirstHitting(), 1)).tokens)
    network.given.clear()
    causal(network, Blocks(FirstHitting(), 1), initial=torch.tensor([[0, 1, 2, 3]] * 4), guidance=None)
    assert network.given == ["(4, 3) final", "(4, 1) present"]


@pytest.mark.parametrize("weak", [Causal(), oracle(MASKED, LENGTH, seed=7)], ids=["with cache", "without"])
def test_a_reference_network_has_a_cache_of_its_own(weak: Any) -> None:
    plain = weak.whole if isinstance(weak, Causal) else weak
    sampler, network = Blocks(LowConfidence(1), 1), Causal()
    kept = causal(network, sampler, reference=weak)
    assert torch.equal(kept.tokens, causal(network.whole, sampler, reference=plain).tokens)
    assert "(4, 1) present" in network.given
    assert (getattr(weak, "given", ["whole"])[0] == "(4, 1) present") == isinstance(weak, Causal)


def test_everything_around_works_with_a_cache() -> None:
    tables, inside = [], dguide.TopMargin(1)
    for network in (Causal(), Causal().whole):
        seen = dguide.Diagnostics(bins=3)
        kept = causal(network, Blocks(inside, 1), callback=seen, trajectory=True, batch_size=3)
        many = causal(network, dguide.SMC(2, Blocks(inside, 1)))
        tables.append((str(seen.table()), kept.trajectory.tokens.tolist(), many.tokens.tolist(), many.log_normalizer))
    (first, path, many, log_z), (first_plain, path_plain, many_plain, log_z_plain) = tables
    assert first == first_plain
    assert path == path_plain
    assert many == many_plain
    torch.testing.assert_close(log_z, log_z_plain)


@pytest.mark.parametrize("sampler", [FirstHitting(), dguide.SMC(2)])
def test_a_network_of_blocks_that_are_drawn_at_once_is_warned_of(sampler: Any) -> None:
    with pytest.warns(UserWarning, match=r"reads blocks of 1 positions.*use Blocks\(FirstHitting\(...\), size=1\)"):
        causal(Causal(), sampler)


def test_a_network_that_only_names_its_blocks_is_told_what_is_missing() -> None:
    network = oracle(MASKED, LENGTH)
    network.block_size = 1
    with pytest.raises(dguide.InputError, match="denoiser: got block_size without lead and prefix"):
        causal(network, Blocks(FirstHitting(), 1))


def test_a_network_has_blocks_of_its_own_size() -> None:
    with pytest.raises(
        dguide.InputError, match="Blocks size: got 2, expected 1, the size of the blocks of the network"
    ):
        causal(Causal(), Blocks(FirstHitting(), 2))
