r"""The draw from an extrapolated law: two guided laws of one position, of which the earlier one is taken off.

With the tilted laws $q_n$, $q_o$ of the predictions now and before, at exit rates $\lambda_n$, $\lambda_o$, the rate of
a jump to y is $T_y = (a \lambda_n q_n(y) - (a - 1) \lambda_o q_o(y))_+$ with $a > 1$.

Both laws are tilted and exponentiated in float32, a few rows at a time; their sums are in float64. The difference is
wrong by some $2^{-24}$ of the two terms. It is served where the sum of T is not below `LEAST` of the larger of
$a \lambda_n$ and $(a - 1) \lambda_o$; then T is right to $2^{-15}$ of its sum. At equal rates the sum is never below
$1 / a$ of it. Other rows are left to the caller, who writes their laws out in float64.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .inverse import TILE, pick, wide_sum
from .rows import DrawRequest, Draws
from .vectorised import at_token, chunks, decoded, tilted_into

__all__ = ["LEAST", "Extrapolated", "extrapolated"]

LEAST = 2.0**-7


class Extrapolated(NamedTuple):
    """What N rows become.

    Attributes:
        log_total: log of the sum of T, [N] float64.
        draws: tokens and the log-probabilities with which they were drawn; None unless they were asked for.
        served: [N] bool, for which rows this may be used.
    """

    log_total: Tensor
    draws: Draws | None
    served: Tensor


def extrapolated(
    now: DrawRequest, before: DrawRequest, log_rates: Tensor, ahead: float, *, draws: bool
) -> Extrapolated:
    r"""The sum of T in each row, and a token drawn from it by inverse CDF.

    Args:
        now: N rows of the predictions now; weight, uniforms, decoding and forbidden columns are those of both.
        before: the same of the predictions before.
        log_rates: $\log \lambda_n$ and $\log \lambda_o$, [2, N] float64.
        ahead: a.
        draws: whether tokens are asked for.

    Returns:
        `Extrapolated`; of logits in float64 no row is served.
    """
    sides = [rows for asked in (now, before) for rows in (asked.cond, asked.ref) if rows is not None]
    if any(rows.values.dtype == torch.float64 for rows in sides):
        nothing = torch.full_like(now.uniforms, math.nan)
        tokens = Draws(torch.zeros_like(nothing, dtype=torch.int64), nothing.clone()) if draws else None
        return Extrapolated(nothing, tokens, torch.zeros_like(nothing, dtype=torch.bool))
    vocab, parts = now.cond.values.shape[-1], chunks(len(now.cond), now.cond.values.shape[-1])
    # Memory is asked for once: to get it anew for each chunk would take longer than all that is done with it.
    most, width = parts[0].stop, vocab if vocab <= TILE else vocab + -vocab % TILE
    memory = torch.empty(4, most, vocab, dtype=torch.float32, device=now.weight.device)
    weights = torch.zeros(most, width, dtype=torch.float32, device=now.weight.device)
    found = [
        _part((now.of(rows), before.of(rows)), log_rates[:, rows], ahead, memory[:, : rows.stop - rows.start],
              weights[: rows.stop - rows.start], draws)
        for rows in parts
    ]  # fmt: skip
    log_total, drawn, served = zip(*found, strict=True)
    tokens = Draws.joined([each for each in drawn if each is not None]) if draws else None
    return Extrapolated(torch.cat(log_total), tokens, torch.cat(served))


def _part(
    both: tuple[DrawRequest, DrawRequest], log_rates: Tensor, ahead: float, memory: Tensor, weights: Tensor, draws: bool
) -> Extrapolated:
    """The same of n rows, with memory [4, n, V] to work in, and `weights` for T [n, V or more], 0 beyond V."""
    top = log_rates.amax(0)
    factors = torch.exp(log_rates - top) * log_rates.new_tensor([[ahead], [ahead - 1]])
    served = torch.ones_like(top, dtype=torch.bool)
    vocab = memory.shape[-1]
    for asked, factor, z in zip(both, factors, memory[2:], strict=True):
        served &= tilted_into(asked, memory[0], memory[1], z)
        z.sub_(z.amax(-1, keepdim=True)).exp_()
        z.mul_((factor / wide_sum(z)).float().unsqueeze(-1))
    torch.sub(memory[2], memory[3], out=weights[:, :vocab]).clamp_min_(0)
    total = wide_sum(weights)
    served &= total.isfinite() & (total >= LEAST * factors.amax(0))
    log_total = top + total.log()
    if not draws:
        return Extrapolated(log_total, None, served)
    asked = both[0]
    weights[:, :vocab].masked_fill_(~served.unsqueeze(-1), 1.0)  # where nothing is drawn, anything may be
    if not asked.decoding.plain:
        return Extrapolated(log_total, decoded(weights[:, :vocab].log(), asked.uniforms, asked.decoding), served)
    token = pick(weights, asked.uniforms)
    return Extrapolated(log_total, Draws(token, (at_token(weights, token) / total).log()), served)
