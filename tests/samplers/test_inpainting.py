"""`initial` and `fixed`: what is given stays, the rest is filled in."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from helpers import Network
from torch import Tensor

import dguide
from dguide import (
    Ancestral,
    Blocks,
    EntropyBounded,
    Euler,
    FirstHitting,
    Halton,
    LowConfidence,
    Masked,
    Normalized,
    Samples,
    Simple,
    TauLeaping,
    TopMargin,
    Uniform,
    Unlocking,
)
from dguide.guidance import Guidance

GRID_SAMPLERS = [Ancestral(5), Euler(5), TauLeaping(5)]
CHOOSING = [LowConfidence(3), TopMargin(3), EntropyBounded(0.5), Halton(3, shape=(2, 4)), Blocks(TopMargin(2), 3)]
SAMPLERS = [*GRID_SAMPLERS, FirstHitting(), *CHOOSING]
MECHANISMS = [Normalized, Unlocking, Simple]
MEANINGFUL = [(s, m) for s in GRID_SAMPLERS for m in MECHANISMS]
MEANINGFUL += [(FirstHitting(), m) for m in MECHANISMS[:2]] + [(s, Normalized) for s in CHOOSING]
LABELS = torch.tensor([0, 1, 2])


def draw(process: Any = Masked(4), network: Any = None, **changes: Any) -> Samples:
    arguments: dict[str, Any] = {
        "process": process,
        "length": 8,
        "condition": LABELS,
        "guidance": Normalized(2.0),
        "sampler": Ancestral(5),
    }
    return dguide.sample(network or Network(4), **(arguments | changes))


def half_masked(mask: int) -> Tensor:
    tokens = torch.randint(0, 4, (3, 8), generator=torch.Generator().manual_seed(0))
    tokens[tokens == mask] = (mask + 1) % 4
    return torch.where(torch.arange(8) % 2 == 0, mask, tokens)


@pytest.mark.parametrize("process", [Masked(4), Masked(4, mask_id=2)], ids=["outside", "inside"])
@pytest.mark.parametrize(("sampler", "mechanism"), MEANINGFUL, ids=str)
def test_decided_tokens_stay_and_masks_are_filled(process: Masked, sampler: Any, mechanism: type[Guidance]) -> None:
    initial = half_masked(process.mask_id)
    kept = initial.clone()
    samples = draw(process, initial=initial, sampler=sampler, guidance=mechanism(2.0), trajectory=True)
    decided = initial != process.mask_id
    assert samples.trajectory is not None
    for tokens in samples.trajectory.tokens:
        assert torch.equal(tokens[decided], initial[decided])
    assert (samples.tokens != process.mask_id).all()
    assert torch.equal(initial, kept)  # the caller's tensor is left alone


def test_the_network_sees_what_was_given() -> None:
    network, initial = Network(4), half_masked(4)
    draw(network=network, initial=initial, sampler=Ancestral(1))
    assert torch.equal(network.calls[0][0], torch.cat((initial, initial)))


def test_all_masked_is_plain_sampling() -> None:
    assert torch.equal(draw(initial=torch.full((3, 8), 4)).tokens, draw().tokens)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_nothing_to_fill_in(sampler: Any) -> None:
    network, initial = Network(4), half_masked(4) % 4
    samples = draw(network=network, initial=initial, sampler=sampler, trajectory=True)
    assert torch.equal(samples.tokens, initial)
    assert (samples.calls.conditional, samples.calls.reference) == (0, 0)
    assert not network.calls


def test_initial_alone_gives_the_batch() -> None:
    def plain(tokens: Tensor, time: Tensor, condition: None) -> Tensor:
        assert condition is None
        return torch.zeros(*tokens.shape, 4)

    samples = draw(network=plain, condition=None, initial=half_masked(4), guidance=Normalized(0.0))
    assert samples.tokens.shape == (3, 8)


def test_initial_in_batches() -> None:
    initial = half_masked(4)
    assert torch.equal(draw(initial=initial).tokens, draw(initial=initial, batch_size=1).tokens)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_fixed_tokens_of_the_masked_process(sampler: Any) -> None:
    initial = half_masked(4)
    fixed = initial != 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # they hold by nature, nothing to warn about
        samples = draw(initial=initial, fixed=fixed, sampler=sampler)
    assert torch.equal(samples.tokens, draw(initial=initial, sampler=sampler).tokens)


@pytest.mark.parametrize("sampler", GRID_SAMPLERS, ids=str)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_fixed_tokens_of_the_uniform_process(sampler: Any, mechanism: type[Guidance]) -> None:
    initial = half_masked(4) % 4
    fixed = torch.arange(8).expand(3, 8) % 2 == 1
    with pytest.warns(UserWarning, match="heuristic"):
        samples = draw(
            Uniform(4), initial=initial, fixed=fixed, sampler=sampler, guidance=mechanism(1.0), trajectory=True
        )
    assert samples.trajectory is not None
    for tokens in samples.trajectory.tokens:
        assert torch.equal(tokens[fixed], initial[fixed])
    # The other positions start from noise, not from `initial`, and move.
    other = half_masked(4) % 4
    other[~fixed] = (other[~fixed] + 1) % 4
    with pytest.warns(UserWarning, match="heuristic"):
        again = draw(Uniform(4), initial=other, fixed=fixed, sampler=sampler, guidance=mechanism(1.0))
    assert torch.equal(again.tokens, samples.tokens)
    assert not torch.equal(samples.tokens[~fixed], initial[~fixed])


def test_everything_fixed() -> None:
    initial = half_masked(4) % 4
    with pytest.warns(UserWarning, match="heuristic"):
        samples = draw(Uniform(4), initial=initial, fixed=torch.ones(3, 8, dtype=torch.bool))
    assert torch.equal(samples.tokens, initial)
    assert samples.calls.conditional == 0


def test_the_warning_points_at_the_caller() -> None:
    initial = half_masked(4) % 4
    with pytest.warns(UserWarning, match="heuristic") as record:
        draw(Uniform(4), initial=initial, fixed=torch.ones(3, 8, dtype=torch.bool))
    assert record[0].filename == __file__
