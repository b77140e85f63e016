"""Sums and draws where rates are a prediction on a floor, against their definition in float64 and in mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable

import floored_laws
import mpmath
import pytest
import torch
from drawers import NO_LIBRARY, noise
from floored_laws import FLOORS, asked, by_definition, judge
from torch import Tensor

from dguide.categorical import (
    Floor,
    FlooredRequest,
    FlooredSums,
    floored_compiled,
    floored_sums,
    floored_vectorised,
    log_laws,
)
from dguide.categorical.floor import Sums

Fast = Callable[[FlooredRequest], Sums]
COMPILED = pytest.param(floored_compiled.fast, marks=pytest.mark.skipif(bool(NO_LIBRARY), reason=NO_LIBRARY), id="C")
every_way = pytest.mark.parametrize("fast", [COMPILED, pytest.param(floored_vectorised.fast, id="torch")])

every_floor = pytest.mark.parametrize("floor", FLOORS.values(), ids=list(FLOORS))


@pytest.mark.parametrize("vocab", [2, 3, 19, 256, 257, 1000])
@every_floor
@every_way
def test_sums_and_draws_follow_the_definition(fast: Fast, floor: Floor, vocab: int) -> None:
    c, u = noise(2, 24, vocab, seed=vocab).float() * 2
    judge(fast, asked(c, u, floor, many=3))
    judge(fast, asked(c, None, floor, seed=1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@every_way
def test_half_precision_and_forbidden_columns(fast: Fast, dtype: torch.dtype) -> None:
    """A forbidden column may hold anything; a jump to it has the floor as its rate, and none without a floor."""
    forbidden = torch.tensor([0, 255, 256, 299])
    for floor in FLOORS.values():
        c, u = (noise(2, 12, 300, seed=5) * 2).to(dtype)
        clean = judge(fast, asked(c, u, floor, forbidden=forbidden, many=5))
        c[:, forbidden], u[:, forbidden] = math.nan, math.inf
        again = FlooredSums(what := asked(c, u, floor, forbidden=forbidden, many=5), fast(what))
        assert torch.equal(again.token, clean.token)
        assert torch.equal(again.log_z, clean.log_z)
        if floor.share > 1:  # close to uniform: they are landed on as often as others
            assert bool(torch.isin(clean.token, forbidden).any()) or len(clean.token) < 60
        if not floor.share:
            assert not bool(torch.isin(clean.token, forbidden).any())


@pytest.mark.parametrize("side", ["cond", "ref", "both"])
@every_way
def test_tokens_that_a_prediction_forbids(fast: Fast, side: str) -> None:
    """On a floor both predictions allow every jump, so that any weight tilts them; -inf is a logit like any other."""
    c, u = noise(2, 24, 300, seed=6).float()
    for law in {"cond": [c], "ref": [u], "both": [c, u]}[side]:
        law[:, ::3] = -math.inf
    for floor in list(FLOORS.values())[:4]:
        judge(fast, asked(c, u, floor, many=2), close=1e-4)
    if side == "cond":  # without a floor: where the conditional counts, what it forbids stays forbidden
        what = asked(c, u, FLOORS["the last step"])
        what = what._replace(weight=what.weight.clamp_min(0.3))
        judge(fast, what)


@every_way
def test_a_reference_that_forbids_what_the_conditional_allows_is_left_without_a_floor(fast: Fast) -> None:
    c, u = noise(2, 12, 40, seed=7).float()
    u[:, 3] = -math.inf
    what = asked(c, u, FLOORS["the last step"])
    served = fast(what).served
    assert not bool(served[(what.weight != -1) & (what.present != 3)].any())


@pytest.mark.parametrize("gap", [0.0, 90.0, 300.0, 690.0])
@every_way
def test_sure_of_the_present_token_or_of_another(fast: Fast, gap: float) -> None:
    """What is left beside a certainty keeps its precision, against arithmetic of 60 digits."""
    c, u = noise(2, 6, 5, seed=8).float()
    what = asked(c, u, FLOORS["between"])
    for law, lead in ((c, gap), (u, gap / 2)):
        law.scatter_add_(-1, what.present.unsqueeze(-1), torch.full((6, 1), lead))
    found = FlooredSums(what, fast(what))
    kept = found.served.nonzero().flatten().tolist()
    assert kept == list(range(6))
    for row in kept:
        with mpmath.workdps(60):
            log_z = _log_z(c[row], u[row], float(what.weight[row]), int(what.present[row]), what.floor)
        rest = math.log(float(found.rest[0, row]))
        others = [float(v) for i, v in enumerate(c[row]) if i != int(what.present[row])]
        n = mpmath.log(mpmath.fsum(mpmath.exp(v) for v in c[row].tolist()))
        assert rest == pytest.approx(float(mpmath.log(mpmath.fsum(map(mpmath.exp, others))) - n), abs=2e-6)
        assert float(found.log_z[row]) == pytest.approx(log_z, abs=1e-5)


def _log_z(c: Tensor, u: Tensor, weight: float, present: int, floor: Floor) -> float:
    laws = []
    for logits in (c.tolist(), u.tolist()):
        e = [mpmath.exp(v) for v in logits]
        n = mpmath.fsum(e)
        rest = mpmath.fsum(v for i, v in enumerate(e) if i != present) / n
        ground = floor.share * (rest + floor.damping * e[present] / n)
        rates = [v / n + ground for i, v in enumerate(e) if i != present]
        laws.append([rate / mpmath.fsum(rates) for rate in rates])
    return float(mpmath.log(mpmath.fsum(p ** (1 + weight) * q**-weight for p, q in zip(*laws, strict=True))))


@pytest.mark.parametrize("size", [1e30, -1e30])
@every_way
def test_logits_as_large_as_float32_holds(fast: Fast, size: float) -> None:
    c, u = noise(2, 24, 19, seed=9).float()
    c[:, 4], u[:, 11] = size, size
    what = asked(c, u, FLOORS["between"], many=3)
    served = fast(what).served
    extreme = (what.present == 4) | (what.present == 11)
    assert bool(served[~extreme].all())
    judge(fast, what.of(served.nonzero().flatten()), close=1e-4)


@pytest.mark.parametrize("junk", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", [0, 1])
@every_floor
@every_way
def test_what_is_no_row_of_logits_is_left(fast: Fast, floor: Floor, side: int, junk: float) -> None:
    laws = noise(2, 6, 40, seed=10).float()
    laws[side, 2] = junk if junk < 0 else laws[side, 2].index_fill(0, torch.tensor(17), junk)
    served = fast(asked(*laws, floor)).served
    assert served.tolist() == [row != 2 for row in range(6)]


@every_way
def test_a_known_row_is_drawn_as_one_that_is_read(fast: Fast) -> None:
    c, u = noise(2, 12, 300, seed=11).float()
    for floor in FLOORS.values():
        what = asked(c, u, floor)
        found = FlooredSums(what, fast(what))
        again = FlooredSums(what, fast(what._replace(known=found.known)))
        assert torch.equal(found.token, again.token)
        torch.testing.assert_close(found.log_prob, again.log_prob, atol=1e-6, rtol=0)
        if 1e-4 < floor.share < 1:  # and it is what was known that counts
            lifted = FlooredSums(what, fast(what._replace(known=found.known * 2.0)))
            assert not torch.allclose(found.log_prob, lifted.log_prob, atol=1e-9)
        at = log_laws(what, found.known, found.token)
        rest = by_definition(what)[1]
        p = c.double().scatter(-1, what.present.unsqueeze(-1), -math.inf).log_softmax(-1) + rest[0].unsqueeze(-1)
        torch.testing.assert_close(at[0], p.gather(-1, found.token.unsqueeze(-1)).squeeze(-1), atol=1e-5, rtol=0)


@every_way
def test_what_was_forbidden_before_is_not_any_more(fast: Fast) -> None:
    """The memory of one call is that of the next. Of many columns only those are marked that are looked at."""
    c, u = noise(2, 12, 3000, seed=14).float()
    fast(asked(c, u, FLOORS["between"], forbidden=torch.arange(1, 3000)))
    judge(fast, asked(c, u, FLOORS["between"]))


@pytest.mark.skipif(bool(NO_LIBRARY), reason=NO_LIBRARY)
def test_implementations_draw_the_same_tokens() -> None:
    c, u = noise(2, 60, 700, seed=12).float() * 2
    differ = draws = 0
    for floor in FLOORS.values():
        what = asked(c, u, floor, many=40)
        one, other = (fast(what).token for fast in (floored_compiled.fast, floored_vectorised.fast))
        differ, draws = differ + int((one != other).sum()), draws + len(one)
    assert draws == 12_000
    assert differ <= 5


def test_float64_and_floors_that_are_no_number_are_for_others() -> None:
    c, u = noise(2, 4, 9, seed=13)
    assert floored_sums(asked(c, u, FLOORS["between"])) is None
    assert floored_sums(asked(c.float(), u.float(), Floor(math.inf, 1.0, 0.0))) is None


@pytest.mark.skipif(bool(NO_LIBRARY), reason=NO_LIBRARY)
def test_a_library_that_sums_something_else_is_not_used() -> None:
    right = floored_compiled.library()
    assert right is not None

    class Wrong:
        """Leaves out the last row, of few columns or of many."""

        def __init__(self, few: bool) -> None:
            self.few, self.calls = few, 0

        def dguide_floored(self, task: bytes, start: int, stop: int) -> int:
            self.calls += 1
            return int(right.dguide_floored(task, start, stop - (self.few == (self.calls > 3))))

    assert floored_compiled._agrees(right)
    assert not any(floored_compiled._agrees(Wrong(few)) for few in (False, True))


@every_way
def test_a_row_whose_weights_may_be_lost_is_left(fast: Fast) -> None:
    floored_laws.test_a_row_whose_weights_may_be_lost_is_left(fast)


@every_way
def test_rows_of_extremes(fast: Fast) -> None:
    for name in ("between", "the last step"):
        floored_laws.test_rows_of_extremes(fast, name)
    floored_laws.test_present_tokens_of_extremes(fast)
