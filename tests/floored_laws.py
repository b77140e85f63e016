"""What every implementation of jumps on a floor must find, and what those must do that run Triton kernels.

`floored` is a fixture of the modules that import the tests: it has the argument of `floored_vectorised.fast`, on
tensors of the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from fused_laws import uniforms
from torch import Tensor

from dguide.categorical import Floor, FlooredRequest, FlooredSums, LogitRows
from dguide.categorical.cuda.tiling import TILE
from dguide.categorical.floor import Sums

__all__ = [
    "test_a_known_row_lands_where_it_did",
    "test_a_row_whose_weights_may_be_lost_is_left",
    "test_present_tokens_of_extremes",
    "test_rows_of_extremes",
    "test_sums_and_draws_follow_the_definition",
]

Fast = Callable[[FlooredRequest], Sums]
NOTHING = torch.zeros(0, dtype=torch.int64)

FLOORS = {
    "noise": Floor(evidence=1.0, share=1e9, damping=1.0),
    "between": Floor(evidence=1.0, share=1e-3, damping=0.01),
    "leave-one-out": Floor(evidence=40.0, share=1e-2, damping=0.025),
    "near data": Floor(evidence=1e15, share=1e-13, damping=1e-15),
    "the last step": Floor(evidence=1.0, share=0.0, damping=1e-4),
}
WEIGHTS = (-1.0, -0.6, -0.2, 0.0, 0.7, 3.0)


def asked(c: Tensor, u: Tensor | None, floor: Floor, seed: int = 0, forbidden: Tensor = NOTHING, many: int = 1):
    """A request about every row of c and u, `many` times with other uniforms, for tokens in turn."""
    index = torch.arange(len(c)).repeat(many)
    weight = torch.tensor(WEIGHTS, dtype=torch.float64)[index % len(WEIGHTS)]
    present = (7 * index + seed) % c.shape[-1]
    ref = None if u is None else LogitRows(u, index)
    return FlooredRequest(LogitRows(c, index), ref, weight, present, floor, forbidden, True, uniforms(len(index), seed))


def by_definition(what: FlooredRequest) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """log p_x, log rest [P, N], log Z [N], and log q_w [N, V], written out in float64."""
    x, (evidence, share, damping) = what.present.unsqueeze(-1), what.floor
    here, rest, laws = [], [], []
    for rows in what.predictions:
        logits = rows.gather().double().index_fill(-1, what.forbidden, -math.inf)
        p = logits.scatter(-1, x, logits.gather(-1, x) + math.log(evidence)).log_softmax(-1)
        here.append(p.gather(-1, x).squeeze(-1))
        others = p.scatter(-1, x, -math.inf)
        rest.append(others.logsumexp(-1))
        floor = math.log(share or 5e-324) + torch.logaddexp(rest[-1], here[-1] + math.log(damping))
        floor = floor if share else torch.full_like(floor, -math.inf)
        laws.append(torch.logaddexp(others, floor.unsqueeze(-1)).scatter(-1, x, -math.inf).log_softmax(-1))
    z = laws[0]
    if len(laws) == 2:
        w = what.weight.unsqueeze(-1)
        z = (z + w * (z - laws[1])).masked_fill(z.isneginf(), -math.inf)
    return torch.stack(here), torch.stack(rest), z.logsumexp(-1), z.log_softmax(-1)


def judge(fast: Fast, what: FlooredRequest, close: float = 2e-5, relative: float = 0.0) -> FlooredSums:
    """Whether all that an implementation finds is right, of rows that it serves itself."""
    found = FlooredSums(what, fast(what))
    assert bool(found.served.all())
    here, rest, log_z, law = by_definition(what)
    for own, wanted in ((found.here, here), (found.rest, rest)):  # float64 ends at exp(-708)
        torch.testing.assert_close(own.log().clamp_min(-700), wanted.clamp_min(-700), atol=close, rtol=1e-6)
    torch.testing.assert_close(found.log_z, log_z, atol=close, rtol=relative)
    token, points = found.token.unsqueeze(-1), what.uniforms
    own, upper = law.gather(-1, token).squeeze(-1), law.exp().cumsum(-1).gather(-1, token).squeeze(-1)
    torch.testing.assert_close(found.log_prob, own, atol=close, rtol=0)
    assert bool(((points < upper + close) & (points > upper - own.exp() - close)).all())
    return found


CASES = [
    # floor, columns, dtype, whether there is a reference
    ("noise", 7, torch.float16, True),
    ("leave-one-out", TILE + 3, torch.bfloat16, True),
    ("near data", 40, torch.float32, False),
    ("the last step", TILE + 3, torch.float32, True),
]


@pytest.mark.parametrize(("name", "vocab", "dtype", "guided"), CASES)
def test_sums_and_draws_follow_the_definition(
    floored: Fast, name: str, vocab: int, dtype: torch.dtype, guided: bool
) -> None:
    """Of rows in any order, apart from each other, with anything in the columns that do not count."""
    many = 3
    source = torch.Generator().manual_seed(vocab)
    c, u = (2 * torch.randn(2, many + 1, vocab + 5, generator=source)).to(dtype)[:, :, 2 : vocab + 2]
    forbidden = torch.tensor([1, vocab - 1])
    for column, value in zip(forbidden.tolist(), (math.nan, math.inf), strict=True):
        c[:, column], u[:, column] = value, -value
    what = asked(c[1:], u[1:] if guided else None, FLOORS[name], seed=2, forbidden=forbidden)
    order = torch.tensor([3, 1, 2])
    rows = [LogitRows(part, index) for part, index in ((c, order), (u, order.flip(0)))]
    judge(floored, what._replace(cond=rows[0], ref=rows[1] if guided else None))


def test_a_known_row_lands_where_it_did(floored: Fast) -> None:
    """What is drawn from a row later is what would have been drawn at once; and without a draw there is none."""
    c, u = 2 * torch.randn(2, 3, TILE + 3, generator=torch.Generator().manual_seed(1))
    what = asked(c, u, FLOORS["between"], seed=4)
    bare = floored(what._replace(partition=False, uniforms=None))
    assert (bare.total, bare.token, bare.share) == (None, None, None)
    known = FlooredSums(what, bare).known
    later, at_once = floored(what._replace(known=known)), floored(what)
    for name in ("rest", "here", "top", "total", "lift", "token", "share", "served"):
        assert torch.equal(getattr(later, name), getattr(at_once, name)), name
    lifted = floored(what._replace(known=known * 2.0))  # and it is what was known that counts
    assert not torch.allclose(lifted.total, at_once.total)
    summed = floored(what._replace(uniforms=None))
    assert torch.equal(summed.total, at_once.total)


INF, NAN = math.inf, math.nan
EXTREMES = [
    # c, u in one column among others that are finite, and whether a row is served: on a floor; without one at w = 0.7
    (1e30, 0.0, True, True),
    (-1e30, 0.0, True, True),
    (0.0, 1e30, True, True),
    (0.0, -1e30, True, True),
    (-INF, 0.0, True, True),
    (0.0, -INF, True, False),
    (-INF, -INF, True, False),
    (INF, 0.0, False, False),
    (0.0, INF, False, False),
    (NAN, 0.0, False, False),
    (0.0, NAN, False, False),
]


@pytest.mark.parametrize("name", ["between", "the last step"])
def test_rows_of_extremes(floored: Fast, name: str) -> None:
    """Logits of any size in the columns of other tokens; and rows in which only the present token is allowed."""
    c, u = torch.randn(2, len(EXTREMES) + 1, 5, generator=torch.Generator().manual_seed(3))
    c[:-1, 2], u[:-1, 2] = torch.tensor([case[:2] for case in EXTREMES]).unbind(-1)
    c[-1, :4] = -INF
    what = asked(c, u, FLOORS[name])
    what = what._replace(present=torch.full_like(what.present, 4), weight=torch.full_like(what.weight, 0.7))
    served = floored(what).served
    assert served.tolist() == [*(case[2 if FLOORS[name].share else 3] for case in EXTREMES), False]
    judge(floored, what.of(served.nonzero().squeeze(-1)), close=1e-4, relative=1e-6)


def test_present_tokens_of_extremes(floored: Fast) -> None:
    sizes = (1e30, -1e30, -INF, INF, NAN)
    c, u = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(4))
    c[:, 2] = torch.tensor(sizes)
    what = asked(c, u, FLOORS["between"])._replace(present=torch.full((5,), 2))
    served = floored(what).served
    assert served.tolist() == [False, True, True, False, False]  # e_x of 1e30 has no float64
    judge(floored, what.of(torch.tensor([1, 2])))


def test_a_row_whose_weights_may_be_lost_is_left(floored: Fast) -> None:
    """The largest power stands at a token of weight 2^-70: what float32 loses beside it could count."""
    c, u = torch.tensor([[0.0, 0.0, -48.5], [0.0, 0.0, -12.0]]), torch.tensor([[0.0, 0.0, -80.0], [0.0, 0.0, -80.0]])
    what = asked(c, u, Floor(1.0, 1e-25, 1e-3))._replace(weight=torch.full((2,), 6.0, dtype=torch.float64))
    assert floored(what._replace(present=torch.tensor([0, 0]))).served.tolist() == [False, True]
