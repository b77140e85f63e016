"""Finite scalar quantisation: codes are numbers in a mixed base, and the gradient passes the rounding."""

from __future__ import annotations

import math

import pytest
import torch

from dguide.errors import InputError
from dguide.tokenizers.fsq import FSQ, LEVELS, levels_of


@pytest.mark.parametrize("levels", [*LEVELS.values(), (3,), (2, 2), (5, 3)], ids=str)
def test_every_code_is_reached_and_has_a_value_of_its_own(levels: tuple[int, ...]) -> None:
    fsq = FSQ(levels)
    codes = torch.arange(fsq.codes).view(-1, 1, 1)
    values = fsq.values(codes)
    assert values.shape == (fsq.codes, len(levels), 1, 1)
    assert values.abs().max() == 1
    assert len(values.unique(dim=0)) == math.prod(levels)
    latent = torch.atanh(values.clamp(-0.9999999, 0.9999999))
    assert torch.equal(fsq.tokens(latent), codes)
    torch.testing.assert_close(fsq.quantise(latent), values)


def test_values_are_the_nearest_and_the_gradient_is_that_of_the_bounded_values() -> None:
    fsq, source = FSQ((8, 5)), torch.Generator().manual_seed(0)
    latent = torch.randn(50, 2, 3, 3, generator=source, requires_grad=True)
    values = fsq.quantise(latent)
    assert torch.equal(fsq.values(fsq.tokens(latent)), values.detach()) or torch.allclose(
        fsq.values(fsq.tokens(latent)), values.detach(), atol=1e-6
    )
    for channel, levels in enumerate(fsq.levels):
        grid = torch.linspace(-1, 1, levels)
        gaps = (torch.tanh(latent[:, channel]).unsqueeze(-1) - grid).abs().amin(-1)
        torch.testing.assert_close((torch.tanh(latent) - values)[:, channel].abs(), gaps, atol=1e-6, rtol=0)
    values.sum().backward()
    torch.testing.assert_close(latent.grad, 1 - torch.tanh(latent.detach()) ** 2)


def test_levels_are_those_of_the_paper_and_other_numbers_are_refused_with_the_list() -> None:
    assert LEVELS[240] == (8, 6, 5)
    assert LEVELS[1000] == (8, 5, 5, 5)
    assert levels_of(512) == (8, 8, 8)
    with pytest.raises(InputError, match=r"codes: got 256, expected one of 64 .8 x 8., 240 .*The nearest is 240"):
        levels_of(256)
    for levels in ((), (1, 8), (1024, 1025)):
        with pytest.raises(InputError, match="levels"):
            FSQ(levels)
