"""FirstHitting where numbers become extreme, or its promise does not hold."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import dguide

LABELS = torch.zeros(200, dtype=torch.int64)


class Opposed:
    """The conditional and the reference are sure of different tokens, the more so the larger the gap of a position."""

    def __init__(self, *gaps: float) -> None:
        self.gaps = torch.tensor(gaps, dtype=torch.float64)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        sign = 1 - 2 * condition.double().view(-1, 1)
        return torch.stack((sign * self.gaps / 2, -sign * self.gaps / 2), -1)

    def null(self, condition: Tensor) -> Tensor:
        return torch.ones_like(condition)


def run(gaps: tuple[float, ...], weight: float, **options: object) -> dguide.Samples:
    return dguide.sample(
        Opposed(*gaps),
        process=dguide.Masked(2),
        length=len(gaps),
        condition=LABELS,
        guidance=dguide.Unlocking(weight),
        sampler=dguide.FirstHitting(),
        **options,
    )


@pytest.mark.parametrize("weight", [-0.5, -0.9, -0.01])
def test_a_pace_of_almost_nothing_comes_to_an_end(weight: float) -> None:
    assert int(run((40.0, 40.0, 40.0), weight).tokens.max()) < 2


def test_the_faster_clock_wins_even_beyond_the_range_of_numbers() -> None:
    path = run((100.0, 35.0), 20.0, trajectory=True).trajectory
    assert path is not None
    first = path.tokens[1] != 2
    assert bool(first[:, 0].all())
    assert not bool(first[:, 1].any())


def test_a_denoiser_that_depends_on_time_is_warned_of() -> None:
    denoiser = Opposed(1.0, 2.0)
    denoiser.time_dependent = True
    arguments = {
        "process": dguide.Masked(2),
        "length": 2,
        "condition": LABELS,
        "sampler": dguide.FirstHitting(),
    }
    with pytest.warns(UserWarning, match="not exact for a denoiser that depends on time"):
        dguide.sample(denoiser, guidance=dguide.Unlocking(1.0), **arguments)
    dguide.sample(denoiser, guidance=dguide.Normalized(1.0), **arguments)


def test_a_network_with_dropout_at_work_is_refused() -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
            return self.drop(torch.randn(*tokens.shape, 2))

    arguments = {
        "process": dguide.Masked(2),
        "length": 2,
        "condition": LABELS,
        "guidance": dguide.Normalized(0.0),
        "sampler": dguide.FirstHitting(),
    }
    with pytest.raises(ValueError, match=r"Dropout 'drop' in training mode.*\.eval\(\)"):
        dguide.sample(Network(), **arguments)
    dguide.sample(Network().eval(), **arguments)
