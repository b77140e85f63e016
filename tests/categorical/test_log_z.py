"""log Z alone is what a draw says of it, and what its definition says."""

from __future__ import annotations

import math

import pytest
import torch
from drawers import HALF, full, noise
from torch import Tensor

from dguide.categorical import BadRow, LogitRows, guided_log_z

NOTHING = torch.zeros(0, dtype=torch.int64)
WEIGHTS = (-1.0, -0.7, -0.3, 0.5, 1.0, 6.0)


def by_definition(c: Tensor, u: Tensor, weight: Tensor, forbidden: Tensor) -> Tensor:
    kept = [t for t in range(c.shape[-1]) if t not in forbidden.tolist()]
    c, u = (torch.log_softmax(x[:, kept].double(), -1) for x in (c, u))
    w = weight.unsqueeze(-1)
    return torch.where((w == -1) | c.isinf(), torch.where(w == -1, u, -math.inf), c + w * (c - u)).logsumexp(-1)


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
@pytest.mark.parametrize("vocab", [2, 19, 256, 1023, 1025, 1100, 5000])
def test_log_z_is_that_of_its_definition(vocab: int, dtype: torch.dtype) -> None:
    c, u = (noise(2, 6, vocab, seed=vocab) * 3).to(dtype)
    forbidden = torch.tensor([vocab - 1]) if vocab % 2 else NOTHING
    index, weight = torch.arange(6), torch.tensor(WEIGHTS, dtype=torch.float64)
    found = guided_log_z(LogitRows(c, index), LogitRows(u, index), weight, forbidden=forbidden)
    torch.testing.assert_close(found, by_definition(c, u, weight, forbidden), atol=5e-6, rtol=1e-6)


def test_what_follows_a_column_may_be_far_above_or_below_it() -> None:
    """The largest logit so far is that of a few columns: what comes later raises it, or hardly counts."""
    c, u = (noise(2, 4, 3000, seed=3) * 2).float()
    c[0, 2999], u[1, 2500], c[2, 0], u[3, 1] = 300.0, 200.0, 400.0, 90.0
    index, weight = torch.arange(4), full(4, 0.5)
    found = guided_log_z(LogitRows(c, index), LogitRows(u, index), weight, forbidden=NOTHING)
    torch.testing.assert_close(found, by_definition(c, u, weight, NOTHING), atol=1e-4, rtol=1e-6)


def test_forbidden_columns_and_those_the_conditional_forbids_do_not_count() -> None:
    c, u = (noise(2, 5, 300, seed=4) * 2).float()
    forbidden, index = torch.tensor([0, 7, 299]), torch.arange(5)
    c[:, 20:40] = -math.inf
    rows, weight = (LogitRows(c, index), LogitRows(u, index)), torch.tensor([0.3, 1.0, 2.0, -0.2, -0.8]).double()
    wanted = by_definition(c, u, weight, forbidden)
    for junk in (math.nan, math.inf, -math.inf, 6e4):
        c[:, forbidden], u[:, forbidden] = junk, -junk
        found = guided_log_z(*rows, weight, forbidden=forbidden)
        torch.testing.assert_close(found, wanted, atol=5e-6, rtol=1e-6)


@pytest.mark.parametrize("payload", [0x7FC00000, 0x7FC00001, -0x3FFFFF])
def test_a_bad_row_is_named(payload: int) -> None:
    """Whichever of the numbers that are none it holds."""
    c, u = noise(2, 4, 700, seed=5).float()
    for which, number in ((c, 2), (u, 6)):
        kept = which[2, 600].clone()
        which[2, 600] = torch.tensor(payload, dtype=torch.int32).view(torch.float32)
        rows = LogitRows(c, torch.arange(4)), LogitRows(u, torch.arange(4))
        with pytest.raises(BadRow) as error:
            guided_log_z(*rows, full(4, 1.0), forbidden=NOTHING)
        assert error.value.row == number
        which[2, 600] = kept
