r"""Guided draws in plain PyTorch, on any device: a few rows at a time, so that all of the work stays in the cache.

Two precisions. `fast` tilts the logits as they are, $z = c + w (c - u)$, in float32, of which the softmax is $q_w$: the
normalisers of the two predictions drop out. It serves every row whose logits are finite. `exact` normalises both
predictions first, in float64, and knows what to make of tokens that one of them forbids; it serves all other rows, and
logits in float64.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..errors import bad
from .decoding import Decoding
from .inverse import TILE, pick
from .law import tilt
from .rows import DrawRequest, Draws, LogitRows

__all__ = ["BadRow", "at_token", "chunks", "decoded", "exact", "fast", "gathered", "log_law", "tilted_into"]

_CHUNK = 1 << 18
"""Entries of a chunk of rows: 1 MiB in float32."""


class BadRow(ValueError):
    """A row that is no row of logits: its number, and what is wrong with it."""

    def __init__(self, row: int, what: str) -> None:
        super().__init__(str(bad(f"logits in row {row}", what, "finite logits (or -inf where forbidden)")))
        self.row, self.what = row, what


def chunks(count: int, vocab: int, entries: int = _CHUNK) -> list[slice]:
    """Slices of `count` rows, each of few enough to stay in the cache."""
    size = max(1, entries // vocab)
    return [slice(start, min(start + size, count)) for start in range(0, max(count, 1), size)]


def log_law(rows: LogitRows, forbidden: Tensor) -> Tensor:
    """Normalised log-probabilities of some rows, [N, V] float64.

    Raises:
        BadRow: for NaN, +inf, or -inf in every column.
    """
    logits = rows.gather().double().index_fill_(-1, forbidden, -math.inf)
    top = logits.amax(-1)  # NaN wins, so one pass finds all three
    wrong = ~torch.isfinite(top)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        value = float(top[first])
        raise BadRow(first, "NaN" if math.isnan(value) else "+inf" if value > 0 else "-inf in every column")
    log_p = logits.sub_(top.unsqueeze(-1)).log_softmax(-1)
    # So far down a multiple of it may overflow: as good as forbidden.
    return log_p.masked_fill_(log_p < -1e300, -math.inf)


def exact(asked: DrawRequest) -> Draws:
    """Draws from any rows; see `guided_draw`.

    Raises:
        BadRow: for a row of `cond` (numbered 0 to N - 1) or of `ref` (N to 2N - 1) that is no row of logits.
    """
    count, vocab = len(asked.cond), asked.cond.values.shape[-1]

    def part(rows: slice) -> Draws:
        some = asked.of(rows)
        c = _named(some.cond, asked.forbidden, rows.start)
        u = None if some.ref is None else _named(some.ref, asked.forbidden, rows.start + count)
        z = c if u is None else tilt(c, u, some.weight.unsqueeze(-1))
        zeros = torch.zeros_like(some.uniforms)
        return _drawn(some, z, torch.softmax(z, -1), [c, u], [zeros, zeros])[0]

    return Draws.joined([part(rows) for rows in chunks(count, vocab, _CHUNK // 2)])


def _named(rows: LogitRows, forbidden: Tensor, start: int) -> Tensor:
    try:
        return log_law(rows, forbidden)
    except BadRow as error:
        raise BadRow(start + error.row, error.what) from None


def fast(asked: DrawRequest) -> tuple[Draws, Tensor]:
    """Draws from rows of finite logits; see `guided_draw`. Returns also which rows it could serve, [N] bool."""
    vocab, forbidden = asked.cond.values.shape[-1], asked.forbidden
    parts = chunks(len(asked.cond), vocab)
    # Memory is asked for once: to get it anew for each chunk would take longer than all that is done with it.
    most, width = parts[0].stop, vocab if vocab <= TILE else vocab + -vocab % TILE
    device = asked.uniforms.device
    all_c, all_u = torch.empty(2, most, vocab, dtype=torch.float32, device=device).unbind(0)
    all_z, all_q = torch.full((2, most, width), -math.inf, dtype=torch.float32, device=device).unbind(0)

    def part(rows: slice) -> tuple[Draws, Tensor]:
        some, count = asked.of(rows), rows.stop - rows.start
        c, u, z = all_c[:count], all_u[:count], all_z[:count]
        finite = tilted_into(some, c, u, z[:, :vocab])
        laws: list[Tensor | None] = [c, None if some.ref is None else u]
        log_sums: list[Tensor | None] = [None, None]
        if asked.partition:
            for which, law in enumerate(laws):
                if law is not None:
                    log_sums[which] = torch.logsumexp(law.index_fill_(-1, forbidden, -math.inf), -1).double()
        draws, whole = _drawn(some, z, torch.softmax(z, -1, out=all_q[:count]), laws, log_sums)
        return draws, whole & finite

    found = [part(rows) for rows in parts]
    return Draws.joined([draws for draws, _ in found]), torch.cat([served for _, served in found])


def tilted_into(asked: DrawRequest, c: Tensor, u: Tensor, z: Tensor) -> Tensor:
    """Write c, u and z = c + w (c - u) of all rows in float32, [n, V] each; z is -inf where it is forbidden.

    u is not written without a reference. Returns in which rows u is finite where it is allowed, [n] bool.
    """
    gathered(asked.cond, c)
    finite = torch.ones_like(asked.uniforms, dtype=torch.bool)
    if asked.ref is None:
        z.copy_(c)
    else:
        gathered(asked.ref, u)
        if len(asked.forbidden):
            u.index_fill_(-1, asked.forbidden, 0.0)
        finite = u.sum(-1).isfinite()
        torch.lerp(u, c, (1 + asked.weight).float().unsqueeze(-1), out=z)
    if len(asked.forbidden):
        z.index_fill_(-1, asked.forbidden, -math.inf)
    return finite


def gathered(rows: LogitRows, out: Tensor) -> Tensor:
    """The rows in float32, written to `out`."""
    if rows.values.dtype == out.dtype:
        return torch.index_select(rows.values, 0, rows.index, out=out)
    return out.copy_(rows.gather())


def decoded(log_law: Tensor, uniforms: Tensor, decoding: Decoding) -> Draws:
    """Draw a token from each law [N, V], given in logs: `Draws` of token and log_prob."""
    return Draws(*_picked(log_law, torch.softmax(log_law, -1), uniforms, decoding))


def _picked(z: Tensor, q: Tensor, uniforms: Tensor, decoding: Decoding) -> tuple[Tensor, Tensor]:
    """A token of each law `q` = softmax(`z`) [n, V] after decoding, and the log-probability with which it is drawn."""
    if decoding.plain:
        p = q
        token = pick(p, uniforms)
        total = torch.ones_like(uniforms)
    elif decoding.temperature == 0:
        p, token = q, z.argmax(-1)
        total = at_token(q, token)
    else:
        p = q if decoding.temperature == 1 else torch.softmax((z - z.amax(-1, keepdim=True)) / decoding.temperature, -1)
        p = decoding.truncated(p)
        token = pick(p, uniforms)
        total = p.sum(-1, dtype=torch.float64)
    return token, (at_token(p, token) / total).log()


def _drawn(
    asked: DrawRequest, z: Tensor, q: Tensor, laws: list[Tensor | None], log_sums: list[Tensor | None]
) -> tuple[Draws, Tensor]:
    """Draw from `q` = softmax(`z`), and say which rows were finite.

    Args:
        asked: what is asked of these n rows.
        z: [n, V], tilted log-weights, of any normalisation; columns beyond those of the laws are -inf.
        q: [n, V], their law.
        laws: [n, V] each, what was tilted; None where there is no reference.
        log_sums: [n] float64 each, log of the sum of the exponentials of `laws`.
    """
    token, log_prob = _picked(z, q, asked.uniforms, asked.decoding)
    found: dict[str, Tensor | None] = {"log_prob": log_prob}
    if asked.partition:
        cond, ref = (
            None if law is None or log_sum is None else at_token(law, token) - log_sum
            for law, log_sum in zip(laws, log_sums, strict=True)
        )
        log_z = torch.zeros_like(asked.uniforms)
        if ref is not None and log_sums[0] is not None and log_sums[1] is not None:
            tilted = torch.logsumexp(z, -1).double()
            log_z = tilted - (1 + asked.weight) * log_sums[0] + asked.weight * log_sums[1]
        found |= {"log_z": log_z, "log_cond": cond, "log_ref": ref}
    if asked.spread:
        first, second = _two_largest(q)
        found |= {
            "log_tilted": at_token(q, token).log(),
            "log_max": first.log(),
            "entropy": -(q.clamp_min(torch.finfo(q.dtype).tiny).log_().mul_(q)).sum(-1, dtype=torch.float64),
            "margin": first - second,
        }
    return Draws(token, **found), ~log_prob.isnan()  # type: ignore[arg-type]


def _two_largest(law: Tensor) -> tuple[Tensor, Tensor]:
    """The two largest probabilities of each row, [N] float64, 0 where there is no second; quicker than `topk`."""
    first = law.amax(-1, keepdim=True)
    leads = law == first
    second = torch.where(leads.sum(-1) > 1, first.squeeze(-1), law.masked_fill(leads, 0.0).amax(-1))
    return first.squeeze(-1).double(), second.double()


def at_token(values: Tensor, token: Tensor) -> Tensor:
    """The entry of each row of `values` [N, V] in the column `token` [N], in float64."""
    return values.gather(-1, token.unsqueeze(-1)).squeeze(-1).double()
