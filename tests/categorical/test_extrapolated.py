"""Draws from extrapolated laws, against their definition in float64."""

from __future__ import annotations

import math

import pytest
import torch
from drawers import guided_law, noise, uniforms
from torch import Tensor

from dguide.categorical import Decoding, DrawRequest, Extrapolated, LogitRows, extrapolated

AHEAD = 2.5
FORBIDDEN = torch.tensor([4])


def asked(c: Tensor, u: Tensor | None, decoding: Decoding | None = None) -> DrawRequest:
    index = torch.arange(len(c))
    weight = torch.tensor([-1.0, -0.4, 0.0, 2.0], dtype=torch.float64)[index % 4]
    ref = None if u is None else LogitRows(u, index)
    points = uniforms(len(c))
    return DrawRequest(LogitRows(c, index), ref, weight, points, decoding or Decoding(), FORBIDDEN, False, False)


def by_definition(now: DrawRequest, before: DrawRequest, log_rates: Tensor) -> Tensor:
    """T, [N, V]."""
    laws = [
        guided_law(x.cond.gather(), None if x.ref is None else x.ref.gather(), x.weight, FORBIDDEN)
        for x in (now, before)
    ]
    new, old = (rate.exp().unsqueeze(-1) * law.exp() for rate, law in zip(log_rates, laws, strict=True))
    return (AHEAD * new - (AHEAD - 1) * old).clamp_min(0)


def found_in(now: DrawRequest, before: DrawRequest, log_rates: Tensor, draws: bool = True) -> Extrapolated:
    return extrapolated(now, before, log_rates, AHEAD, draws=draws)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("guided", [True, False])
@pytest.mark.parametrize("vocab", [6, 300])
def test_sums_and_draws_follow_the_definition(vocab: int, guided: bool, dtype: torch.dtype) -> None:
    c, u, d, v = noise(4, 40, vocab, seed=vocab).to(dtype)
    now, before = (asked(x, y if guided else None) for x, y in ((c, u), (d, v)))
    log_rates = torch.stack((torch.linspace(-1, 200, 40), torch.linspace(-1.5, 199.7, 40))).double()
    rates = by_definition(now, before, log_rates - log_rates[0])
    total, found = rates.sum(-1), found_in(now, before, log_rates)
    assert bool(found.served.all())
    torch.testing.assert_close(found.log_total, total.log() + log_rates[0], atol=3e-5, rtol=0)
    assert torch.equal(found.log_total, found_in(now, before, log_rates, draws=False).log_total)
    law, token = rates / total.unsqueeze(-1), found.draws.token.unsqueeze(-1)
    own, upper = (x.gather(-1, token).squeeze(-1) for x in (law, law.cumsum(-1)))
    torch.testing.assert_close(found.draws.log_prob, own.log(), atol=1e-3, rtol=0)
    assert bool(((now.uniforms < upper + 3e-5) & (now.uniforms > upper - own - 3e-5)).all())
    greedy = found_in(now._replace(decoding=Decoding(temperature=0.0)), before, log_rates).draws
    assert torch.equal(greedy.token, law.argmax(-1))


def test_what_float32_cannot_say_is_left() -> None:
    """A sum beside which a rounding counts; rows that are none; what only one prediction forbids; logits in float64."""
    c, u = noise(2, 12, 6, seed=1).float()
    d, v = c.clone(), u.clone()
    now, before = asked(c, u), asked(d, v)
    gap = torch.tensor([0.0, 0.45, 0.505, 0.509, 0.6, 900.0] * 2).double()  # log(a / (a - 1)) = 0.5108
    served = found_in(now, before, torch.stack((torch.zeros(12).double(), gap))).served
    assert served.tolist() == [True, True, False, False, False, False] * 2
    u[0, 1], u[1, 2], v[2, 3], d[3, 0], c[4, 1] = -math.inf, -math.inf, math.inf, math.inf, math.nan
    level = torch.zeros(2, 12, dtype=torch.float64)
    assert found_in(asked(c, u), asked(d, v), level).served.tolist() == [False] * 5 + [True] * 7
    double = found_in(asked(c.double(), u.double()), before, level)
    assert not bool(double.served.any())
    assert len(double.draws.token) == 12
