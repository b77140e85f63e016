"""Tokens put to their places in a batch are those of `guided_draw`, whatever draws them."""

from __future__ import annotations

import math

import pytest
import torch
from drawers import NOTHING, full, noise
from torch import Tensor

from dguide.categorical import BadRow, Decoding, LogitRows, compiled, guided, guided_draw, guided_land, vectorised

N, ROWS = 40, 60
PLAIN = Decoding()


def problem(vocab: int, dtype: torch.dtype) -> tuple[LogitRows, LogitRows, Tensor, Tensor]:
    """Rows in any order, weights from -1 to 2, and uniforms. The reference forbids a token in some rows."""
    c, u = (noise(2, ROWS, vocab, seed=vocab) * 3).to(dtype)
    u[::7, 0] = -math.inf
    index = torch.arange(N) * 13 % ROWS
    weight = torch.linspace(-1, 2, N, dtype=torch.float64)
    uniforms = (torch.arange(N, dtype=torch.float64) + 0.5) / N
    return LogitRows(c, index), LogitRows(u, index.flip(0)), weight, uniforms


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("in_c", [True, False])
def test_the_tokens_are_those_of_a_draw_and_nothing_else_changes(
    monkeypatch: pytest.MonkeyPatch, in_c: bool, threads: int
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(compiled, "_WORTH_THREADS", 0)
    if not in_c:
        monkeypatch.setattr(guided, "implementation", lambda device, dtype, decoding: vectorised.fast)
    place = torch.arange(N) * 7 % 71
    for vocab, dtype, decoding, alone, forbidden in (
        (19, torch.float32, PLAIN, False, torch.tensor([18])),
        (300, torch.bfloat16, Decoding(temperature=0.5), False, NOTHING),
        (19, torch.float64, PLAIN, False, NOTHING),
        (19, torch.float32, Decoding(temperature=0, top_k=3), False, NOTHING),
        (2, torch.float16, PLAIN, True, NOTHING),
    ):
        cond, both, weight, uniforms = problem(vocab, dtype)
        ref = None if alone else both
        asked = {"decoding": decoding, "forbidden": forbidden}
        tokens = torch.full((8, 9), -5)
        guided_land(cond, ref, weight, uniforms, tokens, place, **asked)
        wanted = torch.full((72,), -5)
        wanted[place] = guided_draw(cond, ref, weight, uniforms, **asked).token
        assert torch.equal(tokens.flatten(), wanted)


def test_a_bad_row_is_named_and_a_place_that_there_is_not_is_refused() -> None:
    cond, ref, weight, uniforms = problem(19, torch.float32)
    place, tokens = torch.arange(N), torch.zeros(N, dtype=torch.int64)
    with pytest.raises(IndexError):
        guided_land(cond, None, weight, uniforms, tokens, place + 1, forbidden=NOTHING)
    cond.values[cond.index[11], 3] = math.nan
    with pytest.raises(BadRow) as caught:
        guided_land(cond, ref, full(N, 1.0), uniforms, tokens, place, forbidden=NOTHING)
    assert caught.value.row == 11
