"""Ways into `sample` that spare their user work: count, lengths, no guidance, several callbacks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers import Network
from torch import Tensor

import dguide
from dguide import Lengths

LABELS = torch.arange(3)


def draw(network: Any = None, **changes: Any) -> dguide.Samples:
    given: dict[str, Any] = {
        "process": dguide.Masked(5),
        "length": 6,
        "condition": LABELS,
        "guidance": dguide.Normalized(1.0),
        "sampler": dguide.Ancestral(4),
    }
    return dguide.sample(network or Network(5), **given | changes)


def test_no_guidance_is_the_conditional_model() -> None:
    network = Network(5)
    samples = draw(network, guidance=None)
    assert torch.equal(samples.tokens, draw(guidance=dguide.Normalized(0.0)).tokens)
    assert samples.calls.reference == 0


def test_a_model_without_conditions_takes_a_count() -> None:
    def uniform(tokens: Tensor, time: Tensor, condition: None) -> Tensor:
        return torch.zeros(*tokens.shape, 5)

    tokens = draw(uniform, condition=None, count=4, guidance=None).tokens
    assert tokens.shape == (4, 6)
    assert torch.equal(draw(uniform, condition=None, count=9, batch_size=2, guidance=None).tokens[:4], tokens)
    assert torch.equal(draw(count=3).tokens, draw().tokens)
    for changes, message in (
        ({"count": 4}, "number of samples: got 3 from condition and 4 from count"),
        ({"count": 0}, "count"),
        ({"condition": None}, "Or pass initial, or count"),
    ):
        with pytest.raises(dguide.InputError, match=message):
            draw(**changes)


@pytest.mark.parametrize("end", [None, 1])
@pytest.mark.parametrize("process", [dguide.Masked(5), dguide.Masked(5, mask_id=4), dguide.Uniform(5)], ids=repr)
@pytest.mark.filterwarnings("ignore:fixed tokens with Uniform")
def test_lengths_place_the_end_and_the_padding(process: Any, end: int | None) -> None:
    values = torch.tensor([0, 2, 5])
    tokens = draw(process=process, lengths=Lengths(values, padding=0, end=end)).tokens
    for row, length in zip(tokens.tolist(), values.tolist(), strict=True):
        behind = row[length:] if end is None else row[length + 1 :]
        assert set(behind) <= {0}
        assert end is None or row[length] == end
    initial = torch.full((3, 6), process.noise_token) if process.point_mass else torch.zeros(3, 6, dtype=torch.int64)
    position = torch.arange(6)
    fixed = position >= values.unsqueeze(1)
    initial = torch.where(fixed, 0, initial)
    if end is not None:
        initial = torch.where(position == values.unsqueeze(1), end, initial)
    assert torch.equal(draw(process=process, initial=initial, fixed=fixed).tokens, tokens)


def test_lengths_go_with_a_prompt() -> None:
    initial = torch.full((3, 6), 5)
    initial[:, 0] = 2
    tokens = draw(initial=initial, lengths=Lengths(torch.tensor([1, 3, 6]), padding=0)).tokens
    assert tokens[:, 0].tolist() == [2, 2, 2]
    assert tokens[0].tolist() == [2, 0, 0, 0, 0, 0]
    assert bool((tokens < 5).all())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"lengths": Lengths(torch.tensor([1, 7, 2]), 0)},
            "Lengths: got values from 1 to 7, expected values from 0 to 6",
        ),
        ({"lengths": Lengths(torch.tensor([1, 6, 2]), 0, 1)}, "expected values from 0 to 5, with 6 positions"),
        ({"lengths": Lengths(torch.tensor([1, 2, 2]), 5)}, "Lengths: got token 5, expected tokens from 0 to 4"),
        (
            {"lengths": Lengths(torch.tensor([1, 2]), 0)},
            "Lengths values: got 2 of them, expected one for each of the 3",
        ),
        ({"lengths": LABELS}, "lengths: got Tensor, expected Lengths, as in"),
        ({"lengths": Lengths(LABELS, 0), "initial": torch.ones(3, 6, dtype=torch.int64)}, "tokens behind the end"),
    ],
)
def test_lengths_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(dguide.InputError, match=message):
        draw(**changes)


@pytest.mark.parametrize("bad", [LABELS.float(), LABELS.view(1, 3), [1, 2]], ids=repr)
def test_lengths_are_whole_numbers(bad: Any) -> None:
    with pytest.raises(dguide.InputError, match=r"an int64 tensor \[B\]"):
        Lengths(bad, 0)


def test_several_callbacks_are_all_called() -> None:
    steps, diagnostics, more = [], dguide.Diagnostics(), dguide.Diagnostics(bins=3)
    draw(callback=[diagnostics, lambda run, state: steps.append(state.index), more])
    assert steps == [1, 2, 3, 4]
    assert int(diagnostics.table().count.sum()) == int(more.table().count.sum()) == 18
    with pytest.raises(dguide.InputError, match=r"callback: got 3, expected a callable \(run, state\), or a list"):
        draw(callback=[diagnostics, 3])


def test_a_sampler_that_leaves_masks_is_refused() -> None:
    class Lazy(dguide.Ancestral):
        def finished(self, run: Any, state: Any) -> bool:
            return state.index >= 2

    with pytest.raises(dguide.InputError, match=r"samples of Lazy with Normalized: got \d+ positions that are masked"):
        draw(sampler=Lazy(4))
