"""Sums and draws of jumps on a floor in plain PyTorch, on any device; `floor` says what they are and why they hold."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .floor import LOWEST_TOTAL, MOST_HERE, FlooredRequest, Sums
from .inverse import TILE, pick, wide_sum
from .vectorised import at_token, chunks, gathered

__all__ = ["fast"]


def fast(asked: FlooredRequest) -> Sums:
    """Sums of rows in float32 or half precision, a few rows at a time, so that all of the work stays in the cache."""
    vocab, device = asked.cond.values.shape[-1], asked.weight.device
    parts = chunks(len(asked.cond), vocab)
    # Memory is asked for once: to get it anew for each chunk would take longer than all that is done with it.
    most, width = parts[0].stop, vocab if vocab <= TILE else vocab + -vocab % TILE
    memory = torch.empty(3, most, vocab, dtype=torch.float32, device=device)
    weights = torch.zeros(most, width, dtype=torch.float32, device=device)
    found = [_part(asked.of(rows), memory[:, : rows.stop - rows.start], weights[: rows.stop - rows.start])
             for rows in parts]  # fmt: skip
    columns = zip(*found, strict=True)
    return Sums(*(None if column[0] is None else torch.cat(column, -1) for column in columns))  # type: ignore[arg-type]


def _part(asked: FlooredRequest, memory: Tensor, weights: Tensor) -> Sums:
    """The sums of n rows, with memory [3, n, V] to work in, and `weights` for T [n, V or more], 0 beyond V."""
    here, laws, present = [], [], asked.present.unsqueeze(-1)
    for rows, out in zip(asked.predictions, memory, strict=False):
        law = gathered(rows, out).index_fill_(-1, asked.forbidden, -math.inf)
        here.append(at_token(law, asked.present))
        laws.append(law.scatter_(-1, present, -math.inf))
    top = torch.stack([law.amax(-1) for law in laws]) if asked.known is None else asked.known[2].float()
    for law, high in zip(laws, top, strict=True):
        law.sub_(high.unsqueeze(-1))
    wanted = asked.partition or asked.uniforms is not None
    bare = wanted and asked.floor.share == 0
    power = _from_logits(asked, laws, memory[2]) if bare else memory[2].zero_()
    each = [law.exp_() for law in laws]
    rest = torch.stack([wide_sum(law) for law in each]) if asked.known is None else asked.known[0]
    log_here = torch.stack(here) - top
    served = ((rest > 0) & rest.isfinite() & (log_here < MOST_HERE)).all(0)
    sums = Sums(rest, log_here, top.double(), None, None, None, None, served)
    if not wanted:
        return sums
    if bare:
        return _weighed(asked, sums, power, torch.zeros_like(asked.weight), None, weights)
    return _weighed(asked, *_on_the_floor(asked, sums, laws, power), laws[0], weights)


def _from_logits(asked: FlooredRequest, laws: list[Tensor], out: Tensor) -> Tensor:
    """log2 T [n, V] where there is no floor; NaN in rows where the reference forbids more than is forbidden."""
    if asked.ref is None:
        out.copy_(laws[0])
    else:
        torch.lerp(laws[1], laws[0], (1 + asked.weight).float().unsqueeze(-1), out=out)
        out.index_fill_(-1, asked.forbidden, -math.inf).scatter_(-1, asked.present.unsqueeze(-1), -math.inf)
        barred = len(asked.forbidden) + (~torch.isin(asked.present, asked.forbidden)).long()
        out.masked_fill_((laws[1].isneginf().sum(-1) > barred).unsqueeze(-1), math.nan)
    return out.mul_(1 / math.log(2))


def _on_the_floor(asked: FlooredRequest, sums: Sums, laws: list[Tensor], power: Tensor) -> tuple[Sums, Tensor, Tensor]:
    """Sums that know which floors are served, w log2(A / B) [n, V], and what log T lacks, [n]; e become A and B."""
    scale, ground, well = sums.scaled(asked.floor)
    for law, s, g in zip(laws, scale.float(), ground.float(), strict=True):
        law.mul_(s.unsqueeze(-1)).add_(g.unsqueeze(-1))
    if asked.ref is not None:
        torch.div(*laws, out=power).log2_().mul_(asked.weight.float().unsqueeze(-1))
    return sums._replace(served=sums.served & well), power, -asked.tilt(scale.log())


def _weighed(
    asked: FlooredRequest, sums: Sums, power: Tensor, lift: Tensor, factor: Tensor | None, weights: Tensor
) -> Sums:
    """The sums with those of T = `factor` 2^`power`, and what is drawn from it."""
    vocab = power.shape[-1]
    high = power.scatter_(-1, asked.present.unsqueeze(-1), -math.inf).amax(-1, keepdim=True)
    each = weights[:, :vocab]
    torch.exp2(power.sub_(high), out=each)
    if factor is not None:
        each.mul_(factor)
    total = wide_sum(weights)
    served = sums.served & (total >= LOWEST_TOTAL) & total.isfinite()
    sums = sums._replace(total=total, lift=lift + high.squeeze(-1).double() * math.log(2), served=served)
    if asked.uniforms is None:
        return sums
    each.masked_fill_(~served.unsqueeze(-1), 1.0)  # where nothing is drawn, anything may be
    token = pick(weights, asked.uniforms)
    return sums._replace(token=token, share=at_token(weights, token))
