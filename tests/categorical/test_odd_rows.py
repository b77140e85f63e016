"""LogitRows that are not plain: forbidden tokens, infinities, NaN, gaps in memory."""

from __future__ import annotations

import math
import re

import pytest
import torch
from drawers import DRAWERS, Drawer, every_drawer, every_kind, full, guided_law, noise, tilted, uniforms
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dguide.categorical import BadRow, Decoding, Draws, LogitRows, guided_draw

INFINITY = math.inf
SMALLEST, LARGEST = 2.0**-53, 1 - 2.0**-53
READY = [drawer for drawer in DRAWERS if not drawer.missing]


def same(first: Draws, second: Draws) -> bool:
    pairs = [(getattr(first, name), getattr(second, name)) for name in Draws.__dataclass_fields__]
    return all(a is b is None or torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("vocab", [19, 256, 1000])
@every_kind
def test_forbidden_columns_may_hold_anything(drawer: Drawer, dtype: torch.dtype, vocab: int) -> None:
    c, u = (noise(2, 6, vocab, seed=1) * 2).to(dtype)
    forbidden = torch.tensor([0, 7, vocab - 1, 8])
    index, weight, points = torch.arange(60) % 6, full(60, 2.0), uniforms(60)

    def draw() -> Draws:
        rows = LogitRows(c, index), LogitRows(u, index)
        return drawer(*rows, weight, points, None, forbidden, partition=True, spread=True)

    clean = draw()
    for junk in (math.nan, INFINITY, -INFINITY, 6e4):
        c[:, forbidden], u[:, forbidden] = junk, -junk
        assert same(draw(), clean)


@every_drawer
def test_many_forbidden_columns(drawer: Drawer) -> None:
    c, u = noise(2, 3, 2000, seed=2).float()
    allowed = torch.tensor([3, 700, 1999])
    forbidden = torch.tensor([t for t in range(2000) if t not in allowed])
    index = torch.arange(300) % 3
    draws = drawer(LogitRows(c, index), LogitRows(u, index), full(300, 1.0), uniforms(300), None, forbidden, True)
    assert set(draws.token.tolist()) == set(allowed.tolist())
    kept = LogitRows(c[:, allowed], index), LogitRows(u[:, allowed], index)
    other = drawer(*kept, full(300, 1.0), uniforms(300), partition=True)
    assert torch.equal(allowed[other.token], draws.token)
    torch.testing.assert_close(other.log_z, draws.log_z, atol=1e-5, rtol=0)


VALUES = st.one_of(st.floats(-80, 80, width=32), st.sampled_from([0.0, 1e30, -1e30, -INFINITY]))


@pytest.mark.parametrize("drawer", READY, ids=lambda drawer: drawer.name)
@given(
    vocab=st.sampled_from([2, 3, 19, 256, 257, 513]),
    values=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=9),
    weight=st.sampled_from([-1.0, -0.5, 0.0, 0.4, 3.0]),
    temperature=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    banned=st.sets(st.integers(0, 8), max_size=3),
    u=st.one_of(st.floats(SMALLEST, LARGEST), st.sampled_from([SMALLEST, LARGEST])),
)
def test_a_forbidden_token_is_never_drawn(
    drawer: Drawer,
    vocab: int,
    values: list[tuple[float, float]],
    weight: float,
    temperature: float,
    banned: set[int],
    u: float,
) -> None:
    c, r = torch.full((2, 1, vocab), -INFINITY)
    places = torch.linspace(0, vocab - 1, len(values)).long()  # at both ends, on and off the edges of tiles
    c[0, places], r[0, places] = (torch.tensor(side) for side in zip(*values, strict=True))
    forbidden = places[sorted(place for place in banned if place < len(places))].unique()
    c[0, vocab // 2] = r[0, vocab // 2] = 0.0
    forbidden = forbidden[forbidden != vocab // 2]
    index = torch.zeros(1, dtype=torch.int64)
    with pytest.MonkeyPatch.context() as patch:
        drawer.install(patch)
        draws = guided_draw(
            LogitRows(c, index),
            LogitRows(r, index),
            full(1, weight),
            full(1, u),
            decoding=Decoding(temperature=temperature),
            forbidden=forbidden,
        )
    token = int(draws.token)
    assert 0 <= token < vocab
    assert token not in forbidden.tolist()
    assert (r if weight == -1 else c)[0, token] > -INFINITY
    assert math.isfinite(float(draws.log_prob))


@pytest.mark.parametrize("where", ["cond", "ref", "both"])
@pytest.mark.parametrize("weight", [-1.0, -0.7, -0.5, -0.2, 0.0, 1.0, 3.0])
@every_drawer
def test_minus_infinity_in_either_law(
    drawer: Drawer, weight: float, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The laws of docs/conventions.md, whichever implementation serves the row; rows around it do not matter."""
    drawer.install(monkeypatch)
    c, u = noise(2, 8, 300, seed=5).float()
    for law in {"cond": [c], "ref": [u], "both": [c, u]}[where]:
        law[::2, ::3] = -INFINITY
    index, weights, points = torch.arange(200) % 8, full(200, weight), uniforms(200)
    draws = guided_draw(LogitRows(c, index), LogitRows(u, index), weights, points, partition=True, spread=True)
    log_q = guided_law(c[index], u[index], weights)
    own = log_q.gather(-1, draws.token.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(draws.log_prob, own, atol=1e-5, rtol=0)
    torch.testing.assert_close(draws.log_z, tilted(c[index], u[index], weights).logsumexp(-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(draws.entropy, torch.special.entr(log_q.exp()).sum(-1), atol=1e-5, rtol=0)
    upper = log_q.exp().cumsum(-1).gather(-1, draws.token.unsqueeze(-1)).squeeze(-1)
    assert bool(((points < upper + 1e-5) & (points > upper - own.exp() - 1e-5)).all())


@pytest.mark.parametrize("side", ["cond", "ref"])
@pytest.mark.parametrize(("junk", "name"), [(math.nan, "NaN"), (INFINITY, "+inf"), (-INFINITY, "-inf in every")])
@every_drawer
def test_a_bad_row_is_named(drawer: Drawer, junk: float, name: str, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawer.install(monkeypatch)
    for vocab, weight in ((19, 1.0), (700, -0.5), (700, -1.0), (700, 3.0), (256, 0.0)):
        c, u = noise(2, 5, vocab, seed=6).float()
        bad = c if side == "cond" else u
        bad[3] = junk if junk < 0 else bad[3].index_fill(0, torch.tensor(vocab - 2), junk)
        index = torch.tensor([0, 4, 1, 2, 3, 1])
        expected = 4 if side == "cond" else 4 + len(index)
        with pytest.raises(BadRow, match=re.escape(name) + ".*finite logits") as error:
            guided_draw(LogitRows(c, index), LogitRows(u, index), full(6, weight), uniforms(6))
        assert error.value.row == expected


@every_drawer
def test_a_bad_row_without_reference_is_named(drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> None:
    drawer.install(monkeypatch)
    for junk in (math.nan, INFINITY):
        c = noise(5, 300, seed=7).float()
        c[2, 299] = junk
        with pytest.raises(BadRow) as error:
            guided_draw(LogitRows(c, torch.tensor([0, 2])), None, full(2, 0), uniforms(2))
        assert error.value.row == 1
    c[2, 299] = -INFINITY
    draws = guided_draw(LogitRows(c, torch.full((99,), 2)), None, full(99, 0), uniforms(99), partition=True)
    assert bool((draws.token != 299).all())


def gaps(batch: int, length: int, vocab: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """Logits [batch, length, vocab] in several layouts."""
    plain = noise(batch, length, vocab, seed=8).to(dtype)
    wide = torch.full((batch, length + 2, vocab + 3), math.nan, dtype=dtype)
    wide[:, :length, :vocab] = plain
    shifted = torch.full((batch, length + 2, vocab + 3), math.nan, dtype=dtype)
    shifted[:, 1 : length + 1, 2 : vocab + 2] = plain
    turned = plain.transpose(0, 1).contiguous().transpose(0, 1)
    columns = plain.transpose(1, 2).contiguous().transpose(1, 2)
    return {
        "plain": plain,
        "cut off": wide[:, :length, :vocab],
        "in the middle": shifted[:, 1 : length + 1, 2 : vocab + 2],
        "positions first": turned,
        "columns first": columns,
    }


@pytest.mark.parametrize("vocab", [19, 300])
@every_kind
def test_rows_are_read_where_they_are(drawer: Drawer, dtype: torch.dtype, vocab: int) -> None:
    layouts = gaps(3, 4, vocab, dtype)
    row = torch.arange(12).flip(0).repeat(5)
    weight, points = full(60, 1.0), uniforms(60)
    u = noise(3, 4, vocab, seed=10).to(dtype)
    tokens = {
        name: drawer(*LogitRows.of(logits, row), *LogitRows.of(u, row), weight, points).token
        for name, logits in layouts.items()
    }
    for name, token in tokens.items():
        assert torch.equal(token, tokens["plain"]), name


@every_drawer
def test_numbers_of_rows_are_checked(drawer: Drawer) -> None:
    c = noise(3, 300).float()
    for index in ([0, 3], [-1, 0]):
        with pytest.raises((IndexError, RuntimeError)):
            drawer(LogitRows(c, torch.tensor(index)), None, full(2, 0), uniforms(2))
        with pytest.raises((IndexError, RuntimeError)):
            drawer(LogitRows(c, torch.tensor([0, 1])), LogitRows(c, torch.tensor(index)), full(2, 1), uniforms(2))
    one = LogitRows(c, torch.tensor([0]))
    with pytest.raises((IndexError, RuntimeError)):
        drawer(one, one, full(1, 0), uniforms(1), None, torch.tensor([300]))


@every_drawer
def test_arguments_need_no_layout(drawer: Drawer) -> None:
    c, u = noise(2, 3, 40).float()
    index, weight, points = torch.arange(30) % 3, torch.rand(30, dtype=torch.float64), uniforms(30)
    plain = drawer(LogitRows(c, index), LogitRows(u, index), weight, points)
    apart = [torch.stack((value, value), -1)[:, 0] for value in (index, weight, points)]
    assert not apart[0].is_contiguous()
    assert same(drawer(LogitRows(c, apart[0]), LogitRows(u, apart[0]), apart[1], apart[2]), plain)


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
@every_drawer
def test_rows_as_low_as_float32_goes(drawer: Drawer, temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forbidden is below what merely is as low as a number can be."""
    drawer.install(monkeypatch)
    c = torch.full((1, 600), torch.finfo(torch.float32).min)
    rows, forbidden = LogitRows(c, torch.zeros(20, dtype=torch.int64)), torch.arange(256)
    for ref in (None, rows):
        draws = guided_draw(
            rows, ref, full(20, 1.0), uniforms(20), decoding=Decoding(temperature), forbidden=forbidden, spread=True
        )
        assert int(draws.token.min()) >= 256
        assert temperature > 0 or draws.token.tolist() == [256] * 20
    alone = LogitRows(c[:, :1], torch.zeros(1, dtype=torch.int64))
    torch.testing.assert_close(guided_draw(alone, None, full(1, 0.0), uniforms(1), spread=True).margin, full(1, 1.0))


@pytest.mark.parametrize("double", ["cond", "ref"])
def test_one_prediction_in_double_precision_is_enough(double: str) -> None:
    """Here float32 would not see the reference at all."""
    c, u = noise(2, 4, 300, seed=8)
    rows = {"cond": (LogitRows(c + 1e9, torch.arange(4)), LogitRows(u.float(), torch.arange(4)))}
    rows["ref"] = (LogitRows(c.float(), torch.arange(4)), LogitRows(u + 1e9, torch.arange(4)))
    draws = guided_draw(*rows[double], full(4, 1.5), uniforms(4))
    law = guided_law(c, u, full(4, 1.5))
    torch.testing.assert_close(draws.log_prob, law[torch.arange(4), draws.token], atol=1e-5, rtol=0)
