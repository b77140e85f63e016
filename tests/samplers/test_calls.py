"""Which network is called, how often, with what: nothing is called when nothing can change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from helpers import PROCESSES, Network, identities
from torch import Tensor

import dguide
from dguide import (
    Ancestral,
    EntropyBounded,
    Euler,
    FirstHitting,
    Halton,
    Interval,
    LowConfidence,
    Masked,
    Normalized,
    Piecewise,
    RampUp,
    Samples,
    Simple,
    TauLeaping,
    Uniform,
    Unlocking,
)
from dguide.guidance import Guidance
from dguide.process import Process

MECHANISMS = [Normalized, Unlocking, Simple]
every_process = pytest.mark.parametrize("process", PROCESSES, ids=identities(PROCESSES))
every_mechanism = pytest.mark.parametrize("mechanism", MECHANISMS)
LABELS = torch.tensor([0, 1, 2, 1, 0])
NULL = 3


def draw(network: Any, process: Process = PROCESSES[0], **changes: Any) -> Samples:
    arguments: dict[str, Any] = {
        "process": process,
        "length": 6,
        "condition": LABELS,
        "guidance": Normalized(2.0),
        "sampler": Ancestral(6),
    }
    return dguide.sample(network, **(arguments | changes))


def labels_of(network: Network) -> set[int]:
    return {int(label) for _, _, condition in network.calls for label in condition}


@every_process
@every_mechanism
def test_weight_zero_calls_only_the_conditional(process: Process, mechanism: type[Guidance]) -> None:
    network = Network(4)
    calls = draw(network, process, guidance=mechanism(0.0)).calls
    assert calls.reference == 0
    assert calls.conditional == len(network.calls) > 0
    assert NULL not in labels_of(network)


@every_process
@every_mechanism
def test_weight_minus_one_calls_only_the_reference(process: Process, mechanism: type[Guidance]) -> None:
    network = Network(4)
    samples = draw(network, process, guidance=mechanism(-1.0))
    assert samples.calls.conditional == 0
    assert samples.calls.reference == len(network.calls) > 0
    assert labels_of(network) == {NULL}
    unconditional = draw(Network(4), process, guidance=mechanism(0.0), condition=torch.full((5,), NULL))
    assert torch.equal(samples.tokens, unconditional.tokens)


@pytest.mark.parametrize("sampler", [LowConfidence(3), EntropyBounded(0.5), Halton(3, shape=(2, 3))], ids=str)
def test_samplers_that_choose_who_is_unmasked_call_what_matters(sampler: Any) -> None:
    for weight, asked in [(0.0, {0, 1, 2}), (-1.0, {NULL}), (1.5, {0, 1, 2, NULL})]:
        network = Network(4)
        calls = draw(network, guidance=Normalized(weight), sampler=sampler).calls
        assert labels_of(network) == asked
        assert (calls.conditional, calls.reference) == (
            len(network.calls) * (weight != -1),
            len(network.calls) * (weight != 0),
        )
        assert len(network.calls) == 3 or isinstance(sampler, EntropyBounded)
    # A schedule that is 0 in the first half asks the conditional alone there: the last of these steps is in the other.
    network = Network(4)
    calls = draw(network, guidance=Normalized(Interval(2.0, 0.0, 0.3)), sampler=sampler).calls
    assert 0 < calls.reference < calls.conditional == len(network.calls)


@every_process
@every_mechanism
def test_both_in_one_stacked_call(process: Process, mechanism: type[Guidance]) -> None:
    network = Network(4)
    calls = draw(network, process, guidance=mechanism(1.5)).calls
    assert calls.conditional == calls.reference == len(network.calls) > 0
    for tokens, _, condition in network.calls:
        assert len(tokens) == len(condition)
        assert (condition[len(condition) // 2 :] == NULL).all()
        assert (condition[: len(condition) // 2] != NULL).all()


def test_a_call_at_every_step_where_the_pace_depends_on_content() -> None:
    for process, mechanism in [(Uniform(4), Normalized), (Uniform(4), Simple), (Uniform(4), Unlocking)]:
        assert draw(Network(4), process, guidance=mechanism(1.0), sampler=Ancestral(17)).calls.conditional == 17
    # The masked process stops calling when nothing is left to decide.
    calls = draw(Network(4), Masked(4), guidance=Unlocking(1.0), sampler=Ancestral(400), length=1, condition=LABELS[:1])
    assert 1 <= calls.calls.conditional < 400


@pytest.mark.parametrize("sampler", [Ancestral, Euler, TauLeaping])
def test_steps_without_a_jump_make_no_call(sampler: type) -> None:
    network = Network(4)
    samples = draw(network, Masked(4), sampler=sampler(500), length=6, condition=LABELS[:1], trajectory=True)
    assert samples.trajectory is not None
    steps = (samples.trajectory.tokens[1:] != samples.trajectory.tokens[:-1]).any(-1).sum()
    assert samples.calls.conditional == samples.calls.reference == len(network.calls) == steps <= 6


def test_samples_without_a_jump_are_not_in_the_call() -> None:
    network = Network(4)
    samples = draw(network, Masked(4), sampler=Ancestral(500), guidance=Normalized(0.0), trajectory=True)
    assert samples.trajectory is not None
    moved = (samples.trajectory.tokens[1:] != samples.trajectory.tokens[:-1]).any(-1)
    assert sum(len(tokens) for tokens, _, _ in network.calls) == int(moved.sum())
    # ... and those that are come with their own condition.
    for tokens, _, condition in network.calls:
        assert len(tokens) == len(condition) < 5


def test_first_hitting_calls_once_a_position() -> None:
    for mechanism in (Normalized, Unlocking):
        network = Network(4)
        calls = draw(network, Masked(4), sampler=FirstHitting(), guidance=mechanism(1.0), length=9).calls
        assert calls.conditional == calls.reference == len(network.calls) == 9


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("process", [Masked(4), Uniform(4)], ids=["masked", "uniform"])
def test_no_reference_call_outside_the_interval(process: Process, mechanism: type[Guidance]) -> None:
    network = Network(4)
    guidance = mechanism(Interval(2.0, 0.25, 0.5))
    samples = draw(network, process, guidance=guidance, sampler=Ancestral(8), length=40)
    levels = {float(time[0]): condition for _, time, condition in network.calls}
    with_reference = {t for t, condition in levels.items() if (condition == NULL).any()}
    assert with_reference == {0.5, 0.375}  # the steps from these times lie in the interval
    assert set(levels) == {k / 8 for k in range(1, 9)}
    assert samples.calls.conditional == 8
    assert samples.calls.reference == 2


def test_no_reference_call_outside_the_interval_of_first_hitting() -> None:
    network = Network(4)
    samples = draw(network, sampler=FirstHitting(), guidance=Normalized(Interval(2.0, 0.25, 0.5)), length=30)
    for _, time, condition in network.calls:
        chosen = time[: len(time) // 2] if (condition == NULL).any() else time
        inside = (chosen >= 0.25) & (chosen <= 0.5)
        assert bool(inside.any()) == bool((condition == NULL).any())
    assert 0 < samples.calls.reference < samples.calls.conditional == 30


def test_a_weak_model_is_called_with_the_condition() -> None:
    strong, weak = Network(4), Network(4, seed=9)
    samples = draw(strong, reference=weak)
    assert labels_of(strong) == labels_of(weak) == {0, 1, 2}
    assert len(strong.calls) == samples.calls.conditional
    assert len(weak.calls) == samples.calls.reference
    for (x, t, c), (y, s, d) in zip(strong.calls, weak.calls, strict=True):
        assert torch.equal(x, y)
        assert torch.equal(t, s)
        assert torch.equal(c, d)
    # The law is tilted away from it: at w = -1 it is the weak model that is sampled.
    strong.calls.clear()
    only_weak = draw(strong, reference=weak, guidance=Normalized(-1.0))
    assert not strong.calls
    assert torch.equal(only_weak.tokens, draw(weak, guidance=Normalized(0.0)).tokens)
    assert not torch.equal(samples.tokens, draw(strong).tokens)


def test_a_weak_model_needs_no_null() -> None:
    def plain(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return torch.zeros(*tokens.shape, 4)

    assert draw(plain, reference=plain).tokens.shape == (5, 6)
    assert draw(plain, guidance=Normalized(0.0)).tokens.shape == (5, 6)


@dataclass
class Law:
    """A model that is a dataclass of tensors, which cannot be compared with ==."""

    logits: Tensor

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return self.logits.expand(*tokens.shape, 4)


def test_models_are_not_compared() -> None:
    strong, weak = Law(torch.arange(4.0)), Law(torch.zeros(4))
    assert draw(strong, reference=weak).tokens.shape == (5, 6)


def test_a_weight_that_is_minus_one_at_every_edge_and_not_between() -> None:
    guidance = Unlocking(Piecewise(((0, -1), (0.5, -1), (0.5, 5), (1, -1))))
    samples = draw(Network(4), guidance=guidance, sampler=FirstHitting(), length=1)
    assert samples.calls.conditional == 1


def test_a_negative_condition() -> None:
    network = Network(4)
    negative = torch.tensor([2, 2, 1, 0, 1])
    samples = draw(network, reference=negative, sampler=Ancestral(2))
    tokens, _, condition = network.calls[0]
    assert len(tokens) == 10
    assert torch.equal(condition, torch.cat((LABELS, negative)))
    assert NULL not in labels_of(network)
    assert not torch.equal(samples.tokens, draw(network, sampler=Ancestral(2)).tokens)
    # A call for some of the samples takes their rows of it.
    network.calls.clear()
    draw(network, reference=negative, sampler=Ancestral(100))
    assert min(len(condition) for _, _, condition in network.calls) == 2
    pairs = set(zip(LABELS.tolist(), negative.tolist(), strict=True))
    for _, _, condition in network.calls:
        cond, ref = condition.chunk(2)
        assert set(zip(cond.tolist(), ref.tolist(), strict=True)) <= pairs
    # So do batches.
    assert torch.equal(draw(network, reference=negative, sampler=Ancestral(2), batch_size=2).tokens, samples.tokens)


class Pair(NamedTuple):
    label: Tensor
    extra: list[Tensor]


class Nested:
    """Reads its label from the depth of a nested condition."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def null(self, condition: dict[str, Any]) -> dict[str, Any]:
        pair = condition["pair"]
        return {"pair": Pair(self.network.null(pair.label), pair.extra), "more": condition["more"], "none": None}

    def __call__(self, tokens: Tensor, time: Tensor, condition: dict[str, Any]) -> Tensor:
        assert set(condition) == {"pair", "more", "none"}
        assert isinstance(condition["pair"], Pair)
        assert isinstance(condition["more"], tuple)
        assert condition["none"] is None
        sizes = {len(x) for x in (condition["pair"].label, *condition["pair"].extra, *condition["more"])}
        assert sizes == {len(tokens)}
        return self.network(tokens, time, condition["pair"].label)


@every_process
def test_nested_conditions(process: Process) -> None:
    condition = {"pair": Pair(LABELS, [torch.ones(5, 2)]), "more": (torch.zeros(5), torch.ones(5, 1, 1)), "none": None}
    plain = draw(Network(4), process, batch_size=2)
    nested = draw(Nested(Network(4)), process, condition=condition, batch_size=2)
    assert torch.equal(plain.tokens, nested.tokens)


@every_process
@every_mechanism
@pytest.mark.parametrize("sampler", [Ancestral(6), TauLeaping(6)], ids=str)
def test_one_weight_a_sample_is_as_many_runs(process: Process, mechanism: type[Guidance], sampler: Any) -> None:
    weights = torch.tensor([-1.0, 0.0, 0.5, 2.0, 6.0])
    condition = torch.ones(5, dtype=torch.int64)
    together = draw(Network(4), process, guidance=mechanism(weights), condition=condition, sampler=sampler)
    for batch_size in (1, 2):
        split = draw(
            Network(4),
            process,
            guidance=mechanism(weights),
            condition=condition,
            sampler=sampler,
            batch_size=batch_size,
        )
        assert torch.equal(split.tokens, together.tokens)
    for i, weight in enumerate(weights.tolist()):
        alone = draw(Network(4), process, guidance=mechanism(weight), condition=condition, sampler=sampler)
        assert torch.equal(alone.tokens[i], together.tokens[i])


@pytest.mark.parametrize("mechanism", [Normalized, Unlocking])
def test_one_weight_a_sample_in_first_hitting(mechanism: type[Guidance]) -> None:
    weights = torch.tensor([-1.0, 0.0, 0.5, 2.0, 6.0])
    together = draw(Network(4), guidance=mechanism(weights), sampler=FirstHitting())
    for i, weight in enumerate(weights.tolist()):
        alone = draw(Network(4), guidance=mechanism(weight), sampler=FirstHitting())
        assert torch.equal(alone.tokens[i], together.tokens[i])


def test_only_the_most_calls_of_any_batch_are_reported() -> None:
    weights = torch.tensor([0.0, 0.0, 2.0, 2.0, -1.0])
    calls = draw(Network(4), Uniform(4), guidance=Normalized(weights), batch_size=2, sampler=Ancestral(3)).calls
    assert (calls.conditional, calls.reference) == (3, 3)


def test_schedules_are_read_at_the_noise_level_of_each_jump() -> None:
    # One step: a ramp gives every position its own weight, the same as first hitting would.
    class OneLaw(Network):
        def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
            return torch.where((condition == NULL)[:, None, None], self.here[0], self.here[1]).expand(*tokens.shape, 4)

    guidance = Normalized(RampUp(5.0))
    one_step = draw(OneLaw(4), guidance=guidance, sampler=Ancestral(1), length=200)
    hits = draw(OneLaw(4), guidance=guidance, sampler=FirstHitting(), length=200)
    constant = draw(OneLaw(4), guidance=Normalized(2.5), sampler=Ancestral(1), length=200)
    assert torch.equal(one_step.tokens, hits.tokens)
    assert not torch.equal(one_step.tokens, constant.tokens)
