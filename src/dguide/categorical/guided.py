r"""The guided categorical draw: a token from $q_w(y) \propto q_c(y)^{1+w} q_u(y)^{-w}$, for selected rows of logits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from . import compiled, vectorised
from .cuda import fused
from .decoding import Decoding
from .rows import DrawRequest, Draws, LogitRows

__all__ = ["guided_draw", "guided_land", "guided_log_z", "implementation"]

_PLAIN = Decoding()

Implementation = Callable[[DrawRequest], tuple[Draws, Tensor]]
"""Returns draws, and which rows they may be used for. `vectorised.exact` serves the others."""


def implementation(device: torch.device, dtype: torch.dtype, decoding: Decoding) -> Implementation:
    """The quickest way of drawing from logits in float32 or half precision."""
    if compiled.serves(device, dtype, decoding):
        return compiled.fast
    if fused.serves(device, dtype, decoding):
        return fused.fast
    return vectorised.fast


def guided_draw(
    cond: LogitRows,
    ref: LogitRows | None,
    weight: Tensor,
    uniforms: Tensor,
    *,
    decoding: Decoding = _PLAIN,
    forbidden: Tensor | None = None,
    partition: bool = False,
    spread: bool = False,
) -> Draws:
    r"""Draw one token a row by inverse CDF from the guided law

    $$q_w(y) = q_c(y)^{1+w}\, q_u(y)^{-w} / Z_w, \qquad q_c = \mathrm{softmax}(c), \quad q_u = \mathrm{softmax}(u).$$

    Logits in half precision are raised to float32. Rows of finite logits are tilted in float32, all others (a token
    that one of the two forbids by -inf, logits in float64) in float64, several times slower: name what is always
    forbidden in `forbidden`. Cumulative sums are in float64. What is read is read once, and no temporary is larger than
    a few rows. On the CPU this is done in C, if the machine has a compiler (see `compiled`), on CUDA by two Triton
    kernels, if Triton is installed (see `fused`).

    Args:
        cond: N rows of logits c; the only network asked if `ref` is None.
        ref: N rows of logits u.
        weight: w, [N] float64, at least -1; not looked at without `ref`.
        uniforms: [N] float64 in (0, 1).
        decoding: temperature and truncation of the tilted law. (Its `forbidden` is not read here.)
        forbidden: [K] int64, columns that are removed from both laws before the tilt.
        partition: whether `Draws` carries $\log Z_w$ and the token's probability under c and u.
        spread: whether it carries maximum, entropy and margin of $q_w$.

    Returns:
        `Draws`. A token whose weight is zero is never drawn; at temperature 0 the first of the most probable is taken.

    Raises:
        BadRow: (a `ValueError`) for a row with NaN or +inf, or with -inf everywhere.
    """
    if forbidden is None:
        forbidden = torch.zeros(0, dtype=torch.int64, device=uniforms.device)
    asked = DrawRequest(cond, ref, weight, uniforms, decoding, forbidden, partition, spread)
    double = torch.float64 in (cond.values.dtype, None if ref is None else ref.values.dtype)
    if double or not len(cond):
        return vectorised.exact(asked)
    fast = implementation(cond.values.device, cond.values.dtype, decoding)
    draws, served = fast(asked)
    if bool(served.all()):
        return draws
    left = (~served).nonzero().squeeze(-1)
    draws.put(left, _exactly(asked, left))
    return draws


def guided_land(
    cond: LogitRows,
    ref: LogitRows | None,
    weight: Tensor,
    uniforms: Tensor,
    tokens: Tensor,
    place: Tensor,
    *,
    decoding: Decoding = _PLAIN,
    forbidden: Tensor,
) -> None:
    """Draw the tokens of `guided_draw`, and put them to their places in a batch. On the CPU in C this is one call.

    Args:
        cond, ref, weight, uniforms, decoding, forbidden: as in `guided_draw`, of N rows.
        tokens: [B, L] int64, one after the other in memory; it is changed.
        place: [N] int64, which entry of `tokens`, counted row after row, each draw becomes.

    Raises:
        BadRow: as in `guided_draw`; then `tokens` mean nothing.
    """
    asked = DrawRequest(cond, ref, weight, uniforms, decoding, forbidden, False, False)
    in_c = implementation(cond.values.device, cond.values.dtype, decoding) is compiled.fast
    left = compiled.land(asked, tokens, place) if in_c else None
    if left is None:
        draws = guided_draw(cond, ref, weight, uniforms, decoding=decoding, forbidden=forbidden)
        tokens.view(-1).index_copy_(0, place, draws.token)
    elif len(left):
        tokens.view(-1).index_copy_(0, place[left], _exactly(asked, left).token)


def guided_log_z(cond: LogitRows, ref: LogitRows, weight: Tensor, *, forbidden: Tensor) -> Tensor:
    r"""$\log Z_w = \log \sum_y q_c(y)^{1+w}\, q_u(y)^{-w}$ of each row, [N] float64: `Draws.log_z`, without a draw.

    In C this reads the rows once and keeps no cumulative sums, so that it takes half the time of a draw with `log_z`.
    Its terms are right to 3e-7. Elsewhere it is that draw. Arguments and errors are those of `guided_draw`.
    """
    asked = DrawRequest(cond, ref, weight, torch.full_like(weight, 0.5), _PLAIN, forbidden, True, False)
    found = None
    if len(cond) and compiled.serves(cond.values.device, cond.values.dtype, _PLAIN):
        found = compiled.log_z(asked)
    if found is None:
        log_z = guided_draw(cond, ref, weight, asked.uniforms, forbidden=forbidden, partition=True).log_z
        assert log_z is not None
        return log_z
    log_z, served = found
    if not bool(served.all()):
        left = (~served).nonzero().squeeze(-1)
        others = _exactly(asked, left).log_z
        assert others is not None
        log_z.index_copy_(0, left, others)
    return log_z


def _exactly(asked: DrawRequest, left: Tensor) -> Draws:
    """Draws of the rows `left`, in float64; an error names the row among all."""
    try:
        return vectorised.exact(asked.of(left))
    except vectorised.BadRow as error:
        again, row = divmod(error.row, len(left))
        raise vectorised.BadRow(again * len(asked.cond) + int(left[row]), error.what) from None
