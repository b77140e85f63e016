"""A network that reads more tokens than the process has may mean another token by the mask."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import dguide


class Network(nn.Module):
    """Predicts `columns` tokens; reads `rows` of them, `prompt` tokens in front, and positions and labels besides."""

    def __init__(self, rows: int, columns: int, prompt: int = 0) -> None:
        super().__init__()
        self.token, self.place, self.label = nn.Embedding(rows, 4), nn.Embedding(40, 4), nn.Embedding(50, 4)
        self.head, self.prompt = nn.Linear(4, columns), prompt

    def forward(self, tokens: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        whole = torch.cat((tokens.new_zeros(len(tokens), self.prompt), tokens), 1)
        hidden = self.token(whole)[:, self.prompt :] + self.place(torch.arange(tokens.shape[1]))
        return self.head(hidden + self.label(labels).unsqueeze(1))

    def null(self, labels: Tensor) -> Tensor:
        return torch.full_like(labels, 49)


def draw(network: Any, process: Any, sampler: Any = None) -> dguide.Samples:
    return dguide.sample(
        network.eval(),
        process=process,
        length=6,
        condition=torch.zeros(2, dtype=torch.int64),
        guidance=dguide.Normalized(1.0),
        sampler=sampler or dguide.Ancestral(3),
    )


@pytest.mark.parametrize("prompt", [0, 3])
def test_a_mask_that_may_be_another_token_is_said(prompt: int) -> None:
    with pytest.warns(UserWarning, match=r"reads 9 tokens.*mask.* token 5\b.*mask_id=") as told:
        draw(Network(9, 5, prompt), dguide.Masked(5))
    assert len(told) == 1


class InBlocks(Network):
    """The same of blocks of three that know nothing of each other."""

    block_size = 3

    def lead(self, labels: Tensor, count: int) -> Tensor:
        return torch.zeros(count, dtype=torch.int64)

    def prefix(self, labels: Tensor, count: int, length: int) -> Any:
        outer = self

        class Kept:
            def append(self, tokens: Tensor) -> None:
                pass

            def __call__(self, tokens: Tensor, time: Tensor, rows: Tensor) -> Tensor:
                return outer(tokens, time, labels[rows])

        return Kept()


def test_a_mask_that_may_be_another_token_is_said_of_a_block() -> None:
    with pytest.warns(UserWarning, match="reads 9 tokens"):
        draw(InBlocks(9, 5), dguide.Masked(5), dguide.Blocks(dguide.FirstHitting(), 3))


@pytest.mark.parametrize(
    ("network", "process"),
    [
        (Network(6, 5), dguide.Masked(5)),
        (Network(64, 50), dguide.Masked(50)),  # padded to a multiple of 64
        (Network(128, 50), dguide.Masked(50)),
        (Network(9, 5), dguide.Masked(5, mask_id=4)),
        (Network(9, 5), dguide.Uniform(5)),
    ],
)
def test_no_word_where_the_mask_is_clear(network: Network, process: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(network, process)
    assert not network.token._forward_pre_hooks
