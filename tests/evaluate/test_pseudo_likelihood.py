"""The pseudo-likelihood against the law of two tokens."""

from __future__ import annotations

import pytest
import torch

import dguide
from dguide.errors import InputError
from dguide.evaluate import pseudo_likelihood

LAWS = [torch.tensor([[0.4, 0.1], [0.2, 0.3]]), torch.tensor([[0.1, 0.2], [0.3, 0.4]])]
PROCESS = dguide.Masked(2)
ORACLE = dguide.exact.Oracle(PROCESS, LAWS, LAWS[0])
TOKENS, LABELS = torch.tensor([[0, 1], [1, 1], [1, 0]]), torch.tensor([0, 1, 1])


def test_each_token_is_judged_by_the_law_given_the_others_whatever_the_batch() -> None:
    laws = torch.stack(LAWS)[LABELS]
    rows = torch.arange(3)
    both = laws[rows, TOKENS[:, 0], TOKENS[:, 1]]
    first, second = both / laws.sum(1)[rows, TOKENS[:, 1]], both / laws.sum(2)[rows, TOKENS[:, 0]]
    expected = torch.stack((first, second), 1).double()
    for batch_size in (1, 4, 64):
        found = pseudo_likelihood(ORACLE, PROCESS, TOKENS, LABELS, batch_size=batch_size)
        assert torch.allclose(found.exp(), expected, atol=1e-6)
    some = pseudo_likelihood(ORACLE, PROCESS, TOKENS, LABELS, positions=torch.tensor([1, 0, 1]), batch_size=2)
    assert torch.allclose(some.exp(), expected[:, [1, 0, 1]], atol=1e-6)


def test_the_time_is_that_of_one_masked_token() -> None:
    times = []

    def spy(tokens: torch.Tensor, time: torch.Tensor, condition: None) -> torch.Tensor:
        times.append(time)
        return torch.zeros(*tokens.shape, 2)

    process = dguide.Masked(2, noise=dguide.noise.Cosine())
    pseudo_likelihood(spy, process, torch.zeros(1, 5, dtype=torch.int64), positions=torch.tensor([2]))
    assert float(process.noise.level(times[0].double())) == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("process", "tokens", "positions", "expected"),
    [
        (dguide.Uniform(2), TOKENS, None, "noise of many tokens"),
        (PROCESS, torch.tensor([[0, 2]]), None, "masks at the positions"),
        (PROCESS, TOKENS, torch.tensor([2]), "from 0 to L - 1 = 1"),
        (PROCESS, TOKENS[:0], None, "not empty"),
        (PROCESS, TOKENS.float(), None, "int64"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    process: dguide.Process, tokens: torch.Tensor, positions: torch.Tensor | None, expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        pseudo_likelihood(lambda tokens, time, condition: torch.zeros(1), process, tokens, positions=positions)
