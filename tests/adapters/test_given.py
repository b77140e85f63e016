"""A part of the sequence as the condition: what it tilts by, and what is held."""

from __future__ import annotations

import itertools

import pytest
import torch

import dguide
from dguide.adapters import Given
from dguide.errors import InputError

LAW = torch.rand(3, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) ** 3
LAW = LAW / LAW.sum()
PROCESS = dguide.Masked(vocab_size=3)


def given(row: tuple[int, ...]) -> torch.Tensor:
    """The law of each position given the tokens of a row that are not masked, [3, 3]."""
    kept = [torch.ones(3) if token == 3 else torch.eye(3)[token] for token in row]
    law = torch.einsum("abc,a,b,c->abc", LAW, *(each.double() for each in kept))
    return torch.stack([law.sum((1, 2)), law.sum((0, 2)), law.sum((0, 1))]) / law.sum()


LOGITS = torch.stack([given(row) for row in itertools.product(range(4), repeat=3)]).log().view(4, 4, 4, 3, 3)


def exact(tokens: torch.Tensor, time: torch.Tensor, condition: None) -> torch.Tensor:
    return LOGITS[tokens[:, 0], tokens[:, 1], tokens[:, 2]]


def test_given_tokens_are_never_drawn_anew() -> None:
    denoiser = Given(exact, PROCESS)
    condition = denoiser.given(torch.tensor([[0, 2, 1]]), torch.tensor([True, False, True]))
    told = {"process": PROCESS, "length": 3, "condition": condition, "guidance": dguide.Normalized(1.0)}
    with pytest.raises(InputError, match=r"initial: got none, .*initial=denoiser\.initial\(condition\)"):
        dguide.sample(denoiser, sampler=dguide.FirstHitting(), **told)


def test_guidance_tilts_by_how_well_the_new_token_predicts_the_given_ones() -> None:
    """With one token to fill in: p(x | g) p(g | x)^w, from the law itself."""
    denoiser = Given(exact, PROCESS)
    condition = denoiser.given(torch.tensor([[0, 2, 1]]), torch.tensor([True, False, True]))
    reached = condition.expand(20_000, -1)
    drawn = dguide.sample(
        denoiser,
        process=PROCESS,
        length=3,
        condition=reached,
        initial=denoiser.initial(reached),
        guidance=dguide.Normalized(1.5),
        sampler=dguide.FirstHitting(),
        batch_size=20_000,
    ).tokens
    assert (drawn[:, [0, 2]] == torch.tensor([0, 1])).all()
    joint = LAW[0, :, 1]
    expected = joint / joint.sum() * (joint / LAW.sum((0, 2))) ** 1.5
    share = torch.bincount(drawn[:, 1], minlength=3) / len(drawn)
    assert (share - expected / expected.sum()).abs().max() < 0.012


def test_null_hides_the_given_tokens_and_no_others() -> None:
    seen = []

    def spy(tokens: torch.Tensor, time: torch.Tensor, condition: None) -> torch.Tensor:
        seen.append(tokens.clone())
        return torch.zeros(*tokens.shape, 3)

    denoiser = Given(spy, PROCESS)
    condition = denoiser.given(torch.tensor([[0, 2, 1]]), torch.tensor([[True, False, True]]))
    for each in (condition, denoiser.null(condition)):
        denoiser(torch.tensor([[3, 2, 3]]), torch.ones(1), each)
    assert [each.tolist() for each in seen] == [[[0, 2, 1]], [[3, 2, 3]]]
    assert denoiser.initial(condition).tolist() == [[0, 3, 1]]


@pytest.mark.parametrize(
    ("tokens", "where", "expected"),
    [
        ([[0, 3, 1]], [True, True, False], "a mask where a token is given"),
        ([[0, 1, 1]], [False, False, False], "nothing or everything given"),
        ([[0, 1, 1]], [True, True, True], "nothing or everything given"),
        ([[0, 1, 1]], [True, False], "the shape of the tokens"),
    ],
)
def test_conditions_that_mean_nothing_are_refused(tokens: list[list[int]], where: list[bool], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        Given(exact, PROCESS).given(torch.tensor(tokens), torch.tensor(where))


def test_a_process_without_a_mask_and_another_condition_are_refused() -> None:
    with pytest.raises(InputError, match="noise of many tokens"):
        Given(exact, dguide.Uniform(3))
    with pytest.raises(InputError, match=r"condition: got torch.int64 \[2\].*given\(\) of the denoiser makes it"):
        Given(exact, PROCESS).null(torch.zeros(2, dtype=torch.int64))
    with pytest.raises(InputError, match="denoiser: got 3, expected a callable"):
        Given(3, PROCESS)
    for tokens in ([[1, -7]], [[1, 99]]):
        with pytest.raises(InputError, match=f"tokens: got {tokens[0][1]}, expected 0 to vocab_size - 1"):
            Given(exact, PROCESS).given(torch.tensor(tokens), torch.tensor([False, True]))
    with pytest.raises(InputError, match=r"condition: got \[1, 1\], expected \[1, 2\], the shape of the sequences"):
        Given(exact, PROCESS)(torch.zeros(1, 2, dtype=torch.int64), torch.ones(1), torch.tensor([[1]]))
